//! Waits for file descriptors, with a deadline.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Asks `poll(2)` whether the peer has closed its socket, at least for writing (Linux). `nix` does not know it, so that
/// [`revents`] leaves it out: use [`has_peer_closed`].
pub const PEER_CLOSED: PollFlags = PollFlags::from_bits_retain(nix::libc::POLLRDHUP);

/// Whether the peer of a socket that was polled for [`PEER_CLOSED`] has closed it, at least for writing, or broken it.
pub fn has_peer_closed(fd: &PollFd<'_>) -> bool {
    fd.any().unwrap_or(true)
}

/// Whether the peer of a socket has closed it altogether, or broken it.
pub fn has_hung_up(socket: impl AsFd) -> bool {
    // No events asked for: hang-up and error are always told.
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
}

/// Waits until one of `fds` is ready, or until `end`; with no `end`, for as long as it takes. False: time is up.
///
/// # Errors
/// As `poll(2)`, except that a signal only makes it wait again.
pub fn until(fds: &mut [PollFd<'_>], end: Option<Instant>) -> io::Result<bool> {
    loop {
        match poll(fds, timeout(end)) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(ready) => return Ok(ready > 0),
        }
    }
}

/// The events that `poll` found for one descriptor; none if it was not waited for.
pub fn revents(fd: &PollFd<'_>) -> PollFlags {
    fd.revents().unwrap_or(PollFlags::empty())
}

fn timeout(end: Option<Instant>) -> PollTimeout {
    let Some(end) = end else {
        return PollTimeout::NONE;
    };
    let left = end.saturating_duration_since(Instant::now());
    // Rounded up, so that the end has come when the wait ends.
    let millis = (left + Duration::from_micros(999)).as_millis();
    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
}
