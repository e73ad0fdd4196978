#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frame::{Decoder, FrameError, encode};

/// All messages of `pieces`, and the error that ended them.
fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

// However a stream is cut, the messages are the same, and encoded again they are the stream.
fuzz_target!(|input: (u8, &[u8])| {
    let (step, stream) = input;
    let whole = decode(std::iter::once(stream));
    assert_eq!(decode(stream.chunks(usize::from(step).max(1))), whole);
    let again: Vec<u8> = whole.0.iter().flat_map(|message| encode(message)).collect();
    assert!(stream.starts_with(&again));
});
