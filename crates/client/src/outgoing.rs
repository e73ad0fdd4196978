//! Messages for a peer that may not take them at once.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use wire::frame;

/// Bytes of a length in front of a message.
const LENGTH: usize = 4;

/// Messages with their lengths, of which a part may be sent.
#[derive(Debug, Default)]
pub struct Outgoing {
    pub bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    pub fn new(message: &[u8]) -> Self {
        Self {
            bytes: frame::encode(message),
            sent: 0,
        }
    }

    /// The only message, without its length.
    pub fn message(&self) -> &[u8] {
        self.bytes.get(LENGTH..).unwrap_or_default()
    }

    pub fn is_sent(&self) -> bool {
        self.sent >= self.bytes.len()
    }

    /// Sends what the peer's socket takes without waiting; whether that was all.
    ///
    /// # Errors
    /// The peer has left.
    pub fn send_now(&mut self, mut peer: &UnixStream) -> io::Result<bool> {
        while let Some(unsent @ [_, ..]) = self.bytes.get(self.sent..) {
            match peer.write(unsent) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
