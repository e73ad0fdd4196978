//! The line between the vault's state and one running prompter: take it back, or tell it new counts.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use policy::question::Counts;

use common::sync::lock;
use common::wait;
use common::wake::WakeEvent;

/// One question's window, from whichever prompter.
#[derive(Debug)]
pub struct Dialog {
    told: Mutex<DialogState>,
    /// Signalled when `told` has changed.
    changed: WakeEvent,
}

#[derive(Debug, Default)]
struct DialogState {
    withdrawn: bool,
    counts: Option<Counts>,
}

impl Dialog {
    /// # Errors
    /// No descriptors are left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            told: Mutex::default(),
            changed: WakeEvent::new()?,
        })
    }

    /// Ends the prompter; its answer, if it has one by now, does not count.
    pub fn withdraw(&self) {
        lock(&self.told).withdrawn = true;
        self.changed.signal();
    }

    /// Tells the prompter that the counts of its question have changed.
    pub fn send_counts(&self, counts: Counts) {
        lock(&self.told).counts = Some(counts);
        self.changed.signal();
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        lock(&self.told).withdrawn
    }

    /// The new counts, once; and makes [`Dialog::fd`] wait for the next change.
    pub(super) fn take_counts(&self) -> Option<Counts> {
        self.changed.clear();
        lock(&self.told).counts.take()
    }

    /// Readable when something was told.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.changed.as_fd()
    }

    /// Waits for so long at most; true if the question was withdrawn.
    pub(super) fn wait_for_withdrawal(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !self.is_withdrawn() {
            let mut fds = [PollFd::new(self.fd(), PollFlags::POLLIN)];
            match wait::until(&mut fds, Some(until)) {
                Ok(false) => return false,
                // Without poll there is no waiting; better no window than a busy loop.
                Err(_) => return true,
                Ok(true) => self.changed.clear(),
            }
        }
        true
    }
}
