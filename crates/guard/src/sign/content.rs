//! `content@split-ssh`: what a client is about to have signed, ahead of the request that holds its hash.

use std::sync::Arc;
use std::time::{Duration, Instant};

use policy::content::{KEPT_SECONDS, PendingContent};
use wire::content::ContentChunk;

use common::clock;
use common::crypto::Ring;

/// Contents that the vault holds at once. Each takes up to 128 KiB, so all of them stay below 32 MiB.
const MAX_CONTENTS: usize = 256;

/// Counts the contents that all connections hold: each of them has a clone.
pub type ContentCount = Arc<()>;

/// What a connection has sent for its next signature.
#[derive(Default)]
pub struct SentContent {
    pub pending: PendingContent,
    /// When it is forgotten; `None` while nothing was sent.
    pub until: Option<Instant>,
    pub counted: Option<ContentCount>,
}

/// Counts one content more, unless there are as many as there may be.
fn one_more(count: &ContentCount) -> Option<ContentCount> {
    // First counted, then compared: two at once are never both the last.
    let more = Arc::clone(count);
    (Arc::strong_count(&more) <= 1 + MAX_CONTENTS).then_some(more)
}

impl SentContent {
    /// Takes a chunk. `None` while the vault holds too many contents: then nothing has changed.
    pub fn take(
        &mut self,
        untrusted: &ContentChunk<'_>,
        count: &ContentCount,
        crypto: &Ring,
    ) -> Option<Result<(), &'static str>> {
        if untrusted.offset == 0 && self.counted.is_none() {
            self.counted = Some(one_more(count)?);
        }
        self.keep();
        let now = clock::now().unix;
        Some(self.pending.take_chunk(untrusted, crypto, now))
    }

    fn keep(&mut self) {
        self.until = Some(Instant::now() + Duration::from_secs(KEPT_SECONDS));
    }

    /// Has the next sign request refused: a message of the extension cannot be read.
    pub fn spoil(&mut self) {
        self.keep();
        self.pending.spoil("its content cannot be read");
    }

    /// Forgets content whose time is over.
    pub fn forget_old(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_counted_as_long_as_they_are_held() {
        let count = ContentCount::default();
        let mut held: Vec<_> = (0..MAX_CONTENTS).map(|_| one_more(&count)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(one_more(&count).is_none());
        held.pop();
        let last = one_more(&count);
        assert!(last.is_some() && one_more(&count).is_none());
    }
}
