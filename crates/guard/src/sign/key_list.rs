//! The keys of a keyring: those that the upstream holds, then those of its folder that it does not.

use std::time::{Duration, Instant};

use policy::facts::KeyFacts;

use common::agent::ListedKey;
use common::identities::KeyFile;

/// How long a list is taken to hold, before a request that nobody is asked about.
const HOLDS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct KeyList {
    keys: Vec<KeyEntry>,
    read_at: Instant,
}

#[derive(Clone, Debug)]
pub struct KeyEntry {
    pub key: ListedKey,
    pub facts: KeyFacts,
    /// Where it must be loaded from before it can sign.
    pub locked: Option<KeyFile>,
    /// Its agent does not list it now: it is locked, or not there.
    pub is_away: bool,
}

impl KeyList {
    pub fn new(keys: Vec<KeyEntry>) -> Self {
        let read_at = Instant::now();
        Self { keys, read_at }
    }

    /// Whether the agent may have been locked since; ssh signs within this time after it has listed.
    pub fn is_old(&self) -> bool {
        self.read_at.elapsed() >= HOLDS
    }

    pub fn iter(&self) -> impl Iterator<Item = &KeyEntry> {
        self.keys.iter()
    }

    pub fn find(&self, blob: &[u8]) -> Option<&KeyEntry> {
        self.keys.iter().find(|entry| entry.key.blob == blob)
    }
}
