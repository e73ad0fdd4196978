//! Waiting for file descriptors, with an end.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The peer will send no more (`poll(2)`, Linux). `nix` does not know it: not to be found in `said`.
const NO_MORE_INPUT: PollFlags = PollFlags::from_bits_retain(nix::libc::POLLRDHUP);

/// Whether the peer of `socket` has closed it, at least for writing. What it wrote before may still
/// be there to be read.
///
/// # Errors
/// As `poll(2)`.
pub fn has_half_closed(socket: impl AsFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(socket.as_fd(), NO_MORE_INPUT)];
    loop {
        match poll(&mut fds, PollTimeout::ZERO) {
            Err(Errno::EINTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// Waits until one of `fds` is ready, or until `end`; with no `end`, for as long as it takes.
///
/// # Errors
/// As `poll(2)`, except that a signal only makes it wait again.
pub fn until(fds: &mut [PollFd<'_>], end: Option<Instant>) -> io::Result<()> {
    loop {
        match poll(fds, timeout(end)) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(_) => return Ok(()),
        }
    }
}

/// What `poll` said of one descriptor; nothing where it was not waited for.
pub fn said(fd: &PollFd<'_>) -> PollFlags {
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
