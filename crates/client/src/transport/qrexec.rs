//! The way through dom0: `qrexec-client-vm [--use-stdin-socket] -- TARGET qubes.SshAgent+KEYRING`.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{SERVICE, Stream, command};
use crate::child::Carrier;
use common::wait;

/// Where Qubes keeps the program besides `PATH`.
const PROGRAM: &str = "qrexec-client-vm";
const USUAL_PLACE: &str = "/usr/lib/qubes/qrexec-client-vm";
/// qrexec 4.2.19 and later: stdin is a socket, used both ways.
const SOCKET_OPTION: &str = "--use-stdin-socket";
/// `--help` prints a screenful and ends.
const HELP_PATIENCE: Duration = Duration::from_secs(5);
const MAX_HELP: usize = 64 * 1024;

/// Calls of `qubes.SshAgent` at one target with one argument.
#[derive(Debug)]
pub struct Qrexec {
    program: PathBuf,
    target: String,
    argument: String,
    takes_socket: OnceLock<bool>,
}

impl Qrexec {
    /// `program` overrides the usual search for `qrexec-client-vm`.
    pub fn new(program: Option<PathBuf>, target: String, argument: String) -> Self {
        let program = program.unwrap_or_else(find_program);
        Self {
            program,
            target,
            argument,
            takes_socket: OnceLock::new(),
        }
    }

    pub(super) fn call(&self, client: &UnixStream, first: &[u8]) -> io::Result<Stream> {
        // A client that will send no more must not hand its socket over: the end of its input would
        // reach the vault with the request, and ssh-agent then drops the reply. The pump holds it back.
        let hands_over = self.takes_socket() && !wait::has_half_closed(client)?;
        let mut call = Command::new(&self.program);
        if hands_over {
            call.arg(SOCKET_OPTION);
        }
        call.arg("--")
            .arg(&self.target)
            .arg(service_with(&self.argument));
        if !hands_over {
            return command::start_piped(&mut call, first);
        }
        client.set_nonblocking(false)?; // an earlier attempt may have left it otherwise
        call.stdin(OwnedFd::from(client.try_clone()?))
            .stdout(Stdio::null());
        Carrier::start(&mut call).map(Stream::HandedOver)
    }

    fn takes_socket(&self) -> bool {
        *self
            .takes_socket
            .get_or_init(|| help_of(&self.program).is_ok_and(|help| help.contains(SOCKET_OPTION)))
    }
}

impl fmt::Display for Qrexec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "qrexec to {}, {}",
            self.target,
            service_with(&self.argument)
        )
    }
}

/// `qubes.SshAgent` alone for no argument: so every older dom0 policy reads it as well.
fn service_with(argument: &str) -> String {
    if argument.is_empty() {
        SERVICE.to_owned()
    } else {
        format!("{SERVICE}+{argument}")
    }
}

fn find_program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|program| program.is_file())
        .unwrap_or_else(|| PathBuf::from(USUAL_PLACE))
}

/// What the program says of its options, on stdout or stderr.
fn help_of(program: &Path) -> io::Result<String> {
    let end = Instant::now() + HELP_PATIENCE;
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new(program)
        .arg("--help")
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(theirs.try_clone()?))
        .stderr(OwnedFd::from(theirs))
        .spawn()?;
    let mut help = Vec::new();
    let mut buffer = [0; 4096];
    while help.len() < MAX_HELP {
        ours.set_read_timeout(Some(
            end.saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1)),
        ))?;
        match ours.read(&mut buffer) {
            Ok(length) if length > 0 => help.extend(buffer.iter().take(length)),
            _ => break,
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(String::from_utf8_lossy(&help).into_owned())
}
