//! What the tests share: the vectors, and bytes written by hand.
#![allow(dead_code)] // each test uses its part

use std::fs;
use std::path::Path;

/// All vectors of one kind (`request`, `reply`, `key`), by name.
pub fn vectors(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(kind);
    let mut vectors: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                fs::read(path).unwrap(),
            )
        })
        .collect();
    vectors.sort();
    assert!(!vectors.is_empty());
    vectors
}

/// One vector.
pub fn vector(kind: &str, name: &str) -> Vec<u8> {
    vectors(kind)
        .into_iter()
        .find(|(label, _)| label == name)
        .expect(name)
        .1
}

/// A string with its length. Not `wire`'s own writer, so that both can be wrong independently.
pub fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// Strings, one after the other.
pub fn strings<T: AsRef<[u8]>>(all: impl IntoIterator<Item = T>) -> Vec<u8> {
    all.into_iter().flat_map(string).collect()
}

/// Pieces, one after the other.
pub fn join<T: AsRef<[u8]>>(pieces: impl IntoIterator<Item = T>) -> Vec<u8> {
    pieces
        .into_iter()
        .flat_map(|piece| piece.as_ref().to_vec())
        .collect()
}

/// xorshift64*: the same numbers on each run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % end
    }

    pub fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// `count` bytes that live as long as the test.
    pub fn bytes(&mut self, count: usize) -> &'static [u8] {
        Vec::leak((0..count).map(|_| self.byte()).collect())
    }

    /// Fewer than `end` bytes.
    pub fn some(&mut self, end: usize) -> &'static [u8] {
        let count = self.below(end);
        self.bytes(count)
    }

    /// Fewer than `end` bytes, none of them NUL.
    pub fn text(&mut self, end: usize) -> &'static [u8] {
        Vec::leak(self.some(end).iter().map(|byte| *byte.max(&1)).collect())
    }

    /// The magnitude of a positive number of 1 to `most` bytes.
    pub fn magnitude(&mut self, most: usize) -> &'static [u8] {
        let mut bytes = vec![1 + u8::try_from(self.below(255)).unwrap()];
        bytes.extend_from_slice(self.some(most));
        bytes.leak()
    }
}
