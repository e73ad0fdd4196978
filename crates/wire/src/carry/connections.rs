//! The connections of a call, as either end counts them.

use std::collections::BTreeMap;

use super::Frame;

/// It grows with open connections, never with those that have ended.
#[derive(Debug)]
pub(super) struct Connections {
    most: u32,
    /// The highest number that was opened; numbers rise and are never used again.
    pub(super) last: u32,
    /// The open connections; whether a reply is due.
    pub(super) open: BTreeMap<u32, bool>,
    /// No more connections begin.
    pub(super) is_draining: bool,
}

impl Connections {
    /// `most` connections may be open at once.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            last: 0,
            open: BTreeMap::new(),
            is_draining: false,
        }
    }

    pub(super) fn are_as_many_as_may_be(&self) -> bool {
        self.open.len() >= usize::try_from(self.most).unwrap_or(usize::MAX)
    }

    /// Ends a connection: what the other end is told. `None`: it has ended already.
    pub(super) fn end(&mut self, number: u32) -> Option<Frame<'static>> {
        Some(match self.open.remove(&number)? {
            true => Frame::Reset(number),
            false => Frame::Close(number),
        })
    }
}
