//! The ways to a vault: qrexec, a command that speaks on stdin and stdout, or a unix socket.

mod unix;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use crate::config::values::CommandLine;
use crate::connection_table::Watcher;
use crate::status::TransportKind;
use crate::status::outcome::CallOutcome;
use crate::transport_process::{TransportProcess, set_nonblocking};
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
    Command(CommandLine),
    /// The `qrexec.sock` of a vault on this machine, and the service's argument.
    Unix { path: PathBuf, argument: String },
}

/// A stream on its way to the vault, whose set-up may still go on.
#[derive(Debug)]
pub struct Stream {
    /// What carries it; none to a vault on this machine, which listens, so that its set-up is over.
    pub process: Option<TransportProcess>,
    pub to_vault: UnixStream,
    pub from_vault: File,
    /// The process's end of `to_vault`, while its set-up goes on: what it has not read is there.
    pub its_stdin: Option<UnixStream>,
}

impl Transport {
    /// Starts what carries the stream. Set-up goes on after that; `first` is where its end shows:
    /// in a socket whose reader has taken these bytes, few enough to fit into any socket's buffer.
    ///
    /// # Errors
    /// The program cannot be started, or nobody accepts at the socket before `end` or while somebody waits for it.
    pub fn open(
        &self,
        first: &[u8],
        watcher: &Watcher<'_>,
        end: Instant,
    ) -> Result<Stream, CallOutcome> {
        match self {
            Self::Qrexec {
                program,
                target,
                argument,
            } => {
                let program = program.as_ref().unwrap_or(&FOUND_QREXEC);
                let service = service_with(argument);
                let mut command = Command::new(program);
                Ok(start(command.args(["--", target, &service]), first)?)
            }
            Self::Command(line) => {
                let mut command = Command::new(&line.program);
                Ok(start(command.args(&line.arguments), first)?)
            }
            Self::Unix { path, argument } => {
                let mut to_vault = unix::connect(path, argument, watcher, end)?;
                to_vault.write_all(first)?;
                Ok(Stream {
                    process: None,
                    from_vault: File::from(OwnedFd::from(to_vault.try_clone()?)),
                    to_vault,
                    its_stdin: None,
                })
            }
        }
    }

    pub fn kind(&self) -> TransportKind {
        match self {
            Self::Qrexec { .. } => TransportKind::Qrexec,
            Self::Command(_) => TransportKind::Command,
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
            Self::Command(line) => write!(f, "command {}", line.program),
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
    let (mut to_vault, its_stdin) = UnixStream::pair()?;
    to_vault.write_all(first)?;
    command
        .stdin(OwnedFd::from(its_stdin.try_clone()?))
        .stdout(Stdio::piped());
    let mut process = TransportProcess::start(command)?;
    let stdout = process.take_stdout().ok_or(io::ErrorKind::BrokenPipe)?;
    set_nonblocking(&to_vault)?;
    set_nonblocking(&stdout)?;
    Ok(Stream {
        process: Some(process),
        to_vault,
        from_vault: File::from(OwnedFd::from(stdout)),
        its_stdin: Some(its_stdin),
    })
}

/// Looked for once: `PATH` stays as it is.
static FOUND_QREXEC: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(QREXEC))
        .find(|program| program.is_file())
        .unwrap_or_else(|| PathBuf::from(USUAL_QREXEC))
});
