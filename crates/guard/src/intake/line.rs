//! A call of many in the direction of its client: whole frames, by whichever thread has one.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use wire::carry::{Frame, MAX_CARRIED, Note, VaultEnd};
use wire::frame;

use common::sync::lock;

/// The call's stream in the direction of the client.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) protocol: Mutex<VaultEnd>,
    /// For whole frames, one after the other.
    writer: Mutex<UnixStream>,
}

/// Where one connection's replies go.
#[derive(Clone, Debug)]
pub struct Replies {
    line: Arc<Line>,
    number: u32,
}

impl Line {
    pub(super) fn new(protocol: VaultEnd, writer: UnixStream) -> Arc<Self> {
        Arc::new(Self {
            protocol: Mutex::new(protocol),
            writer: Mutex::new(writer),
        })
    }

    /// # Errors
    /// The client has gone, or does not read.
    pub(super) fn write(&self, frame: &Frame<'_>) -> io::Result<()> {
        let writer = lock(&self.writer);
        let result = (&*writer).write_all(&frame::encode(&frame.rebuild()));
        if result.is_err() {
            // Half a frame may be out: the reader ends the call.
            let _ = writer.shutdown(Shutdown::Both);
        }
        result
    }

    pub(super) fn close(&self) {
        let _ = lock(&self.writer).shutdown(Shutdown::Both); // the client may be gone
    }
}

impl Replies {
    pub(super) fn of(number: u32, line: &Arc<Line>) -> Self {
        Self {
            line: Arc::clone(line),
            number,
        }
    }

    /// # Errors
    /// The connection has ended, or nobody reads.
    pub(super) fn send(&self, reply: &[u8]) -> io::Result<()> {
        let fits = reply.len() <= MAX_CARRIED;
        if !fits || !lock(&self.line.protocol).reply(self.number) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.line.write(&Frame::Message(self.number, reply))
    }

    /// Tells something of the request whose reply is due.
    pub fn tell(&self, note: Note) {
        if lock(&self.line.protocol).is_due(self.number) {
            // Who does not read it sees the end of the call.
            let _ = self.line.write(&Frame::Note(self.number, note));
        }
    }
}
