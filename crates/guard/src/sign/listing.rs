//! The keys that a caller may know of: those of its keyring that some rule, or the default, could let it
//! use. A key that is not listed cannot sign.

use policy::facts::KeyFacts;
use policy::record::{Event, Outcome};
use wire::limits::MAX_IDENTITIES;
use wire::reply::{Identity, Reply};

use crate::intake::connection::{Connection, failure};
use crate::keys::upstream::UpstreamError;
use crate::policy_files::BoundHost;
use common::agent::ListedKey;
use common::identities::{self, KeyFile};

/// The keys of a keyring: those that the upstream holds, then those of its folder that it does not.
#[derive(Debug)]
pub struct Listing {
    keys: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: ListedKey,
    pub facts: KeyFacts,
    /// Where it must be loaded from before it can sign.
    pub locked: Option<KeyFile>,
}

impl Listing {
    pub fn find(&self, blob: &[u8]) -> Option<&Entry> {
        self.keys.iter().find(|entry| entry.key.blob == blob)
    }

    pub fn is_locked(&self, blob: &[u8]) -> bool {
        self.find(blob).is_some_and(|entry| entry.locked.is_some())
    }
}

const NOTHING_TO_SHOW: &str = "the policy lets this qube use none of the keyring's keys here";

impl Connection<'_> {
    /// Answers a request for the keys.
    pub(crate) fn list(&mut self) -> Vec<u8> {
        if let Err(error) = self.ask_for_keys() {
            self.upstream_failed(&error);
            return failure();
        }
        let entries = self.listing.iter().flat_map(|listing| &listing.keys);
        let host = self.policy.bound_host(&self.session);
        let has_keys = entries.clone().next().is_some();
        let shown: Vec<&Entry> = entries
            .filter(|entry| self.may_see(&entry.facts, host.as_ref()))
            .collect();
        let identities = shown
            .iter()
            .map(|entry| Identity {
                key: &entry.key.blob,
                comment: match self.policy.label_of(&entry.facts.fingerprint) {
                    Some(label) => label.as_bytes(),
                    None => &entry.key.comment,
                },
            })
            .collect();
        let mut record = self.record(Event::List, Outcome::Ok);
        record.listed = u64::try_from(shown.len()).ok();
        // With no key to try, ssh asks for no signature: this record is the only trace of a refusal.
        let none = (has_keys && shown.is_empty()).then_some(NOTHING_TO_SHOW);
        record.reason = self.policy.broken().or(none).map(str::to_owned);
        if let Some(bound) = &host {
            record = record.host(&bound.host);
        }
        if !self.write(record) {
            return failure();
        }
        Reply::Identities(identities).rebuild()
    }

    /// Whether some rule or the default could let this caller use the key now.
    pub(crate) fn may_see(&self, key: &KeyFacts, login_to: Option<&BoundHost>) -> bool {
        self.policy
            .may_see(&self.caller, &self.keyring, key, &self.session, login_to)
    }

    /// Asks the upstream for its keys and keeps those of this keyring, with the folder's.
    pub(crate) fn ask_for_keys(&mut self) -> Result<(), UpstreamError> {
        let (Some(upstream), Some(source)) = (&mut self.upstream, &self.source) else {
            return Err(UpstreamError::NoKeyring);
        };
        let _turn = self.vault.turns.wait(&self.caller);
        let mut keys: Vec<(ListedKey, Option<KeyFile>)> = upstream
            .list()?
            .into_iter()
            .map(|key| (key, None))
            .collect();
        for file in source
            .folder
            .iter()
            .flat_map(|folder| identities::locked_keys(folder))
        {
            if keys.len() < MAX_IDENTITIES && !keys.iter().any(|(key, _)| key.blob == file.blob) {
                let key = ListedKey {
                    blob: file.blob.clone(),
                    comment: file.comment.clone(),
                };
                keys.push((key, Some(file)));
            }
        }
        let entries = keys.into_iter().map(|(key, locked)| Entry {
            facts: key.facts(&self.vault.crypto),
            key,
            locked,
        });
        let ours = |entry: &Entry| {
            source
                .config
                .holds(&entry.facts.fingerprint.0, &entry.key.comment)
        };
        self.listing = Some(Listing {
            keys: entries.filter(ours).collect(),
        });
        Ok(())
    }

    pub(crate) fn upstream_failed(&self, error: &UpstreamError) {
        let mut record = self.record(Event::Upstream, Outcome::Failed);
        record.reason = Some(error.to_string());
        self.write(record);
    }
}
