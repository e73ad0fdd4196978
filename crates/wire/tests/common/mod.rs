//! What the tests share: the vectors, and bytes written by hand.
#![allow(dead_code)] // each test uses its part

use std::fs;
use std::path::Path;

use seeded::Random;

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

/// Random values that live as long as the test.
pub struct Dice<'r>(pub &'r mut Random);

impl Dice<'_> {
    pub fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    pub fn byte(&mut self) -> u8 {
        self.0.byte()
    }

    pub fn bytes(&mut self, count: usize) -> &'static [u8] {
        self.0.bytes(count).leak()
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
