//! Which agent is behind a keyring's name.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;

use policy::caller::{DEFAULT_KEYRING, Keyring};

use super::agent::{self, OwnAgent};
use super::agent_unit;
use common::config::vault::{KeyringConfig, VaultConfig};
use common::error::Error;
use common::identities;
use common::paths::Paths;
use common::sync::lock;

/// All keyrings of this vault.
#[derive(Debug)]
pub struct Keyrings {
    paths: Paths,
    configured: HashMap<String, KeyringConfig>,
    /// Agents of our own by keyring; the lock also keeps two calls from starting two.
    own: Mutex<HashMap<String, OwnAgent>>,
    keeper: Sender<Start>,
}

/// An agent's socket, and which of its keys belong to the keyring.
#[derive(Clone, Debug)]
pub struct Source {
    pub socket: PathBuf,
    /// Key files that may be loaded into it.
    pub folder: Option<PathBuf>,
    pub filter: KeyringConfig,
}

struct Start {
    socket: PathBuf,
    done: Sender<Result<OwnAgent, Error>>,
}

impl Keyrings {
    pub fn new(paths: Paths, config: &VaultConfig) -> Self {
        let configured = config.keyring.clone().into_iter().collect();
        Self {
            paths,
            configured,
            own: Mutex::default(),
            keeper: keeper(),
        }
    }

    /// Starts the agents of all keyrings that are known by now; returns what went wrong, for the journal.
    pub fn start_all(&self) -> Vec<String> {
        let mut names = identities::keyrings(&self.paths.home);
        names.push(DEFAULT_KEYRING.to_owned());
        names.extend(self.configured.keys().cloned());
        names.sort();
        names.dedup();
        let mut said = Vec::new();
        for name in names {
            match Keyring::from_argument(&name) {
                Ok(keyring) => {
                    if let Err(error) = self.source(&keyring, &mut said) {
                        said.push(error.to_string());
                    }
                }
                Err(bad) => said.push(format!("~/.ssh/identities.d/{name:?} is no keyring: {bad}")),
            }
        }
        said
    }

    /// The agent behind `keyring`; `None` if there is no such keyring. What could not be loaded into an
    /// agent of our own is added to `said`.
    ///
    /// # Errors
    /// An agent of our own does not start.
    pub fn source(
        &self,
        keyring: &Keyring,
        said: &mut Vec<String>,
    ) -> Result<Option<Source>, Error> {
        let name = keyring.as_str();
        let filter = self.configured.get(name).cloned();
        if let Some(socket) = filter.as_ref().and_then(|filter| filter.agent.clone()) {
            return Ok(Some(Source {
                socket,
                folder: None,
                filter: filter.unwrap_or_default(),
            }));
        }
        let folder = identities::folder(&self.paths.home, name);
        if filter.is_none() && name != DEFAULT_KEYRING && !folder.is_dir() {
            return Ok(None);
        }
        let socket = self.paths.agent_runtime().join(format!("{name}.sock"));
        let mut own = lock(&self.own);
        let running = own.get_mut(name).is_some_and(OwnAgent::is_running);
        // A systemd unit may run this keyring's agent; then it is not ours to start.
        if !running && !agent::is_alive(&socket) {
            own.remove(name);
            let units = self.paths.keyring_socket();
            if agent_unit::is_offered(&units) {
                agent_unit::start(keyring, &units)?;
            } else {
                let started = self.start(socket.clone())?;
                said.extend(started.load(&folder));
                own.insert(name.to_owned(), started);
            }
        }
        Ok(Some(Source {
            socket,
            folder: Some(folder),
            filter: filter.unwrap_or_default(),
        }))
    }

    fn start(&self, socket: PathBuf) -> Result<OwnAgent, Error> {
        let (done, started) = mpsc::channel();
        let gone = || Error::new("the thread that starts agents has ended");
        self.keeper
            .send(Start { socket, done })
            .map_err(|_| gone())?;
        started.recv().map_err(|_| gone())?
    }

    /// Ends the agents of our own.
    pub fn stop(&self) {
        lock(&self.own).clear();
    }
}

/// Agents are forked by one thread that lives as long as we do: the kernel ends them with the thread that
/// forked them.
fn keeper() -> Sender<Start> {
    let (sender, receiver) = mpsc::channel::<Start>();
    thread::spawn(move || {
        for start in receiver {
            let _ = start.done.send(OwnAgent::start(&start.socket));
        }
    });
    sender
}
