//! The ways to a vault: qrexec, a command that speaks on stdin and stdout, or a unix socket.

mod unix;

use std::fmt;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::status::TransportKind;
use crate::transport_process::TransportProcess;
use common::service::service_with;

/// Where Qubes keeps `qrexec-client-vm` besides `PATH`.
const QREXEC: &str = "qrexec-client-vm";
const USUAL_QREXEC: &str = "/usr/lib/qubes/qrexec-client-vm";

/// How a client reaches its vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Through dom0: `qrexec-client-vm -- TARGET qubes.SshAgent+KEYRING`.
    Qrexec {
        /// Overrides the usual search for `qrexec-client-vm`.
        program: Option<PathBuf>,
        target: String,
        argument: String,
    },
    /// A command that carries the agent protocol on its stdin and stdout, such as
    /// `ssh vault-host split-ssh vault --stdio --from NAME`; the program is looked up in `PATH`.
    Command {
        program: String,
        arguments: Vec<String>,
    },
    /// The `qrexec.sock` of a vault on this machine, and the service's argument.
    Unix { path: PathBuf, argument: String },
}

/// A stream on its way to the vault, whose set-up may still go on.
#[derive(Debug)]
pub enum Stream {
    /// The program reads `its_stdin`, of which `to_stdin` is our end, and writes `from_stdout`.
    Piped {
        process: TransportProcess,
        to_stdin: UnixStream,
        its_stdin: UnixStream,
        from_stdout: ChildStdout,
    },
    /// A vault on this machine: it listens, so set-up is over.
    Connected(UnixStream),
}

impl Transport {
    /// Starts what carries the stream. Set-up goes on after that; `first` is where its end shows:
    /// in a socket whose reader has taken these bytes.
    ///
    /// # Errors
    /// The program cannot be started, or nobody accepts at the socket before `end`.
    pub fn open(&self, first: &[u8], end: Instant) -> io::Result<Stream> {
        match self {
            Self::Qrexec {
                program,
                target,
                argument,
            } => {
                let program = program.clone().unwrap_or_else(find_qrexec);
                let service = service_with(argument);
                start(Command::new(program).args(["--", target, &service]), first)
            }
            Self::Command { program, arguments } => {
                start(Command::new(program).args(arguments), first)
            }
            Self::Unix { path, argument } => {
                unix::connect(path, argument, end).map(Stream::Connected)
            }
        }
    }

    pub fn kind(&self) -> TransportKind {
        match self {
            Self::Qrexec { .. } => TransportKind::Qrexec,
            Self::Command { .. } => TransportKind::Command,
            Self::Unix { .. } => TransportKind::Unix,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qrexec {
                target, argument, ..
            } => write!(f, "qrexec to {target}, {}", service_with(argument)),
            Self::Command { program, .. } => write!(f, "command {program}"),
            Self::Unix { path, argument } => {
                let service = service_with(argument);
                write!(f, "unix socket {}, {service}", path.display())
            }
        }
    }
}

/// Starts `command` with a socket pair as stdin, because there we can see whether it has read, and a pipe as stdout,
/// because there we can see that it has closed. `first` waits for it.
///
/// It never gets the program's own socket: `qrexec-client-vm` shuts that before it ends with 125 or 127, and nobody could
/// answer the program any more; and with one socket as stdin and stdout, a command that ends its output but not itself (ncat
/// does, when the far end has died) could not be noticed.
fn start(command: &mut Command, first: &[u8]) -> io::Result<Stream> {
    let (mut to_stdin, its_stdin) = UnixStream::pair()?;
    to_stdin.write_all(first)?; // few enough bytes to fit into any socket's buffer
    command
        .stdin(OwnedFd::from(its_stdin.try_clone()?))
        .stdout(Stdio::piped());
    let mut process = TransportProcess::start(command)?;
    let from_stdout = process.take_stdout().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok(Stream::Piped {
        process,
        to_stdin,
        its_stdin,
        from_stdout,
    })
}

fn find_qrexec() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(QREXEC))
        .find(|program| program.is_file())
        .unwrap_or_else(|| PathBuf::from(USUAL_QREXEC))
}

impl Stream {
    pub fn process(&mut self) -> Option<&mut TransportProcess> {
        match self {
            Self::Piped { process, .. } => Some(process),
            Self::Connected(_) => None,
        }
    }
}
