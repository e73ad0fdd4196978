//! The content behind an SSHSIG's hash, where the client sends it ahead of its sign request: taken in chunks, hashed,
//! and held against the hash that is to be signed. Nothing of it is shown or judged before.
//!
//! A client that sends none is served as ever. One whose content is not what it wants signed is refused.

mod git;
mod object;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use wire::content::ContentChunk;
use wire::limits::MAX_CONTENT;

use crate::crypto::{ContentHasher, Crypto};
use crate::facts::ContentFacts;
use crate::intent::Intent;
use crate::sign_request::ClassifiedRequest;

pub use git::{Commit, Message, Person, Push, RefUpdate, Tag};
pub use object::Object;

/// Bytes of a content that are kept for the question; a commit's headers and far more than a person reads. All
/// connections together keep no more than this times their number, which the vault bounds.
pub const MAX_KEPT: usize = 64 * 1024;
/// Seconds from a content's last chunk until it is forgotten. A client signs as soon as it has sent the content.
pub const KEPT_SECONDS: u64 = 60;

/// Digits of an object's id that people are shown, as git does in merges.
pub const SHOWN_DIGITS: usize = 12;

/// What a connection has sent for its next signature. Every sign request takes it. An error: it cannot be of any request.
pub struct PendingContent(Result<Option<Receiving>, &'static str>);

impl Default for PendingContent {
    fn default() -> Self {
        Self(Ok(None))
    }
}

/// More than [`MAX_CONTENT`] is only announced.
struct Receiving {
    key: Vec<u8>,
    total: u64,
    received: u64,
    /// When it began, in seconds since 1970.
    began: u64,
    kept: Vec<u8>,
    hasher: Box<dyn ContentHasher>,
}

impl PendingContent {
    /// Takes the next chunk; `now` in seconds since 1970.
    ///
    /// # Errors
    /// A chunk that does not follow the last one. The next sign request is refused then.
    pub fn take_chunk(
        &mut self,
        untrusted: &ContentChunk<'_>,
        crypto: &dyn Crypto,
        now: u64,
    ) -> Result<(), &'static str> {
        if untrusted.offset == 0 {
            self.0 = Ok(Some(Receiving {
                key: untrusted.key.to_vec(),
                total: untrusted.total,
                received: 0,
                began: now,
                kept: Vec::new(),
                hasher: crypto.content_hasher(),
            }));
        }
        let added = match &mut self.0 {
            Ok(Some(receiving)) => receiving.add(untrusted),
            Ok(None) => Err(OUT_OF_ORDER),
            Err(why) => Err(*why),
        };
        if let Err(why) = added {
            self.spoil(why);
        }
        added
    }

    /// Has the next sign request refused.
    pub fn spoil(&mut self, why: &'static str) {
        self.0 = Err(why);
    }

    /// Holds what was sent against the request that follows it.
    ///
    /// # Errors
    /// Why that request is to be refused.
    pub(crate) fn prove(
        self,
        request: &ClassifiedRequest<'_>,
    ) -> Result<ContentEvidence, &'static str> {
        let Some(receiving) = self.0? else {
            return Ok(ContentEvidence::NotSent);
        };
        if receiving.key != request.request().key {
            return Err(OTHER_KEY);
        }
        if receiving.total > MAX_CONTENT {
            return Ok(ContentEvidence::TooLong(receiving.total));
        }
        let Intent::Sshsig(sshsig) = request.intent() else {
            return Err("content came before it, and it is no sshsig");
        };
        if receiving.received != receiving.total {
            return Err("its content was not sent to the end");
        }
        let hashes = receiving.hasher.finish();
        let hash = match sshsig.hash_algorithm {
            "sha256" => hashes.sha256.as_slice(),
            "sha512" => hashes.sha512.as_slice(),
            _ => return Err(OTHER_CONTENT),
        };
        if hash != sshsig.hash {
            return Err(OTHER_CONTENT);
        }
        Ok(ContentEvidence::Proven(Arc::new(ProvenContent {
            length: receiving.total,
            received_at: receiving.began,
            object: Object::of(sshsig.namespace, &receiving.kept, receiving.total),
        })))
    }
}

const OUT_OF_ORDER: &str = "a chunk of content that does not follow the last one";
const OTHER_KEY: &str = "the content before it was sent for another key";
const OTHER_CONTENT: &str = "the content before it has another hash than the one to be signed";

impl Receiving {
    fn add(&mut self, chunk: &ContentChunk<'_>) -> Result<(), &'static str> {
        if chunk.key != self.key || chunk.total != self.total || chunk.offset != self.received {
            return Err(OUT_OF_ORDER);
        }
        let length = u64::try_from(chunk.bytes.len()).map_err(|_| OUT_OF_ORDER)?;
        self.received = self.received.saturating_add(length);
        self.hasher.update(chunk.bytes);
        let room = MAX_KEPT.saturating_sub(self.kept.len());
        let kept = chunk.bytes.get(..room).unwrap_or(chunk.bytes);
        self.kept.extend_from_slice(kept);
        Ok(())
    }
}

/// What is known of the content behind an SSHSIG.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContentEvidence {
    /// A hash, and nothing beside it.
    #[default]
    NotSent,
    /// By the client's word it is this long, and too long to be sent.
    TooLong(u64),
    Proven(Arc<ProvenContent>),
}

impl ContentEvidence {
    pub fn proven(&self) -> Option<&ProvenContent> {
        match self {
            Self::Proven(content) => Some(content),
            Self::NotSent | Self::TooLong(_) => None,
        }
    }

    /// What rules see of it.
    pub(crate) fn facts(&self) -> Option<ContentFacts> {
        self.proven().map(|content| content.object.facts())
    }
}

/// Content that has the hash which is to be signed. Only the check of a sign request makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct ProvenContent {
    length: u64,
    received_at: u64,
    object: Object,
}

impl ProvenContent {
    /// In bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Seconds since 1970.
    pub fn received_at(&self) -> u64 {
        self.received_at
    }

    /// What it is, as far as it was kept.
    pub fn object(&self) -> &Object {
        &self.object
    }
}

#[cfg(test)]
impl ContentEvidence {
    /// For tests of what shows it.
    pub(crate) fn in_tests(namespace: &[u8], content: &[u8], now: u64) -> Self {
        let kept = content.get(..MAX_KEPT).unwrap_or(content);
        let length = content.len() as u64;
        Self::Proven(Arc::new(ProvenContent {
            length,
            received_at: now,
            object: Object::of(namespace, kept, length),
        }))
    }
}
