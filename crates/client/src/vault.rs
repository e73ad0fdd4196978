//! A vault with one keyring.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::config::VaultConfig;
use super::slots::Slots;
use super::transport::Transport;
use crate::status::file::{Live, StatusFile};

/// One vault, with one keyring.
#[derive(Debug)]
pub struct Vault {
    pub config: VaultConfig,
    pub transport: Transport,
    /// Calls that may be open at once.
    pub calls: Arc<Slots>,
    /// Of them, those that may be in set-up.
    pub set_ups: Arc<Slots>,
    pub status: StatusFile,
    /// Connections of programs that have asked something.
    pub connections: AtomicUsize,
}

impl Vault {
    /// Brings the status file up to date.
    pub fn refresh_status(&self) {
        self.status.refresh(Live {
            connections: self.connections.load(Ordering::Relaxed),
            calls: self.calls.taken(self.config.calls),
            waiting: self.calls.waiting() + self.set_ups.waiting(),
        });
    }
}
