//! The ways to a vault: qrexec, a command that speaks on stdin and stdout, or a unix socket.

mod command;
mod qrexec;
mod unix;

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ChildStdout;
use std::time::Instant;

use super::child::Carrier;

pub use qrexec::Qrexec;

/// How a client reaches its vault.
#[derive(Debug)]
pub enum Transport {
    Qrexec(Qrexec),
    /// The program, looked up in `PATH`, and its arguments.
    Command {
        program: String,
        arguments: Vec<String>,
    },
    /// The `qrexec.sock` of a vault on this machine, and the service's argument.
    Unix {
        path: PathBuf,
        argument: String,
    },
}

/// A stream on its way to the vault.
#[derive(Debug)]
pub enum Stream {
    /// The program reads `its_stdin`, of which `to_stdin` is our end, and writes `from_stdout`.
    Piped {
        carrier: Carrier,
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
            Self::Qrexec(qrexec) => qrexec.call(first),
            Self::Command { program, arguments } => command::start(program, arguments, first),
            Self::Unix { path, argument } => {
                unix::connect(path, argument, end).map(Stream::Connected)
            }
        }
    }
}

impl Stream {
    pub fn carrier(&mut self) -> Option<&mut Carrier> {
        match self {
            Self::Piped { carrier, .. } => Some(carrier),
            Self::Connected(_) => None,
        }
    }
}
