//! The connections of a call, as either end counts them.

use std::collections::BTreeMap;

use super::Frame;

/// It grows with open connections, never with those that have ended.
#[derive(Debug)]
pub struct Connections {
    most: u32,
    /// The highest number that was opened; numbers rise and are never used again.
    pub last: u32,
    /// The open connections; whether a reply is due.
    pub open: BTreeMap<u32, bool>,
    /// No more connections begin.
    pub is_draining: bool,
}

impl Connections {
    /// `most` connections may be open at once.
    pub fn new(most: u32) -> Self {
        Self {
            most,
            last: 0,
            open: BTreeMap::new(),
            is_draining: false,
        }
    }

    /// Whether no other one may begin until one has ended.
    pub fn are_as_many_as_may_be(&self) -> bool {
        self.open.len() >= usize::try_from(self.most).unwrap_or(usize::MAX)
    }

    /// Ends a connection: what the other end is told. `None`: it has ended already.
    pub fn end(&mut self, number: u32) -> Option<Frame<'static>> {
        Some(match self.open.remove(&number)? {
            true => Frame::Reset(number),
            false => Frame::Close(number),
        })
    }
}
