//! The connections that are open: how many, and how each is woken.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::wake::WakeEvent;

/// Connections that may be open at once: ten times what a busy qube was seen to hold, and far from
/// the usual 1024 file descriptors of a process.
pub const MAX_CONNECTIONS: usize = 128;

/// All open connections. When there are too many, the one that has waited longest without
/// having said a word is asked to leave.
#[derive(Debug)]
pub struct ConnectionTable {
    registered: Mutex<Registered>,
    /// Signalled whenever a connection has ended.
    pub left: WakeEvent,
}

#[derive(Debug, Default)]
struct Registered {
    next: u64,
    taken: BTreeMap<u64, Arc<ConnectionState>>,
}

/// What the rest of the program tells a connection.
#[derive(Debug)]
struct ConnectionState {
    wake: Arc<WakeEvent>,
    leave: AtomicBool,
    silent: AtomicBool,
}

/// One connection's entry in the table, removed when dropped.
#[derive(Debug)]
pub struct ConnectionHandle {
    table: Arc<ConnectionTable>,
    number: u64,
    signals: Arc<ConnectionState>,
}

impl ConnectionTable {
    /// # Errors
    /// No file descriptor is left.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            registered: Mutex::default(),
            left: WakeEvent::new()?,
        }))
    }

    /// # Errors
    /// No file descriptor is left.
    pub fn register(self: &Arc<Self>) -> io::Result<ConnectionHandle> {
        let signals = Arc::new(ConnectionState {
            wake: Arc::new(WakeEvent::new()?),
            leave: AtomicBool::new(false),
            silent: AtomicBool::new(true),
        });
        let mut registered = self.registered();
        let number = registered.next;
        registered.next += 1;
        registered.taken.insert(number, Arc::clone(&signals));
        if registered.taken.len() >= MAX_CONNECTIONS {
            let oldest_silent = registered
                .taken
                .values()
                .find(|signals| signals.silent.load(Ordering::Relaxed));
            if let Some(signals) = oldest_silent {
                signals.ask_to_leave();
            }
        }
        Ok(ConnectionHandle {
            table: Arc::clone(self),
            number,
            signals,
        })
    }

    pub fn is_full(&self) -> bool {
        self.registered().taken.len() >= MAX_CONNECTIONS
    }

    pub fn is_empty(&self) -> bool {
        self.registered().taken.is_empty()
    }

    /// Makes every connection look at its transport process again.
    pub fn wake_all(&self) {
        self.registered()
            .taken
            .values()
            .for_each(|signals| signals.wake.signal());
    }

    pub fn ask_all_to_leave(&self) {
        self.registered()
            .taken
            .values()
            .for_each(|signals| signals.ask_to_leave());
    }

    fn registered(&self) -> MutexGuard<'_, Registered> {
        self.registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionState {
    fn ask_to_leave(&self) {
        self.leave.store(true, Ordering::Relaxed);
        self.silent.store(false, Ordering::Relaxed);
        self.wake.signal();
    }
}

impl ConnectionHandle {
    pub fn wake(&self) -> &Arc<WakeEvent> {
        &self.signals.wake
    }

    pub fn must_leave(&self) -> bool {
        self.signals.leave.load(Ordering::Relaxed)
    }

    /// The client has sent its first byte: it no longer leaves for others.
    pub fn has_spoken(&self) {
        self.signals.silent.store(false, Ordering::Relaxed);
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.table.registered().taken.remove(&self.number);
        self.table.left.signal();
    }
}
