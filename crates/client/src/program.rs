//! The socket of a local program: its requests, one by one, and our replies.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use wire::frame::Decoder;

use super::connection_table::{ConnectionHandle, Watcher};
use super::outgoing::Outgoing;

/// What is read at once, as OpenSSH's agent does.
const CHUNK: usize = 4096;
/// A program sends a request in one go; one that comes over a slow forwarding has this time.
const WHOLE_REQUEST_TIME: Duration = Duration::from_secs(10);
/// A program that does not take its reply for so long has left.
const REPLY_TIME: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Program {
    pub stream: Arc<UnixStream>,
    decoder: Decoder,
    /// When the request began that is not whole yet.
    began: Option<Instant>,
}

impl Program {
    /// # Errors
    /// As `fcntl(2)`.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: Arc::new(stream),
            decoder: Decoder::new(),
            began: None,
        })
    }

    pub fn watched_by<'a>(&'a self, handle: &'a ConnectionHandle) -> Watcher<'a> {
        Watcher {
            program: Some(&self.stream),
            handle,
        }
    }

    /// The next request, if it is there.
    ///
    /// # Errors
    /// The program has closed, or sends what is no agent protocol, or is late with it.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = [0; CHUNK];
        loop {
            if let Some(request) = self.decoder.next().map_err(io::Error::other)? {
                self.began = None;
                return Ok(Some(request));
            }
            match (&*self.stream).read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.began.get_or_insert_with(Instant::now);
                    self.decoder.push(chunk.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let is_late = self.late_at().is_some_and(|late| Instant::now() >= late);
                    return if is_late { Err(error) } else { Ok(None) };
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// When a request that has begun takes too long.
    pub fn late_at(&self) -> Option<Instant> {
        self.began.map(|began| began + WHOLE_REQUEST_TIME)
    }

    /// Sends what is left of a reply.
    ///
    /// # Errors
    /// The program has left, or does not read for 30 s, or we stop.
    pub fn send(&self, mut reply: Outgoing, handle: &ConnectionHandle) -> io::Result<()> {
        let end = Instant::now() + REPLY_TIME;
        while !reply.send_now(&self.stream)? {
            let is_late = Instant::now() >= end;
            let fd = PollFd::new(self.stream.as_fd(), PollFlags::POLLOUT);
            if is_late || handle.alone().wait([fd], Some(end)).is_err() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }
}
