//! A bare connection to an agent, for what no real client sends.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::message::{self, Message};
use crate::wait::DEADLINE;

#[derive(Debug)]
pub struct Connection {
    pub stream: UnixStream,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Type and body.
    Reply(Vec<u8>),
    /// The connection was closed.
    Closed,
    /// Nothing in the time allowed.
    Silence,
}

impl Answer {
    /// The reply's type, if one came.
    pub fn number(&self) -> Option<u8> {
        match self {
            Self::Reply(payload) => payload.first().copied(),
            Self::Closed | Self::Silence => None,
        }
    }

    /// The signature's blob of a signature reply: `(algorithm, signature)` still packed.
    pub fn signature(&self) -> Option<Vec<u8>> {
        match self {
            Self::Reply(payload) if payload.first() == Some(&message::SIGNATURE) => {
                message::strings(&payload[1..])
                    .first()
                    .map(|blob| blob.to_vec())
            }
            _ => None,
        }
    }
}

impl Connection {
    pub fn open(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket)
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a time-out");
        Self { stream }
    }

    /// A qrexec call to a vault's socket service by the qube `source`, for keyring `default`.
    pub fn call(qrexec_socket: &Path, source: &str) -> Self {
        let mut connection = Self::open(qrexec_socket);
        connection.send_bytes(format!("qubes.SshAgent+ {source}\0").as_bytes());
        connection
    }

    /// Sends a request; the other side may have closed.
    pub fn send(&mut self, request: &Message) {
        self.send_bytes(&request.framed());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        // Whoever is refused this way finds the close on reading.
        drop(self.stream.write_all(bytes));
    }

    pub fn answer(&mut self) -> Answer {
        match self.read_frame() {
            Ok(payload) => Answer::Reply(payload),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Answer::Silence
            }
            Err(_) => Answer::Closed,
        }
    }

    pub fn ask(&mut self, request: &Message) -> Answer {
        self.send(request);
        self.answer()
    }

    /// Asks, and waits at most `patience` for the answer.
    pub fn ask_within(&mut self, request: &Message, patience: Duration) -> Answer {
        self.send(request);
        self.answer_within(patience)
    }

    pub fn answer_within(&mut self, patience: Duration) -> Answer {
        self.stream
            .set_read_timeout(Some(patience))
            .expect("a time-out");
        let answer = self.answer();
        self.stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a time-out");
        answer
    }

    /// An answer, or the connection's end, is there.
    pub fn is_readable(&self) -> bool {
        let mut fds = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut payload =
            vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)];
        self.stream.read_exact(&mut payload)?;
        Ok(payload)
    }
}

/// The keys that an agent lists on a connection of its own, or `None` if it does not answer with a list.
pub fn list(socket: &Path) -> Option<Vec<Vec<u8>>> {
    identities(&Connection::open(socket).ask(&Message::of(message::LIST)))
}

/// The key blobs of an identities reply.
pub fn identities(answer: &Answer) -> Option<Vec<Vec<u8>>> {
    match answer {
        Answer::Reply(payload) if payload.first() == Some(&message::IDENTITIES) => {
            let strings = message::strings(payload.get(5..)?);
            Some(strings.iter().step_by(2).map(|key| key.to_vec()).collect())
        }
        _ => None,
    }
}
