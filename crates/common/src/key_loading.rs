//! Loads the key files of a keyring into its agent, with `ssh-add`.

use std::fmt;
use std::io;
use std::path::Path;

use wire::certificate::Certificate;

use crate::agent;
use crate::askpass;
use crate::identities::{self, is_locked};
use crate::keyrings::KeyringPlace;
use crate::load_record::LoadedKey;
use crate::trusted_files::quoted;

/// Why a key is not in the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLoaded {
    /// It needs a passphrase, or another one.
    Locked,
    /// ssh-add cannot read the file.
    BadFile,
    Failed(String),
}

impl fmt::Display for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("it needs a passphrase"),
            Self::BadFile => {
                f.write_str("ssh-add cannot read the file; `split-ssh doctor` says why")
            }
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl KeyringPlace {
    /// Adds one key, with the options that its folder gives it.
    ///
    /// # Errors
    /// See [`NotLoaded`].
    pub fn load_key(&self, key: &Path, passphrase: Option<&[u8]>) -> Result<(), NotLoaded> {
        self.recording(key, || add_key(key, &self.socket, passphrase))
    }

    /// Runs `load`, which adds the key of `file`, and records what it adds to an agent of our own.
    pub fn recording<T>(&self, file: &Path, load: impl FnOnce() -> T) -> T {
        match self.record() {
            Some(record) => record.recording(file, load),
            None => load(),
        }
    }

    /// Adds every key of the folder that needs no passphrase; returns a line for each that was not added.
    pub fn load_folder(&self, folder: &Path) -> Vec<String> {
        let keys = match identities::private_keys(folder) {
            Ok(keys) => keys,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => return vec![format!("cannot read {}: {error}", folder.display())],
        };
        let explained = keys.iter().filter_map(|key| {
            let why = self.load_key(key, None).err()?;
            let key = key.display();
            Some(match why {
                NotLoaded::Locked => format!(
                    "{key} has a passphrase: it is asked for when the key is first allowed to sign, or by `split-ssh add`"
                ),
                why => format!("{key} was not loaded: {why}"),
            })
        });
        explained.collect()
    }

    /// Loads certificates of the folder that were renewed since their keys were loaded, and takes out those that they
    /// replace. A key with a passphrase is left for when it next signs. Returns what was done and what failed.
    pub fn renew_certificates(&self, folder: &Path) -> Vec<String> {
        let mut said = Vec::new();
        let (Some(record), Ok(listed)) = (self.record(), agent::list(&self.socket)) else {
            return said;
        };
        let is_listed = |blob: &[u8]| listed.iter().any(|key| key.blob == blob);
        for renewed in identities::certificates(folder) {
            let plain = Certificate::parse(&renewed.blob).map(|parsed| parsed.key.rebuild());
            let is_renewed =
                !is_listed(&renewed.blob) && plain.is_ok_and(|plain| is_listed(&plain));
            let file = renewed.private.as_path();
            if !is_renewed || is_locked(file) {
                continue;
            }
            let of = format!("the renewed certificate of {}", file.display());
            if let Err(why) = self.load_key(file, None) {
                said.push(format!("{of} was not loaded: {why}"));
                continue;
            }
            said.push(format!("{of} was loaded"));
            let is_old = |key: &LoadedKey| {
                let is_certificate = Certificate::parse(&key.blob).is_ok();
                key.file == file && key.blob != renewed.blob && is_certificate
            };
            for old in record.keys().into_iter().filter(is_old) {
                if agent::remove(&self.socket, &old.blob).is_ok() {
                    let _ = record.forget(&old.blob);
                }
            }
        }
        said
    }
}

fn add_key(key: &Path, socket: &Path, passphrase: Option<&[u8]>) -> Result<(), NotLoaded> {
    let words = identities::options(key).map_err(NotLoaded::Failed)?;
    let output = askpass::ssh_add(&words, key, socket, passphrase)
        .map_err(|error| NotLoaded::Failed(format!("cannot run ssh-add: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // ssh-add's words for a file that is in no format of its own, whatever its passphrase, and for one that others may
    // read.
    if said.contains("Error loading key") || said.contains("UNPROTECTED") {
        return Err(NotLoaded::BadFile);
    }
    // ssh-add's words for SSH_AGENT_FAILURE, which comes only once the file is read.
    if said.contains("agent refused operation") {
        return Err(NotLoaded::Failed(format!(
            "the agent refuses keys; if somebody locked it: SSH_AUTH_SOCK={} ssh-add -X",
            quoted(socket)
        )));
    }
    if is_locked(key) {
        return Err(NotLoaded::Locked);
    }
    let line = said.lines().next().unwrap_or("ssh-add failed").trim();
    Err(NotLoaded::Failed(line.to_owned()))
}
