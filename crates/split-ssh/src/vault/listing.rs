//! The keys that a caller may know of: those of its keyring that some rule, or the default, could let it
//! use. A key that is not listed cannot sign.

use policy::crypto::Crypto;
use policy::facts::KeyFacts;
use policy::record::{Event, Outcome};
use wire::key::PublicKey;
use wire::reply::{Identity, Reply};

use super::connection::{Connection, failure};
use super::upstream::{ListedKey, UpstreamError};

/// The upstream's keys that belong to the keyring, with their facts.
#[derive(Debug)]
pub struct Listing {
    keys: Vec<(ListedKey, KeyFacts)>,
}

impl Listing {
    pub fn find(&self, blob: &[u8]) -> Option<&KeyFacts> {
        self.keys
            .iter()
            .find(|(key, _)| key.blob == blob)
            .map(|(_, facts)| facts)
    }
}

impl Connection<'_> {
    /// Answers a request for the keys.
    pub(super) fn list(&mut self) -> Vec<u8> {
        if let Err(error) = self.ask_for_keys() {
            self.upstream_failed(&error);
            return failure();
        }
        let shown: Vec<(&ListedKey, Option<&str>)> = self
            .listing
            .iter()
            .flat_map(|listing| &listing.keys)
            .filter(|(_, facts)| self.may_see(facts))
            .map(|(key, facts)| (key, self.policy.label_of(&facts.fingerprint)))
            .collect();
        let identities = shown
            .iter()
            .map(|(key, label)| Identity {
                key: &key.blob,
                comment: label.map_or(key.comment.as_slice(), str::as_bytes),
            })
            .collect();
        let mut record = self.record(Event::List, Outcome::Ok);
        record.listed = u64::try_from(shown.len()).ok();
        record.reason = self.policy.broken().map(str::to_owned);
        if !self.write(record) {
            return failure();
        }
        Reply::Identities(identities).rebuild()
    }

    /// Whether some rule or the default could let this caller use the key now.
    pub(super) fn may_see(&self, key: &KeyFacts) -> bool {
        self.policy
            .may_see(&self.caller, &self.keyring, key, &self.session)
    }

    /// Asks the upstream for its keys and keeps those of this keyring.
    pub(super) fn ask_for_keys(&mut self) -> Result<(), UpstreamError> {
        let (Some(upstream), Some(source)) = (&mut self.upstream, &self.source) else {
            return Err(UpstreamError::NoKeyring);
        };
        let _turn = self.vault.turns.wait(&self.caller);
        let listed = upstream.list()?;
        let keys = listed
            .into_iter()
            .map(|key| {
                let facts = key_facts(&key, &self.vault.crypto);
                (key, facts)
            })
            .filter(|(key, facts)| source.filter.holds(&facts.fingerprint.0, &key.comment))
            .collect();
        self.listing = Some(Listing { keys });
        Ok(())
    }

    pub(super) fn upstream_failed(&self, error: &UpstreamError) {
        let mut record = self.record(Event::Upstream, Outcome::Failed);
        record.reason = Some(error.to_string());
        self.write(record);
    }
}

/// A key that we can't read is still a key: opaque, with a fingerprint.
/// The fingerprint is the plain key's, as `ssh-add -l` prints it for a certificate too.
pub(crate) fn key_facts(key: &ListedKey, crypto: &dyn Crypto) -> KeyFacts {
    let parsed = PublicKey::parse(&key.blob);
    let plain = parsed.as_ref().map(PublicKey::plain_blob);
    KeyFacts {
        fingerprint: crypto.fingerprint(plain.as_deref().unwrap_or(&key.blob)),
        algorithm: parsed.map_or("unknown", |key| key.algorithm()).to_owned(),
        comment: key.comment.clone(),
    }
}
