//! Everything about keys: which keyrings there are, the agents behind them, and who may use these at once.

use std::sync::{Mutex, MutexGuard};

use policy::caller::{Caller, Keyring};

use super::concurrency::{UpstreamConcurrency, UpstreamTurn, UpstreamWork};
use super::keyrings::Keyrings;
use super::known_keys::KnownKeys;
use common::config::vault::VaultConfig;
use common::keyrings::KeyringPlace;
use common::log::journal::{self, Priority};
use common::paths::Paths;
use common::sync::lock;

#[derive(Debug)]
pub struct Keys {
    keyrings: Keyrings,
    concurrency: UpstreamConcurrency,
    unlocking: Mutex<()>,
    known: KnownKeys,
}

impl Keys {
    pub fn new(paths: Paths, config: &VaultConfig) -> Self {
        Self {
            known: KnownKeys::new(paths.home.clone()),
            keyrings: Keyrings::new(paths, config),
            concurrency: UpstreamConcurrency::default(),
            unlocking: Mutex::default(),
        }
    }

    /// Starts the agents of all keyrings that are known by now. What goes wrong is told to the journal.
    pub fn start_agents(&self) {
        warn(self.keyrings.start_all());
    }

    /// Ends the agents of our own.
    pub fn stop_agents(&self) {
        self.keyrings.stop();
    }

    /// Where a keyring's agent is; `None` if there is no such keyring, or its agent does not start.
    pub fn place(&self, keyring: &Keyring) -> Option<KeyringPlace> {
        let mut said = Vec::new();
        let place = self
            .keyrings
            .source(keyring, &mut said)
            .unwrap_or_else(|error| {
                said.push(error.to_string());
                None
            });
        warn(said);
        place
    }

    /// What is known of agents that are locked.
    pub fn known(&self) -> &KnownKeys {
        &self.known
    }

    /// All keyrings of this vault.
    pub fn keyrings(&self) -> &Keyrings {
        &self.keyrings
    }

    /// Waits until `caller` may have one more request at an upstream.
    pub fn turn(&self, caller: &Caller, work: UpstreamWork) -> UpstreamTurn<'_> {
        self.concurrency.wait(caller, work)
    }

    /// Held while a key file's passphrase is asked for, so that two requests for one key ask once. It is taken
    /// before any other lock.
    pub fn unlocking(&self) -> MutexGuard<'_, ()> {
        lock(&self.unlocking)
    }
}

/// Tells the journal what went wrong.
pub fn warn(said: Vec<String>) {
    for line in said {
        journal::say(Priority::Warning, &line);
    }
}
