//! Which agent is behind a keyring's name, and what all who use the agents share.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use policy::caller::Keyring;

use super::agent::{self, OwnAgent};
use super::concurrency::UpstreamConcurrency;
use super::known_keys::KnownKeys;
use common::agent_unit;
use common::config::vault::VaultConfig;
use common::error::Error;
use common::keyrings::{self, KeyringPlace, KeyringState};
use common::log::journal::{self, Priority};
use common::paths::Paths;
use common::stamps::Stamps;
use common::sync::lock;

/// All keyrings of this vault.
#[derive(Debug)]
pub struct Keyrings {
    paths: Paths,
    config: VaultConfig,
    /// The lock also keeps two calls from starting two agents.
    own: Mutex<OwnAgents>,
    start_agent_thread: Sender<(PathBuf, StartedAgent)>,
    pub concurrency: UpstreamConcurrency,
    /// What is known of agents that are locked.
    pub known: KnownKeys,
    unlocking: Mutex<()>,
}

#[derive(Debug, Default)]
struct OwnAgents {
    /// By keyring.
    running: HashMap<String, OwnAgent>,
    /// The certificates of each folder when they were last looked at.
    certificates: HashMap<PathBuf, (Vec<PathBuf>, Stamps)>,
}

/// Takes an agent that was started, or why it was not.
type StartedAgent = Sender<Result<OwnAgent, Error>>;

impl Keyrings {
    pub fn new(paths: Paths, config: &VaultConfig) -> Self {
        Self {
            known: KnownKeys::new(paths.home.clone()),
            paths,
            config: config.clone(),
            own: Mutex::default(),
            start_agent_thread: start_agent_thread(),
            concurrency: UpstreamConcurrency::default(),
            unlocking: Mutex::default(),
        }
    }

    /// Held while a key file's passphrase is asked for, so that two requests for one key ask once. It is taken
    /// before any other lock.
    pub fn unlocking(&self) -> MutexGuard<'_, ()> {
        lock(&self.unlocking)
    }

    /// Starts the agents of all keyrings that are known by now. What goes wrong is told to the journal.
    pub fn start_all(&self) {
        for (name, bad) in keyrings::bad_folders(&self.paths) {
            warn(&format!(
                "~/.ssh/identities.d/{name:?} is no keyring: {bad}"
            ));
        }
        for keyring in self.names() {
            self.place(&keyring);
        }
    }

    /// Where a keyring's agent is; `None` if there is no such keyring, or its agent does not start. What goes wrong is
    /// told to the journal.
    pub fn place(&self, keyring: &Keyring) -> Option<KeyringPlace> {
        self.source(keyring).unwrap_or_else(|error| {
            warn(&error.to_string());
            None
        })
    }

    /// The agent behind `keyring`; `None` if there is no such keyring. What could not be loaded into an
    /// agent of our own is told to the journal.
    ///
    /// # Errors
    /// An agent of our own does not start.
    fn source(&self, keyring: &Keyring) -> Result<Option<KeyringPlace>, Error> {
        let Some(place) = keyrings::of(keyring, &self.paths, &self.config) else {
            return Ok(None);
        };
        let Some(folder) = &place.folder else {
            return Ok(Some(place));
        };
        let name = keyring.as_str();
        let mut own = lock(&self.own);
        let running = own.running.get_mut(name).is_some_and(OwnAgent::is_running);
        // A systemd unit may run this keyring's agent; then it is not ours to start.
        if !running && !agent::is_alive(&place.socket) {
            own.running.remove(name);
            let units = self.paths.keyring_socket();
            if agent_unit::is_offered(&units) {
                agent_unit::start(keyring, &units)?;
            } else {
                let started = self.start(place.socket.clone())?;
                for why in place.load_folder(folder) {
                    warn(&why);
                }
                own.running.insert(name.to_owned(), started);
            }
        }
        if own.has_other_certificates(folder) {
            for why in place.renew_certificates(folder) {
                warn(&why);
            }
        }
        Ok(Some(place))
    }

    /// A keyring's keys, for its owner. Its agent is started if it does not run.
    pub fn state(&self, keyring: &Keyring) -> Option<KeyringState> {
        let started = self.source(keyring);
        let place = keyrings::of(keyring, &self.paths, &self.config)?;
        let mut state = place.state();
        if let (Err(error), Some(trouble)) = (started, &mut state.trouble) {
            *trouble = error.what().to_owned();
        }
        Some(state)
    }

    /// The names of all keyrings.
    pub fn names(&self) -> Vec<Keyring> {
        let found = keyrings::find(&self.paths, &self.config);
        found.into_iter().map(|place| place.name).collect()
    }

    fn start(&self, socket: PathBuf) -> Result<OwnAgent, Error> {
        let (done, started) = mpsc::channel();
        // A thread that has ended takes nothing, and answers nothing.
        let _ = self.start_agent_thread.send((socket, done));
        let gone = |_| Err(Error::new("the thread that starts agents has ended"));
        started.recv().unwrap_or_else(gone)
    }

    /// Ends the agents of our own.
    pub fn stop(&self) {
        lock(&self.own).running.clear();
    }
}

impl OwnAgents {
    /// Whether the certificates of a folder are others than when this was last asked. A few calls to the system,
    /// where asking the agent for its keys would cost more than a signature.
    fn has_other_certificates(&mut self, folder: &Path) -> bool {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = paths
            .filter(|path| path.as_os_str().as_bytes().ends_with(b"-cert.pub"))
            .collect();
        paths.sort();
        let stamps = Stamps::of(&paths);
        let has_none = paths.is_empty();
        let now = (paths, stamps);
        if has_none || self.certificates.get(folder) == Some(&now) {
            return false;
        }
        self.certificates.insert(folder.to_owned(), now);
        true
    }
}

/// Tells the journal what went wrong.
fn warn(why: &str) {
    journal::say(Priority::Warning, why);
}

/// Agents are forked by one thread that lives as long as we do: the kernel ends them with the thread that
/// forked them.
fn start_agent_thread() -> Sender<(PathBuf, StartedAgent)> {
    let (sender, receiver) = mpsc::channel::<(PathBuf, StartedAgent)>();
    thread::spawn(move || {
        for (socket, done) in receiver {
            let _ = done.send(OwnAgent::start(&socket));
        }
    });
    sender
}
