//! The keys that others put into an agent, such as KeePassXC: what was listed last, and the public halves that lie in the
//! keyring's folder. While such an agent is locked, or KeePassXC is, the agent lists nothing, or is not there at all. A
//! login then waits for the owner, instead of failing as if there were no key.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use policy::caller::Keyring;
use wire::limits::MAX_IDENTITIES;

use common::agent::ListedKey;
use common::identities;
use common::keyrings::KeyringPlace;
use common::sync::lock;

#[derive(Debug)]
pub struct KnownKeys {
    home: PathBuf,
    /// One list for each keyring of the configuration, each no longer than an agent's answer.
    listed: Mutex<HashMap<Keyring, Vec<ListedKey>>>,
}

impl KnownKeys {
    pub fn new(home: PathBuf) -> Self {
        Self {
            home,
            listed: Mutex::default(),
        }
    }

    /// Takes note of what an agent lists. An empty list does not count: a locked agent gives one. Keys that we loaded
    /// from files do not count either: what their agent does not list, it does not have.
    pub fn note(&self, place: &KeyringPlace, keys: &[ListedKey]) {
        let ours = place.record().map(|record| record.keys());
        let ours = ours.unwrap_or_default();
        let is_ours = |key: &ListedKey| ours.iter().any(|loaded| loaded.blob == key.blob);
        let theirs: Vec<ListedKey> = keys.iter().filter(|key| !is_ours(key)).cloned().collect();
        if !keys.is_empty() {
            lock(&self.listed).insert(place.name.clone(), theirs);
        }
    }

    /// The keys that an agent has when it is unlocked, as far as anything tells.
    pub fn of(&self, place: &KeyringPlace) -> Vec<ListedKey> {
        let listed = lock(&self.listed).get(&place.name).cloned();
        let mut keys = listed.unwrap_or_default();
        // Beside the private keys of an agent of our own, public halves say nothing of others' keys.
        if place.folder.is_none() {
            let folder = identities::folder(&self.home, place.name.as_str());
            for key in public_keys(&folder) {
                if keys.len() < MAX_IDENTITIES && !keys.iter().any(|known| known.blob == key.blob) {
                    keys.push(key);
                }
            }
        }
        keys
    }
}

fn public_keys(folder: &Path) -> Vec<ListedKey> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let files = entries.take(MAX_IDENTITIES).flatten();
    let paths = files.map(|entry| entry.path());
    let public = paths.filter(|path| path.extension().is_some_and(|end| end == "pub"));
    let files = public.filter_map(|path| identities::read_public(&path.with_extension(""), ".pub"));
    files
        .map(|file| ListedKey {
            blob: file.blob,
            comment: file.comment,
        })
        .collect()
}
