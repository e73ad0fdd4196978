//! A vault with one keyring.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::asking::Asking;
use super::carrying::CarryingCall;
use super::config::VaultConfig;
use super::lateness::Lateness;
use super::remembered::RememberedList;
use super::slots::CallSlots;
use crate::status::file::{Live, StatusFile};
use common::sync::lock;

/// Whether a vault carries many connections in one call.
#[derive(Debug, Default)]
pub enum Carrying {
    #[default]
    Untried,
    /// It did not agree at this time.
    Refused(Instant),
    By(Arc<CarryingCall>),
}

/// One vault, with one keyring.
#[derive(Debug)]
pub struct Vault {
    pub config: VaultConfig,
    pub slots: CallSlots,
    /// What is known of carrying connections to it.
    pub carrying: Mutex<Carrying>,
    /// The keys that it listed last.
    pub remembered: RememberedList,
    /// The questions that it asks for us.
    pub asking: Asking,
    pub lateness: Lateness,
    pub status: StatusFile,
    /// Connections of programs that have asked something.
    pub connections: AtomicUsize,
}

impl Vault {
    /// Whether a call is there that can carry another connection.
    pub fn can_carry(&self) -> bool {
        matches!(&*lock(&self.carrying), Carrying::By(call) if call.has_room())
    }

    /// Brings the status file up to date.
    pub fn refresh_status(&self) {
        self.status.refresh(Live {
            connections: self.connections.load(Ordering::Relaxed),
            carried: match &*lock(&self.carrying) {
                Carrying::By(call) => call.open(),
                _ => 0,
            },
            keys: self.remembered.count(),
            asking: self.asking.open(),
            late: self.lateness.status(),
            calls: self.slots.open.taken(self.config.calls),
            waiting: self.slots.open.waiting() + self.slots.set_up.waiting(),
        });
    }
}
