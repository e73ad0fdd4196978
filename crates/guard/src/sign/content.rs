//! `content@split-ssh`: what a client is about to have signed, ahead of the request that holds its hash.

use std::time::{Duration, Instant};

use policy::content::{KEPT_SECONDS, PendingContent};
use policy::record::{Event, RecordOutcome};
use wire::content::ContentChunk;
use wire::reply::Reply;

use super::session::AgentSession;
use common::clock;

/// Takes a chunk. The agent behind does not hear of it. While the vault holds too many contents it answers as an agent
/// that does not know the extension, and the client goes on without.
pub fn take(session: &mut AgentSession<'_>, untrusted: &ContentChunk<'_>) -> Vec<u8> {
    if untrusted.offset == 0 && session.held_content.is_none() {
        session.held_content = session.signer.contents.hold_one();
        if session.held_content.is_none() {
            return Reply::Failure.rebuild();
        }
    }
    session.keep_content();
    let crypto = &session.signer.crypto;
    let now = clock::now().unix;
    match session.content.take_chunk(untrusted, crypto, now) {
        Ok(()) => Reply::Success.rebuild(),
        Err(why) => {
            let mut record = session.record(Event::Refusal, RecordOutcome::Refused);
            record.request = Some("content".to_owned());
            session.note(record.because(why));
            Reply::ExtensionFailure.rebuild()
        }
    }
}

/// Has the next sign request refused: a message of the extension cannot be read.
pub fn spoil(session: &mut AgentSession<'_>) {
    session.keep_content();
    session.content.spoil("its content cannot be read");
}

impl AgentSession<'_> {
    fn keep_content(&mut self) {
        self.content_until = Instant::now() + Duration::from_secs(KEPT_SECONDS);
    }

    /// When the content that is held is to be forgotten, if any is.
    pub fn content_held_until(&self) -> Option<Instant> {
        (!self.content.is_nothing()).then_some(self.content_until)
    }

    /// Forgets content whose time is over.
    pub fn forget_old_content(&mut self, now: Instant) {
        if self.content_held_until().is_some_and(|until| now >= until) {
            self.content = PendingContent::default();
            self.held_content = None;
        }
    }
}
