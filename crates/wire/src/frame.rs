//! Messages on a stream: `u32 length`, then as many bytes, the first of them the message's number
//! (RFC 9987 §5).

use std::fmt;

use crate::limits::MAX_MESSAGE;

/// Bytes of a length.
const LENGTH: usize = 4;

/// A stream that cannot be followed any further: where the next message begins is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A message without even a number.
    Empty,
    /// A message longer than [`MAX_MESSAGE`]: the length that it claims.
    TooLong(u32),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a message without a number"),
            Self::TooLong(length) => {
                write!(f, "a message of {length} bytes; {MAX_MESSAGE} is the most")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Cuts a stream into messages, however its bytes arrive.
///
/// Memory follows the bytes that arrived, never a length that was claimed. Call [`next`](Self::next)
/// until it gives `None` after each [`push`](Self::push): then less than one message is ever held.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    /// Where in `pending` the next message begins.
    start: usize,
    broken: Option<FrameError>,
}

impl Decoder {
    /// A stream of which nothing was seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the stream's next bytes. After an error they are dropped.
    pub fn push(&mut self, untrusted_bytes: &[u8]) {
        if self.broken.is_none() {
            self.pending.drain(..self.start.min(self.pending.len()));
            self.start = 0;
            self.pending.extend_from_slice(untrusted_bytes);
        }
    }

    /// The next whole message: number and body, without the length. `None`: more bytes are needed.
    ///
    /// # Errors
    /// A length of 0 or above [`MAX_MESSAGE`]; from then on always the same error.
    #[allow(clippy::should_implement_trait)] // an iterator would end at the first `None`
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let unread = self.pending.get(self.start..).unwrap_or_default();
        let Some((length, body)) = unread.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = match checked_length(u32::from_be_bytes(*length)) {
            Ok(length) => length,
            Err(error) => {
                *self = Self {
                    broken: Some(error),
                    ..Self::default()
                };
                return Err(error);
            }
        };
        let Some(message) = body.get(..length).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.start = self.start.saturating_add(LENGTH).saturating_add(length);
        if self.start >= self.pending.len() {
            // Also gives back what one large message took, for connections idle long.
            self.pending = Vec::new();
            self.start = 0;
        }
        Ok(Some(message))
    }

    /// Whether a message has begun that is not whole yet: an end of the stream now cuts it.
    pub fn is_mid_message(&self) -> bool {
        self.start < self.pending.len()
    }
}

fn checked_length(untrusted_length: u32) -> Result<usize, FrameError> {
    match usize::try_from(untrusted_length) {
        Ok(0) => Err(FrameError::Empty),
        Ok(length) if length <= MAX_MESSAGE => Ok(length),
        _ => Err(FrameError::TooLong(untrusted_length)),
    }
}

/// `payload` with its length in front. A payload above [`MAX_MESSAGE`] is the caller's mistake;
/// every peer refuses the frame.
pub fn encode(payload: &[u8]) -> Vec<u8> {
    crate::writer::Writer::build(|writer| {
        writer.string(payload);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(decoder: &mut Decoder) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| decoder.next().unwrap()).collect()
    }

    #[test]
    fn any_split_gives_the_same_messages() {
        let messages: Vec<Vec<u8>> = vec![
            vec![11],
            vec![13, 1, 2, 3],
            vec![19; 300],
            vec![27],
            vec![5, 0, 0, 0, 0],
        ];
        let stream: Vec<u8> = messages
            .iter()
            .flat_map(|message| encode(message))
            .collect();
        for first in 0..=stream.len() {
            for step in [1, 2, 3, 4, 5, 7, 64, stream.len()] {
                let mut decoder = Decoder::new();
                let mut seen = Vec::new();
                let (head, tail) = stream.split_at(first);
                for piece in std::iter::once(head).chain(tail.chunks(step)) {
                    decoder.push(piece);
                    seen.extend(drain(&mut decoder));
                }
                assert_eq!(seen, messages);
                assert!(!decoder.is_mid_message());
            }
        }
    }

    #[test]
    fn the_largest_message_passes_and_one_byte_more_does_not() {
        let mut decoder = Decoder::new();
        decoder.push(&encode(&vec![11; MAX_MESSAGE]));
        assert_eq!(decoder.next().unwrap().unwrap().len(), MAX_MESSAGE);
        decoder.push(&262_145_u32.to_be_bytes());
        assert_eq!(decoder.next(), Err(FrameError::TooLong(262_145)));
    }

    #[test]
    fn a_claimed_length_allocates_nothing_and_an_error_stays() {
        for (length, error) in [
            (0, FrameError::Empty),
            (u32::MAX, FrameError::TooLong(u32::MAX)),
        ] {
            let mut decoder = Decoder::new();
            decoder.push(&length.to_be_bytes());
            assert_eq!(decoder.next(), Err(error));
            decoder.push(&encode(&[11]));
            assert_eq!(decoder.next(), Err(error));
            assert_eq!(decoder.pending.capacity(), 0);
        }
        let mut decoder = Decoder::new();
        decoder.push(&262_144_u32.to_be_bytes());
        assert_eq!(decoder.next(), Ok(None));
        assert!(decoder.pending.capacity() < 64);
    }

    #[test]
    fn memory_is_given_back_after_a_large_message() {
        let mut decoder = Decoder::new();
        for piece in encode(&vec![11; MAX_MESSAGE]).chunks(4096) {
            decoder.push(piece);
            assert!(decoder.pending.len() <= MAX_MESSAGE + LENGTH);
            drain(&mut decoder);
        }
        assert_eq!(decoder.pending.capacity(), 0);
    }

    #[test]
    fn a_cut_message_is_told_from_a_quiet_stream() {
        let mut decoder = Decoder::new();
        assert!(!decoder.is_mid_message());
        decoder.push(&[0]);
        assert!(decoder.is_mid_message());
    }
}
