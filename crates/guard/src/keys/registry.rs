//! Everything about keys: which keyrings there are, the agents behind them, and who may use these at once.

use std::sync::{Mutex, MutexGuard};

use super::concurrency::UpstreamConcurrency;
use super::keyrings::Keyrings;
use super::known_keys::KnownKeys;
use common::config::vault::VaultConfig;
use common::paths::Paths;
use common::sync::lock;

#[derive(Debug)]
pub struct Keys {
    /// All keyrings of this vault.
    pub keyrings: Keyrings,
    pub concurrency: UpstreamConcurrency,
    unlocking: Mutex<()>,
    /// What is known of agents that are locked.
    pub known: KnownKeys,
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

    /// Held while a key file's passphrase is asked for, so that two requests for one key ask once. It is taken
    /// before any other lock.
    pub fn unlocking(&self) -> MutexGuard<'_, ()> {
        lock(&self.unlocking)
    }
}
