//! What a transport gives: a stream to the vault whose set-up may still go on.

use std::os::unix::net::UnixStream;
use std::process::ChildStdout;

use crate::transport_process::TransportProcess;

/// A stream on its way to the vault.
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

impl Stream {
    pub fn process(&mut self) -> Option<&mut TransportProcess> {
        match self {
            Self::Piped { process, .. } => Some(process),
            Self::Connected(_) => None,
        }
    }
}
