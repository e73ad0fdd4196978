//! Bounds the contents that all connections hold at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Contents that the vault holds at once. Each takes up to 128 KiB, so all of them stay below 32 MiB.
const MAX_CONTENTS: usize = 256;

/// How many contents all connections hold.
#[derive(Clone, Debug, Default)]
pub struct ContentCount(Arc<AtomicUsize>);

impl ContentCount {
    pub fn hold_one(&self) -> Option<HeldContent> {
        let one_more = |held| (held < MAX_CONTENTS).then_some(held + 1);
        let held = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        held.ok().map(|_| HeldContent(Arc::clone(&self.0)))
    }
}

/// A content that counts until this is dropped.
pub struct HeldContent(Arc<AtomicUsize>);

impl Drop for HeldContent {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_counted_as_long_as_they_are_held() {
        let count = ContentCount::default();
        let mut held: Vec<_> = (0..MAX_CONTENTS).map(|_| count.hold_one()).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(count.clone().hold_one().is_none());
        held.pop();
        assert!(count.hold_one().is_some());
        assert!(count.hold_one().is_some(), "the last one was dropped");
    }
}
