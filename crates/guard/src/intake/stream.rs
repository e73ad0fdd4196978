//! A byte stream whose every wait has an end.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use wire::frame::{self, Decoder, FrameError};

/// How much is taken from a socket at once, as OpenSSH's agent does.
const CHUNK: usize = 4096;

/// A peer that does not take its reply for this long has left.
const WRITE_TIME: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct ByteStream {
    socket: UnixStream,
    /// What the socket waits for bytes at present: it is told again only if that changes.
    wait: Duration,
}

impl ByteStream {
    /// # Errors
    /// The socket cannot be made to time out.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(WRITE_TIME))?;
        Ok(Self {
            socket: stream,
            wait: Duration::ZERO,
        })
    }

    /// Reads what is there, waiting until `until` for something; `None` = nothing came, 0 = the end.
    ///
    /// # Errors
    /// The socket's own.
    pub fn read_until(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<Option<usize>> {
        loop {
            let wait = rounded_up(until.saturating_duration_since(Instant::now()));
            if wait.is_zero() {
                return Ok(None);
            }
            if wait != self.wait {
                self.socket.set_read_timeout(Some(wait))?;
                self.wait = wait;
            }
            match self.socket.read(buffer) {
                // The kernel counts in ticks: its time may be over a little before ours.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                    ) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Some(0)),
                result => return result.map(Some),
            }
        }
    }
}

/// To whole seconds, below one to whole milliseconds: nothing hangs on less, and where the same time is waited for again and
/// again, the socket is told once.
fn rounded_up(time: Duration) -> Duration {
    match time.as_secs() {
        0 => Duration::from_millis(u64::from(time.subsec_nanos().div_ceil(1_000_000))),
        seconds => Duration::from_secs(seconds + u64::from(time.subsec_nanos() > 0)),
    }
}

/// Whole messages over a byte stream.
#[derive(Debug)]
pub struct MessageStream {
    bytes: ByteStream,
    decoder: Decoder,
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
            chunk: Box::new([0; CHUNK]),
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

    /// # Errors
    /// The peer left, or does not read for 30 s.
    pub fn send(&self, payload: &[u8]) -> io::Result<()> {
        (&self.bytes.socket).write_all(&frame::encode(payload))
    }

    pub fn socket(&self) -> &UnixStream {
        &self.bytes.socket
    }

    /// Whether there is anything that was not received yet, the end of the stream too.
    pub fn has_more(&self) -> bool {
        let mut fds = [PollFd::new(self.bytes.socket.as_fd(), PollFlags::POLLIN)];
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
