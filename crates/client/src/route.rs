//! How a vault is called, and how many calls there may be.

use std::sync::Arc;
use std::time::Duration;

use super::config::VaultConfig;
use super::slots::Slots;
use super::transport::Transport;

/// The way to one vault.
#[derive(Debug)]
pub struct Route {
    pub transport: Transport,
    /// From the start of a call until somebody takes the request; also the longest wait for a slot.
    pub set_up_time: Duration,
    /// Calls that may be open at once.
    pub calls: Arc<Slots>,
    /// Of them, those that may be in set-up.
    pub set_ups: Arc<Slots>,
}

impl Route {
    pub fn new(config: &VaultConfig) -> Self {
        Self {
            transport: config.transport.clone(),
            set_up_time: config.set_up_time,
            calls: Slots::new(config.calls),
            set_ups: Slots::new(config.set_ups),
        }
    }
}
