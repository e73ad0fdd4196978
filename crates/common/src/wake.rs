//! Wakes a thread that waits with poll.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Readable from the first [`WakeEvent::signal`] until [`WakeEvent::clear`].
#[derive(Debug)]
pub struct WakeEvent(EventFd);

impl WakeEvent {
    /// # Errors
    /// No descriptors are left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(EventFd::from_flags(
            EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK,
        )?))
    }

    pub fn signal(&self) {
        // A counter that is full is readable, too.
        let _ = self.0.write(1);
    }

    pub fn clear(&self) {
        // It fails only if no signal was there to clear.
        let _ = self.0.read();
    }
}

impl AsFd for WakeEvent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
