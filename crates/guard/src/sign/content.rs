//! `content@split-ssh`: what a client is about to have signed, ahead of the request that holds its hash.

use std::sync::Arc;
use std::time::{Duration, Instant};

use policy::content::{KEPT_SECONDS, PendingContent};
use policy::record::{Event, RecordOutcome};
use wire::content::ContentChunk;
use wire::reply::Reply;

use super::session::AgentSession;
use common::clock;

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

/// Takes a chunk. The agent behind does not hear of it. While the vault holds too many contents it answers as an agent
/// that does not know the extension, and the client goes on without.
pub fn take(session: &mut AgentSession<'_>, untrusted: &ContentChunk<'_>) -> Vec<u8> {
    if untrusted.offset == 0 && session.content.counted.is_none() {
        session.content.counted = one_more(&session.signer.contents);
        if session.content.counted.is_none() {
            return Reply::Failure.rebuild();
        }
    }
    session.content.keep();
    let crypto = &session.signer.crypto;
    let now = clock::now().unix;
    match session.content.pending.take_chunk(untrusted, crypto, now) {
        Ok(()) => Reply::Success.rebuild(),
        Err(why) => {
            let mut record = session.record(Event::Refusal, RecordOutcome::Refused);
            record.request = Some("content".to_owned());
            session.note(record.because(why));
            Reply::ExtensionFailure.rebuild()
        }
    }
}

/// Counts one content more, unless there are as many as there may be.
fn one_more(count: &ContentCount) -> Option<ContentCount> {
    // First counted, then compared: two at once are never both the last.
    let more = Arc::clone(count);
    (Arc::strong_count(&more) <= 1 + MAX_CONTENTS).then_some(more)
}

impl SentContent {
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
