//! The connections that are open: how many, and how each is woken.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Connections that may be open at once: ten times what a busy qube was seen to hold, and far from
/// the usual 1024 file descriptors of a process.
pub const MAX_CONNECTIONS: usize = 128;

/// An event that one thread waits for and any thread may raise.
#[derive(Debug)]
pub struct Bell(EventFd);

impl Bell {
    /// # Errors
    /// No file descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(EventFd::from_flags(
            EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK,
        )?))
    }

    pub fn ring(&self) {
        // Fails only when it rings already.
        let _ = self.0.write(1);
    }

    pub fn silence(&self) {
        // Fails only when it does not ring.
        let _ = self.0.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// All open connections. When there are too many, the one that has waited longest without
/// having said a word is asked to leave.
#[derive(Debug)]
pub struct Crowd {
    seats: Mutex<Seats>,
    /// Rings whenever a seat was given back.
    pub left: Bell,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Arc<Signs>>,
}

/// What the rest of the program tells a connection.
#[derive(Debug)]
struct Signs {
    bell: Arc<Bell>,
    leave: AtomicBool,
    silent: AtomicBool,
}

/// One connection's place in the crowd, given back when dropped.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
    signs: Arc<Signs>,
}

impl Crowd {
    /// # Errors
    /// No file descriptor is left.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            seats: Mutex::default(),
            left: Bell::new()?,
        }))
    }

    /// # Errors
    /// No file descriptor is left.
    pub fn sit_down(self: &Arc<Self>) -> io::Result<Seat> {
        let signs = Arc::new(Signs {
            bell: Arc::new(Bell::new()?),
            leave: AtomicBool::new(false),
            silent: AtomicBool::new(true),
        });
        let mut seats = self.seats();
        let number = seats.next;
        seats.next += 1;
        seats.taken.insert(number, Arc::clone(&signs));
        if seats.taken.len() >= MAX_CONNECTIONS {
            let oldest_silent = seats
                .taken
                .values()
                .find(|signs| signs.silent.load(Ordering::Relaxed));
            if let Some(signs) = oldest_silent {
                signs.ask_to_leave();
            }
        }
        Ok(Seat {
            crowd: Arc::clone(self),
            number,
            signs,
        })
    }

    pub fn is_full(&self) -> bool {
        self.seats().taken.len() >= MAX_CONNECTIONS
    }

    pub fn is_empty(&self) -> bool {
        self.seats().taken.is_empty()
    }

    /// Makes every connection look at its child again.
    pub fn wake_all(&self) {
        self.seats()
            .taken
            .values()
            .for_each(|signs| signs.bell.ring());
    }

    pub fn ask_all_to_leave(&self) {
        self.seats()
            .taken
            .values()
            .for_each(|signs| signs.ask_to_leave());
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signs {
    fn ask_to_leave(&self) {
        self.leave.store(true, Ordering::Relaxed);
        self.silent.store(false, Ordering::Relaxed);
        self.bell.ring();
    }
}

impl Seat {
    pub fn bell(&self) -> &Arc<Bell> {
        &self.signs.bell
    }

    pub fn must_leave(&self) -> bool {
        self.signs.leave.load(Ordering::Relaxed)
    }

    /// The client has sent its first byte: it no longer leaves for others.
    pub fn has_spoken(&self) {
        self.signs.silent.store(false, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.seats().taken.remove(&self.number);
        self.crowd.left.ring();
    }
}
