//! The connections that have spoken and are served: how many, and how each is woken.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::sync::lock;
use common::wake::WakeEvent;

/// Connections that may be served at once: five times what a qube was seen to open in a burst. Each costs two file
/// descriptors and a thread.
pub const MAX_CONNECTIONS: usize = 1024;

/// All connections that are served.
#[derive(Debug)]
pub struct ConnectionTable {
    registered: Mutex<Registered>,
    /// Signalled whenever a connection has ended, or waits.
    pub left: WakeEvent,
}

#[derive(Debug, Default)]
struct Registered {
    next: u64,
    open: BTreeMap<u64, Arc<Signals>>,
}

/// What the rest of the client tells a connection.
#[derive(Debug)]
struct Signals {
    wake: Arc<WakeEvent>,
    leave: AtomicBool,
}

/// One connection's entry in the table, removed when dropped.
#[derive(Debug)]
pub struct ConnectionHandle {
    table: Arc<ConnectionTable>,
    number: u64,
    signals: Arc<Signals>,
}

/// Whoever waits for a vault also watches the program that it waits for.
#[derive(Clone, Copy, Debug)]
pub struct Watcher<'a> {
    pub program: &'a Arc<UnixStream>,
    pub handle: &'a ConnectionHandle,
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
        let signals = Arc::new(Signals {
            wake: Arc::new(WakeEvent::new()?),
            leave: AtomicBool::new(false),
        });
        let mut registered = lock(&self.registered);
        let number = registered.next;
        registered.next += 1;
        registered.open.insert(number, Arc::clone(&signals));
        Ok(ConnectionHandle {
            table: Arc::clone(self),
            number,
            signals,
        })
    }

    pub fn is_full(&self) -> bool {
        lock(&self.registered).open.len() >= MAX_CONNECTIONS
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.registered).open.is_empty()
    }

    /// Makes every connection look again at its transport process, and at who waits.
    pub fn wake_all(&self) {
        lock(&self.registered)
            .open
            .values()
            .for_each(|signals| signals.wake.signal());
    }

    pub fn ask_all_to_leave(&self) {
        for signals in lock(&self.registered).open.values() {
            signals.leave.store(true, Ordering::Relaxed);
            signals.wake.signal();
        }
    }
}

impl ConnectionHandle {
    pub fn wake(&self) -> &Arc<WakeEvent> {
        &self.signals.wake
    }

    pub fn must_leave(&self) -> bool {
        self.signals.leave.load(Ordering::Relaxed)
    }

    pub fn wake_all(&self) {
        self.table.wake_all();
        self.table.left.signal();
    }

    /// Wakes the thread that keeps the status file.
    pub fn wake_table(&self) {
        self.table.left.signal();
    }

    /// An entry for a thread that outlives this connection, or waits by itself.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn another(&self) -> io::Result<Self> {
        self.table.register()
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        lock(&self.table.registered).open.remove(&self.number);
        self.table.left.signal();
    }
}
