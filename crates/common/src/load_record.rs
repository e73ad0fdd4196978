//! Which keys of an agent we loaded from which file of its keyring's folder, so that a key whose file is gone can be
//! taken out and a key that somebody else added stays. One small file beside the agent's socket, where whoever loads
//! keys can write; it counts only for the agent that it was written for.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::agent;
use crate::error::Error;
use crate::trusted_files;

/// A keyring has some keys and certificates of about a kilobyte; more is not ours.
const MAX_FILE: usize = 1 << 20;

/// A key, or a certificate, that we loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedKey {
    /// The private key's file.
    pub file: PathBuf,
    pub blob: Vec<u8>,
}

/// What we loaded into one agent.
#[derive(Clone, Debug)]
pub struct LoadRecord {
    path: PathBuf,
    socket: PathBuf,
    folder: PathBuf,
}

impl LoadRecord {
    /// Of the agent on `socket`, which holds the keys of `folder`.
    pub fn new(socket: &Path, folder: &Path) -> Self {
        Self {
            path: socket.with_extension("loaded"),
            socket: socket.to_owned(),
            folder: folder.to_owned(),
        }
    }

    /// Runs `load`, which adds `file` to the agent, and records what is in the agent since. A key that was there
    /// before is somebody else's. Keys from outside the folder are their owner's business and not recorded.
    pub fn recording<T>(&self, file: &Path, load: impl FnOnce() -> T) -> T {
        if file.parent() != Some(self.folder.as_path()) {
            return load();
        }
        let before = agent::list(&self.socket);
        let loaded = load();
        if let (Ok(before), Ok(after)) = (before, agent::list(&self.socket)) {
            let is_new = |key: &agent::ListedKey| before.iter().all(|old| old.blob != key.blob);
            let mut new = after.into_iter().filter(is_new).peekable();
            if new.peek().is_some() {
                let new = new.map(|key| LoadedKey {
                    file: file.to_owned(),
                    blob: key.blob,
                });
                // Without a record the key counts as somebody else's: it stays until it is taken out by hand.
                let _ = self.change(|keys| keys.extend(new));
            }
        }
        loaded
    }

    /// What we loaded, as far as it was into the agent that listens now.
    pub fn keys(&self) -> Vec<LoadedKey> {
        let text = trusted_files::read(&self.path, MAX_FILE).ok().flatten();
        let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
        let mut lines = text.lines();
        if lines.next() != self.agent_id().as_deref() {
            return Vec::new();
        }
        let key = |line: &str| {
            let (blob, file) = line.split_once(' ')?;
            Some(LoadedKey {
                file: PathBuf::from(file),
                blob: STANDARD.decode(blob).ok()?,
            })
        };
        lines.filter_map(key).collect()
    }

    /// Takes a key out of the record.
    ///
    /// # Errors
    /// The record cannot be written.
    pub fn forget(&self, blob: &[u8]) -> Result<(), Error> {
        self.change(|keys| keys.retain(|key| key.blob != blob))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<LoadedKey>)) -> Result<(), Error> {
        let Some(agent) = self.agent_id() else {
            return Ok(());
        };
        let _lock = trusted_files::lock(self.path.parent().unwrap_or(Path::new(".")))?;
        let mut keys = self.keys();
        change(&mut keys);
        let mut text = agent + "\n";
        for key in &keys {
            text += &format!("{} {}\n", STANDARD.encode(&key.blob), key.file.display());
        }
        trusted_files::replace(&self.path, text.as_bytes())
    }

    /// Tells the agent from one that listened at the same place before. Links to a socket change its change time,
    /// so that the time at which it was made counts.
    fn agent_id(&self) -> Option<String> {
        let found = fs::metadata(&self.socket).ok()?;
        Some(format!(
            "agent {} {}.{:09}",
            found.ino(),
            found.mtime(),
            found.mtime_nsec()
        ))
    }
}
