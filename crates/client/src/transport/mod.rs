//! The ways to a vault: qrexec, a command that speaks on stdin and stdout, or a unix socket.

mod command;
mod qrexec;
mod stream;
mod unix;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use crate::config::TransportConfig;
pub use qrexec::Qrexec;
pub use stream::Stream;

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

impl From<TransportConfig> for Transport {
    fn from(config: TransportConfig) -> Self {
        match config {
            TransportConfig::Qrexec {
                program,
                target,
                argument,
            } => Self::Qrexec(Qrexec::new(program, target, argument)),
            TransportConfig::Command { program, arguments } => Self::Command { program, arguments },
            TransportConfig::Unix { path, argument } => Self::Unix { path, argument },
        }
    }
}
