//! The connections that have spoken and are served: how many, and how each is woken.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use crate::status::outcome::CallOutcome;
use common::sync::lock;
use common::wait;
use common::wake::WakeEvent;

/// All connections that are served.
#[derive(Debug)]
pub struct ConnectionTable {
    /// What wakes each.
    open: Mutex<Vec<Arc<WakeEvent>>>,
    must_leave: AtomicBool,
    /// Wakes the thread that keeps the status files: a connection has ended, or waits.
    pub left: WakeEvent,
}

/// One connection's entry in the table, removed when dropped.
#[derive(Debug)]
pub struct ConnectionHandle {
    /// Also for entries of threads that outlive this connection, or wait by themselves.
    pub table: Arc<ConnectionTable>,
    pub wake: Arc<WakeEvent>,
}

/// Whoever waits for a vault also watches the program that it waits for, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Watcher<'a> {
    pub program: Option<&'a Arc<UnixStream>>,
    pub handle: &'a ConnectionHandle,
}

impl ConnectionTable {
    /// # Errors
    /// No file descriptor is left.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            open: Mutex::default(),
            must_leave: AtomicBool::new(false),
            left: WakeEvent::new()?,
        }))
    }

    /// # Errors
    /// No file descriptor is left.
    pub fn register(self: &Arc<Self>) -> io::Result<ConnectionHandle> {
        let wake = Arc::new(WakeEvent::new()?);
        lock(&self.open).push(Arc::clone(&wake));
        Ok(ConnectionHandle {
            table: Arc::clone(self),
            wake,
        })
    }

    /// How many connections there are.
    pub fn open(&self) -> usize {
        lock(&self.open).len()
    }

    /// Makes every connection look again at its transport process, and at who waits.
    pub fn wake_all(&self) {
        lock(&self.open).iter().for_each(|wake| wake.signal());
    }

    /// Also those that are registered after this are asked.
    pub fn ask_all_to_leave(&self) {
        self.must_leave.store(true, Ordering::Relaxed);
        self.wake_all();
    }
}

impl ConnectionHandle {
    /// Waits for nobody's sake.
    pub fn alone(&self) -> Watcher<'_> {
        Watcher {
            program: None,
            handle: self,
        }
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        lock(&self.table.open).retain(|wake| !Arc::ptr_eq(wake, &self.wake));
        self.table.left.signal();
    }
}

impl Watcher<'_> {
    /// Waits until something wakes this connection, one of `fds` is ready, or `end` has come. What `fds` are ready for.
    ///
    /// # Errors
    /// We stop, the program has left, or the system refuses to wait.
    pub fn wait<'fd>(
        &'fd self,
        fds: impl IntoIterator<Item = PollFd<'fd>>,
        end: Option<Instant>,
    ) -> Result<Vec<PollFlags>, CallOutcome> {
        if self.handle.table.must_leave.load(Ordering::Relaxed) {
            return Err(CallOutcome::Stopped);
        }
        let mut polled = vec![PollFd::new(self.handle.wake.as_fd(), PollFlags::POLLIN)];
        let program = self.program.iter();
        polled.extend(program.map(|program| PollFd::new(program.as_fd(), PollFlags::empty())));
        polled.extend(fds);
        wait::until(&mut polled, end)?;
        let mut ready = polled.iter().map(wait::revents);
        if ready.next() != Some(PollFlags::empty()) {
            self.handle.wake.clear();
        }
        let program = self.program.and_then(|_| ready.next());
        if program.is_some_and(|program| program.contains(PollFlags::POLLHUP)) {
            return Err(CallOutcome::ClientLeft);
        }
        Ok(ready.collect())
    }
}
