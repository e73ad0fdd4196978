//! A byte stream whose every wait has an end.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::wait;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use wire::carry::Note;
use wire::frame::{self, Decoder, FrameError};

/// How much is taken from a socket at once, as OpenSSH's agent does.
const CHUNK: usize = 4096;

/// A peer that does not take its reply for this long has left.
const WRITE_TIME: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct ByteStream(UnixStream);

impl ByteStream {
    /// # Errors
    /// The socket cannot be made to time out.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(WRITE_TIME))?;
        Ok(Self(stream))
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Reads what is there, waiting until `until` for something; `None` = nothing came, 0 = the end.
    ///
    /// # Errors
    /// The socket's own.
    pub fn read_until(&self, buffer: &mut [u8], until: Instant) -> io::Result<Option<usize>> {
        loop {
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            if !wait::until(&mut fds, Some(until))? {
                return Ok(None);
            }
            match (&self.0).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Some(0)),
                result => return result.map(Some),
            }
        }
    }
}

/// Where replies go that do not go back on the stream of the requests.
pub trait Replies: fmt::Debug + Send + Sync {
    /// # Errors
    /// The connection has ended, or nobody reads.
    fn send(&self, reply: &[u8]) -> io::Result<()>;

    /// Tells something of the request whose reply is due.
    fn tell(&self, note: Note);
}

/// Whole messages over a byte stream.
#[derive(Debug)]
pub struct MessageStream {
    bytes: ByteStream,
    decoder: Decoder,
    replies: Option<Arc<dyn Replies>>,
    /// Kept between messages: to clear one for each costs more than to parse the message.
    chunk: Box<[u8; CHUNK]>,
}

/// What came of waiting for a message.
#[derive(Debug)]
pub enum Received {
    Message(Vec<u8>),
    /// The peer closed; `true` in the middle of a message.
    End(bool),
    /// Nothing came in time.
    Idle,
    /// A message was begun and not ended in time.
    TooSlow,
    Broken(FrameError),
    Io(io::Error),
}

impl MessageStream {
    /// Goes on with bytes that were read before.
    pub fn new(bytes: ByteStream, already_read: &[u8]) -> Self {
        let mut decoder = Decoder::new();
        decoder.push(already_read);
        Self {
            bytes,
            decoder,
            replies: None,
            chunk: Box::new([0; CHUNK]),
        }
    }

    /// Messages whose replies go elsewhere.
    pub fn replying_to(bytes: ByteStream, replies: Arc<dyn Replies>) -> Self {
        Self {
            replies: Some(replies),
            ..Self::new(bytes, &[])
        }
    }

    /// Waits for one message: until `idle` for its first byte, then for `whole` to its last.
    pub fn receive(&mut self, idle: Instant, whole: Duration) -> Received {
        let mut until = if self.decoder.is_mid_message() {
            Instant::now() + whole
        } else {
            idle
        };
        loop {
            match self.decoder.next() {
                Ok(Some(message)) => return Received::Message(message),
                Ok(None) => {}
                Err(error) => return Received::Broken(error),
            }
            match self.bytes.read_until(self.chunk.as_mut_slice(), until) {
                Ok(None) if !self.decoder.is_mid_message() => return Received::Idle,
                Ok(None) => return Received::TooSlow,
                Ok(Some(0)) => return Received::End(self.decoder.is_mid_message()),
                Ok(Some(count)) => {
                    if !self.decoder.is_mid_message() {
                        until = Instant::now() + whole;
                    }
                    self.decoder
                        .push(self.chunk.get(..count).unwrap_or_default());
                }
                Err(error) => return Received::Io(error),
            }
        }
    }

    /// Where replies go, if it is not here.
    pub fn replies(&self) -> Option<Arc<dyn Replies>> {
        self.replies.as_ref().map(Arc::clone)
    }

    /// # Errors
    /// The peer left, or does not read for 30 s.
    pub fn send(&self, payload: &[u8]) -> io::Result<()> {
        if let Some(replies) = &self.replies {
            return replies.send(payload);
        }
        (&self.bytes.0).write_all(&frame::encode(payload))
    }

    pub fn socket(&self) -> &UnixStream {
        &self.bytes.0
    }

    /// Whether there is anything that was not received yet, the end of the stream too.
    pub fn has_more(&self) -> bool {
        let mut fds = [PollFd::new(self.bytes.as_fd(), PollFlags::POLLIN)];
        self.has_leftover() || matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
    }

    /// Whether bytes beyond the last message have been read.
    pub fn has_leftover(&self) -> bool {
        self.decoder.is_mid_message()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Longer than a test may take that succeeds.
    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(100);

    fn pair() -> (MessageStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let bytes = ByteStream::new(ours).unwrap();
        (MessageStream::new(bytes, &[]), theirs)
    }

    #[test]
    fn bytes_that_trickle_in_buy_no_time() {
        let (mut stream, mut peer) = pair();
        let writer = thread::spawn(move || {
            let end = Instant::now() + LONG;
            let length = 262_144_u32.to_be_bytes();
            for byte in length.into_iter().chain(std::iter::repeat(13)) {
                if Instant::now() > end || peer.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let received = stream.receive(Instant::now() + LONG, SHORT);
        assert!(matches!(received, Received::TooSlow), "{received:?}");
        drop(stream);
        writer.join().unwrap();
    }

    #[test]
    fn silence_is_told_from_half_a_message() {
        let (mut stream, mut peer) = pair();
        let received = stream.receive(Instant::now() + SHORT, LONG);
        assert!(matches!(received, Received::Idle), "{received:?}");
        peer.write_all(&[0, 0]).unwrap();
        let received = stream.receive(Instant::now() + LONG, SHORT);
        assert!(matches!(received, Received::TooSlow), "{received:?}");
    }

    #[test]
    fn whoever_never_reads_is_not_waited_for_for_ever() {
        let (stream, _peer) = pair();
        let time = stream.socket().write_timeout().unwrap();
        assert_eq!(time, Some(WRITE_TIME));
    }
}
