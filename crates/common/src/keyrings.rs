//! Which keyrings this vault has and where the agent of each one listens. Daemon and tools ask here; nothing else
//! works it out.

use std::path::PathBuf;

use policy::caller::{BadName, DEFAULT_KEYRING, Keyring};
use policy::certificate_validity::CertificateValidity;
use policy::crypto::Crypto as _;
use serde::{Deserialize, Serialize};

use crate::agent::{self, ListedKey};
use crate::config::keyring::KeyringConfig;
use crate::config::vault::VaultConfig;
use crate::crypto::Ring;
use crate::identities::{self, KeyFile};
use crate::load_record::{LoadRecord, LoadedKey};
use crate::paths::Paths;

/// A keyring, and the agent that holds its keys.
#[derive(Clone, Debug)]
pub struct KeyringPlace {
    pub name: Keyring,
    /// The agent's socket.
    pub socket: PathBuf,
    /// The folder of the key files that we load into the agent; `None` if the agent is not ours.
    pub folder: Option<PathBuf>,
    /// Which of the agent's keys belong to the keyring.
    pub config: KeyringConfig,
}

/// The keyrings of `vault.toml`, those that have a folder, and `default`, in name order.
pub fn find(paths: &Paths, config: &VaultConfig) -> Vec<KeyringPlace> {
    let mut names = identities::keyrings(&paths.home);
    names.push(DEFAULT_KEYRING.to_owned());
    names.extend(config.keyring.keys().cloned());
    names.sort();
    names.dedup();
    let keyrings = names.iter().flat_map(|name| Keyring::from_argument(name));
    keyrings.filter_map(|one| of(&one, paths, config)).collect()
}

/// Folders of keys with a name that no keyring can have.
pub fn bad_folders(paths: &Paths) -> Vec<(String, BadName)> {
    let names = identities::keyrings(&paths.home).into_iter();
    names
        .filter_map(|name| Keyring::from_argument(&name).err().map(|bad| (name, bad)))
        .collect()
}

/// One keyring; `None` if there is none of this name.
pub fn of(keyring: &Keyring, paths: &Paths, config: &VaultConfig) -> Option<KeyringPlace> {
    let name = keyring.as_str();
    let configured = config.keyring.get(name);
    let agent = configured.and_then(|configured| configured.agent.clone());
    let place = |socket, folder| KeyringPlace {
        name: keyring.clone(),
        socket,
        folder,
        config: configured.cloned().unwrap_or_default(),
    };
    if let Some(socket) = agent {
        return Some(place(socket, None));
    }
    let folder = identities::folder(&paths.home, name);
    let is_known = configured.is_some() || name == DEFAULT_KEYRING || folder.is_dir();
    is_known.then(|| {
        let socket = paths.agent_runtime().join(format!("{name}.sock"));
        place(socket, Some(folder))
    })
}

/// A keyring as its agent and its folder show it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyringState {
    pub name: String,
    pub socket: PathBuf,
    /// The folder of its key files; an agent that is not ours has none.
    pub folder: Option<PathBuf>,
    pub keys: Vec<KeyState>,
    /// Keys of the same agent that are not in this keyring.
    pub others: usize,
    /// Why the agent's keys are not known.
    pub trouble: Option<String>,
}

/// A key, or a certificate, of a keyring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyState {
    /// The plain key's.
    pub fingerprint: String,
    pub algorithm: String,
    /// The agent's words; bytes that are no UTF-8 are replaced.
    pub comment: String,
    /// SHA-256 of the whole blob, which tells a certificate from its key and from an older certificate.
    pub blob: String,
    pub state: LoadState,
    /// For a certificate that is not valid for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<CertificateValidity>,
}

/// Where a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadState {
    /// The agent holds it, and its file is in the folder; or the agent is not ours.
    Loaded,
    /// The agent holds it, and nobody loaded it from the folder.
    AddedByOthers,
    /// The agent holds it, and the file that it came from is gone or holds another key.
    FileGone,
    /// It is in a file, and waits for its passphrase.
    Locked,
}

impl KeyringPlace {
    /// What we loaded into its agent; `None` if the agent is not ours.
    pub fn record(&self) -> Option<LoadRecord> {
        let folder = self.folder.as_ref()?;
        Some(LoadRecord::new(&self.socket, folder))
    }

    /// Asks the agent, and looks into the folder.
    pub fn state(&self) -> KeyringState {
        let (listed, trouble) = match agent::list(&self.socket) {
            Ok(listed) => (listed, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let record = self.record().map(|record| record.keys());
        let locked = self.folder.as_deref().map(identities::locked_keys);
        let state = |blob: &[u8]| match &record {
            None => LoadState::Loaded,
            Some(loaded) => match loaded.iter().find(|key| key.blob == blob) {
                Some(key) if is_in_folder(key) => LoadState::Loaded,
                Some(_) => LoadState::FileGone,
                None => LoadState::AddedByOthers,
            },
        };
        let mut keys = Vec::new();
        let mut others = 0;
        for key in &listed {
            match self.holds(key) {
                true => keys.push(KeyState::of(key, state(&key.blob))),
                false => others += 1,
            }
        }
        let is_listed = |blob: &[u8]| listed.iter().any(|key| key.blob == blob);
        for KeyFile { blob, comment, .. } in locked.unwrap_or_default() {
            let key = ListedKey { blob, comment };
            if !is_listed(&key.blob) && self.holds(&key) {
                keys.push(KeyState::of(&key, LoadState::Locked));
            }
        }
        KeyringState {
            name: self.name.to_string(),
            socket: self.socket.clone(),
            folder: self.folder.clone(),
            keys,
            others,
            trouble,
        }
    }

    fn holds(&self, key: &ListedKey) -> bool {
        let fingerprint = agent::plain_fingerprint(&key.blob, &Ring);
        self.config.holds(&fingerprint.0, &key.comment)
    }
}

/// Whether the folder still has what was loaded from it, as far as the files tell.
fn is_in_folder(loaded: &LoadedKey) -> bool {
    let half = |suffix| identities::read_public(&loaded.file, suffix);
    let is_certificate = wire::certificate::Certificate::parse(&loaded.blob).is_ok();
    loaded.file.exists()
        && match is_certificate {
            true => half("-cert.pub").is_some_and(|public| public.blob == loaded.blob),
            false => identities::public_in(&loaded.file)
                .or_else(|| half(".pub").map(|public| public.blob))
                .is_none_or(|blob| blob == loaded.blob),
        }
}

impl KeyState {
    fn of(key: &ListedKey, state: LoadState) -> Self {
        let facts = key.facts(&Ring);
        Self {
            fingerprint: facts.fingerprint.0,
            algorithm: facts.algorithm,
            comment: String::from_utf8_lossy(&key.comment).into_owned(),
            blob: Ring.fingerprint(&key.blob).0,
            state,
            validity: CertificateValidity::of(&key.blob),
        }
    }
}
