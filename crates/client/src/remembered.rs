//! The keys that a vault listed last: kept in memory to know which vault has a key, and in a file of public data so that a
//! list need not start the vault.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use wire::limits::MAX_MESSAGE;
use wire::reply::{Identity, Reply};

use common::paths::Paths;
use common::sync::lock;
use common::trusted_files;

/// The file of a list that does not change is written anew after this time, so that it tells the list's age.
const AGE_TIME: Duration = Duration::from_secs(600);

/// A key, and its comment.
pub type Key = (Vec<u8>, Vec<u8>);

/// What a vault listed last.
#[derive(Debug)]
pub struct RememberedList {
    /// `None`: it is kept in memory only.
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    keys: Vec<Key>,
    /// The vault does not want it kept.
    is_forbidden: bool,
}

/// Where the lists of all vaults are kept.
fn folder(paths: &Paths) -> PathBuf {
    paths.state.join("remembered-keys")
}

/// The file of the vault that is called `name`: the agent's reply to a list, written when it last changed or was confirmed.
pub fn path_of(paths: &Paths, name: &str) -> PathBuf {
    folder(paths).join(format!("{name}.identities"))
}

/// Forgets all lists, so that the next one is asked for.
///
/// # Errors
/// A file that cannot be removed.
pub fn forget(paths: &Paths) -> io::Result<()> {
    match fs::remove_dir_all(folder(paths)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The keys of an agent's reply to a list.
pub fn keys_of(untrusted_reply: &[u8]) -> Option<Vec<Key>> {
    match Reply::parse(untrusted_reply) {
        Ok(Reply::Identities(identities)) => {
            let keys = identities.into_iter();
            let keys = keys.map(|Identity { key, comment }| (key.to_vec(), comment.to_vec()));
            Some(keys.collect())
        }
        _ => None,
    }
}

/// The reply to a list that names these keys.
pub fn reply_of(keys: &[Key]) -> Vec<u8> {
    let identities = keys
        .iter()
        .map(|(key, comment)| Identity { key, comment })
        .collect();
    Reply::Identities(identities).rebuild()
}

impl RememberedList {
    /// What was remembered in `path`, if anything was. A file that others could write, or that holds anything else, is as none:
    /// the vault is asked.
    pub fn open(path: Option<PathBuf>) -> Self {
        let read = |path: &PathBuf| keys_of(&trusted_files::read(path, MAX_MESSAGE).ok()??);
        let keys = path.as_ref().and_then(read);
        Self {
            path,
            state: Mutex::new(State {
                keys: keys.unwrap_or_default(),
                is_forbidden: false,
            }),
        }
    }

    /// The keys that may stand for a list without asking the vault; none after `split-ssh client --forget`.
    pub fn keys(&self) -> Vec<Key> {
        match &self.path {
            Some(path) if path.exists() => lock(&self.state).keys.clone(),
            _ => Vec::new(),
        }
    }

    /// What the vault listed last, for a list that is not to wait for it; nothing if it does not want that kept.
    pub fn last_known(&self) -> Vec<Key> {
        let state = lock(&self.state);
        match state.is_forbidden {
            true => Vec::new(),
            false => state.keys.clone(),
        }
    }

    /// Whether the vault has listed this key last.
    pub fn holds(&self, key: &[u8]) -> bool {
        let state = lock(&self.state);
        state.keys.iter().any(|(held, _)| held == key)
    }

    /// Takes the vault's word on whether lists may be kept.
    pub fn permit(&self, may_remember: bool) {
        lock(&self.state).is_forbidden = !may_remember;
        if let Some(path) = self.path.as_ref().filter(|_| !may_remember) {
            let _ = fs::remove_file(path); // it may not be there
        }
    }

    /// Takes a list of the vault. One that was given to a connection with binds may lack keys that others see: it only adds.
    pub fn take(&self, listed: Vec<Key>, is_whole: bool) {
        let mut state = lock(&self.state);
        let known: &[Key] = if is_whole { &[] } else { &state.keys };
        let is_new = |key: &Key| !known.iter().any(|(held, _)| *held == key.0);
        let added: Vec<Key> = listed.into_iter().filter(is_new).collect();
        let keys = [known, &added].concat();
        let is_changed = keys != state.keys;
        state.keys = keys;
        let Some(path) = self.path.as_ref().filter(|_| !state.is_forbidden) else {
            return;
        };
        let written = fs::metadata(path).and_then(|file| file.modified());
        let age = written.ok().and_then(|written| written.elapsed().ok());
        if is_changed || age.is_none_or(|age| age >= AGE_TIME) {
            // Without the file the vault is asked.
            let _ = trusted_files::replace_unsynced(path, &reply_of(&state.keys));
        }
    }

    /// How many keys the vault listed last.
    pub fn count(&self) -> usize {
        lock(&self.state).keys.len()
    }
}
