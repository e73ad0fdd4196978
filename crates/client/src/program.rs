//! The socket of a local program: its requests, one by one, and our replies.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use wire::frame::{self, Decoder};
use wire::reply::Reply;

use super::connection_table::{ConnectionHandle, Watcher};
use crate::status::outcome::CallOutcome;

/// What is read at once, as OpenSSH's agent does.
const CHUNK: usize = 4096;
/// Bytes of a length in front of a message.
const LENGTH: usize = 4;
/// A program sends a request in one go; one that comes over a slow forwarding has this time.
const WHOLE_REQUEST_TIME: Duration = Duration::from_secs(10);
/// A program that does not take its reply for so long has left.
const REPLY_TIME: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Program {
    stream: Arc<UnixStream>,
    decoder: Decoder,
    has_ended: bool,
    /// When the request began that is not whole yet.
    began: Option<Instant>,
}

/// What came of looking for a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Request(Vec<u8>),
    NotYet,
    /// The program has closed, or sends what is no agent protocol.
    End,
}

/// A reply for a program, of which a part may be sent.
#[derive(Debug)]
pub struct Answer {
    /// With its length in front.
    bytes: Vec<u8>,
    sent: usize,
}

/// Why a request has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The vault never looked at the connection: another call will do.
    Untaken,
    /// The vault never looked at the request: it may be made once more on another connection.
    Unseen(CallOutcome),
    Because(CallOutcome),
}

impl Unanswered {
    pub fn outcome(self) -> CallOutcome {
        match self {
            Self::Untaken => CallOutcome::Served,
            Self::Unseen(outcome) | Self::Because(outcome) => outcome,
        }
    }
}

impl Answer {
    pub fn new(reply: &[u8]) -> Self {
        Self {
            bytes: frame::encode(reply),
            sent: 0,
        }
    }

    /// The reply, without its length.
    pub fn reply(&self) -> &[u8] {
        self.bytes.get(LENGTH..).unwrap_or_default()
    }

    /// Sends what a program's socket takes without waiting; whether that was all.
    ///
    /// # Errors
    /// The program has left.
    pub fn send_now(&mut self, mut program: &UnixStream) -> io::Result<bool> {
        while let Some(unsent @ [_, ..]) = self.bytes.get(self.sent..) {
            match program.write(unsent) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl Program {
    /// # Errors
    /// As `fcntl(2)`.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: Arc::new(stream),
            decoder: Decoder::new(),
            has_ended: false,
            began: None,
        })
    }

    pub fn socket(&self) -> &Arc<UnixStream> {
        &self.stream
    }

    pub fn watched_by<'a>(&'a self, handle: &'a ConnectionHandle) -> Watcher<'a> {
        Watcher {
            program: Some(&self.stream),
            handle,
        }
    }

    /// Reads what is there.
    pub fn next(&mut self) -> Next {
        let mut chunk = [0; CHUNK];
        loop {
            match self.decoder.next() {
                Ok(Some(request)) => {
                    self.began = None;
                    return Next::Request(request);
                }
                Ok(None) if self.has_ended => return Next::End,
                Ok(None) => {}
                Err(_) => return Next::End,
            }
            match (&*self.stream).read(&mut chunk) {
                Ok(0) => self.has_ended = true,
                Ok(length) => {
                    self.began.get_or_insert_with(Instant::now);
                    self.decoder.push(chunk.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let is_late = self.late_at().is_some_and(|late| Instant::now() >= late);
                    return if is_late { Next::End } else { Next::NotYet };
                }
                Err(_) => return Next::End,
            }
        }
    }

    /// When a request that has begun takes too long.
    pub fn late_at(&self) -> Option<Instant> {
        self.began.map(|began| began + WHOLE_REQUEST_TIME)
    }

    /// Sends what is left of an answer.
    ///
    /// # Errors
    /// The program has left, or does not read for 30 s, or we stop.
    pub fn send(&self, mut answer: Answer, handle: &ConnectionHandle) -> io::Result<()> {
        let end = Instant::now() + REPLY_TIME;
        while !answer.send_now(&self.stream)? {
            let is_late = Instant::now() >= end;
            let fd = PollFd::new(self.stream.as_fd(), PollFlags::POLLOUT);
            if is_late || handle.alone().wait([fd], Some(end)).is_err() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Tells a program that its request was refused: it goes on with its other keys then.
    pub fn refuse(&self, handle: &ConnectionHandle) {
        // Who does not take it has left.
        let _ = self.send(Answer::new(&Reply::Failure.rebuild()), handle);
    }
}
