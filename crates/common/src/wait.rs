//! Waits for file descriptors, and for a connection, with a deadline.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

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

/// Connects to a unix socket. If its queue is full, since its program is stopped or busy, this waits no longer than
/// `time`: Linux bounds connecting to a unix socket by the socket's time for sending, which stays as it is set here.
///
/// # Errors
/// As `connect(2)`; [`io::ErrorKind::WouldBlock`] if the queue stays full.
pub fn connected(path: &Path, time: Option<Duration>) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let stream = UnixStream::from(stream);
    stream.set_write_timeout(time)?;
    let address = UnixAddr::new(path)?;
    loop {
        match connect(stream.as_raw_fd(), &address) {
            Err(Errno::EINTR) => {}
            result => return result.map(|()| stream).map_err(io::Error::from),
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_full_queue_is_waited_for_no_longer_than_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stopped.sock");
        let time = Some(Duration::from_millis(50));
        let missing = connected(&path, time).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let _listener = UnixListener::bind(&path).unwrap();
        // Nobody accepts: a program that is stopped.
        let mut queued = Vec::new();
        let full = loop {
            match connected(&path, time) {
                Ok(stream) => queued.push(stream),
                Err(error) => break error,
            }
            assert!(queued.len() < 100_000, "the queue has no end");
        };
        assert!(!queued.is_empty());
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }
}
