//! The line between the vault's state and one running prompter: take it back, or tell it new counts.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use crate::intake::stream::poll_until;
use common::sync::lock;

/// What may change while a question is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Other questions that wait.
    pub waiting: usize,
    /// Requests that the answer will serve.
    pub same: usize,
}

/// One question's window, from whichever prompter.
#[derive(Debug)]
pub struct Dialog {
    told: Mutex<DialogState>,
    /// A byte here says that `told` has changed.
    wake: UnixStream,
    woken: UnixStream,
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
        let (wake, woken) = UnixStream::pair()?;
        // A pipe full of wake-ups wakes as well as one.
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        Ok(Self {
            told: Mutex::default(),
            wake,
            woken,
        })
    }

    /// Ends the prompter; its answer, if it has one by now, does not count.
    pub fn withdraw(&self) {
        lock(&self.told).withdrawn = true;
        let _ = (&self.wake).write(&[0]);
    }

    /// Tells the prompter that the counts of its question have changed.
    pub fn recount(&self, counts: Counts) {
        lock(&self.told).counts = Some(counts);
        let _ = (&self.wake).write(&[0]);
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        lock(&self.told).withdrawn
    }

    /// The new counts, once.
    pub(super) fn take_counts(&self) -> Option<Counts> {
        lock(&self.told).counts.take()
    }

    /// Readable when something was told.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// Makes [`Dialog::fd`] wait for the next word.
    pub(super) fn rest(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.woken).read(&mut bytes), Ok(read) if read > 0) {}
    }

    /// Waits for so long at most; true if the question was withdrawn.
    pub(super) fn wait_for_withdrawal(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !self.is_withdrawn() {
            let mut fds = [PollFd::new(self.fd(), PollFlags::POLLIN)];
            match poll_until(&mut fds, until) {
                Ok(0) => return false,
                // Without poll there is no waiting; better no window than a busy loop.
                Err(_) => return true,
                Ok(_) => self.rest(),
            }
        }
        true
    }
}
