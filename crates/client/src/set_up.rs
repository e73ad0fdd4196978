//! The time between the start of a call and the moment when somebody takes the request. It has no
//! bound of its own: a person may be thinking in dom0, a vault may be starting, qrexec may have
//! lost the call. Nothing says that it is over, but the request's bytes do: they are gone.

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{MsgFlags, recv};

use super::connection_table::{ConnectionHandle, Watcher};
use super::transport::Stream;
use super::transport_process::TransportProcess;
use crate::status::outcome::CallOutcome;

/// Bytes of a request that wait in the transport process's input while it is set up: more than a list or a bind, and few
/// enough to be written there without waiting.
pub const MAX_FIRST_BYTES: usize = 4096;

/// Between two looks at the request. A call takes about 5 ms, a person seconds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Watches until somebody takes the request, whose first bytes are `first`, but not for longer than `time`.
///
/// # Errors
/// Nobody has taken it, and why nobody ever will.
pub fn watch(
    stream: &mut Stream,
    first: &[u8],
    watcher: &Watcher<'_>,
    time: Duration,
) -> Result<(), CallOutcome> {
    let (Some(process), Some(its_stdin)) = (&mut stream.process, &stream.its_stdin) else {
        return Ok(());
    };
    let end = Instant::now() + time;
    let mut reply = Some(stream.from_vault.as_fd());
    let mut pause = SHORTEST_PAUSE;
    loop {
        let exit = process.ended();
        let is_taken = is_taken(its_stdin, first);
        // Between two looks the stream may even have come to its end. And qrexec calls it a success when a vault's daemon dies.
        if let Some(exit) = exit.filter(|exit| !is_taken || !exit.success()) {
            return Err(CallOutcome::of_exit(exit).unwrap_or(CallOutcome::Cut));
        }
        if is_taken {
            break;
        }
        let now = Instant::now();
        if now >= end {
            return Err(CallOutcome::SetUpTimedOut(time.as_secs()));
        }
        let stderr = process.stderr.as_ref().map(AsFd::as_fd);
        let fds = reply.into_iter().chain(stderr);
        let fds = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let ready = watcher.wait(fds, Some(end.min(now + pause)));
        process.listen();
        let ready = match ready {
            Err(_) if self::is_taken(its_stdin, first) => break,
            ready => ready?,
        };
        match ready.first().filter(|_| reply.is_some()) {
            Some(reply) if reply.contains(PollFlags::POLLIN) => break,
            // Closed without a word: the process's exit will say why.
            Some(said) if !said.is_empty() => reply = None,
            _ => {}
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    stream.its_stdin = None;
    Ok(())
}

/// Gives the process until `end` to end by itself, as it should once both its sides have.
pub fn wait_for_end(process: &mut TransportProcess, handle: &ConnectionHandle, end: Instant) {
    while process.ended().is_none() && Instant::now() < end {
        if handle.alone().wait([], Some(end)).is_err() {
            return;
        }
    }
}

/// Whether the reader of `socket` has taken any of `first`, which stood at its front.
fn is_taken(socket: &UnixStream, first: &[u8]) -> bool {
    let mut buffer = [0; MAX_FIRST_BYTES];
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    match recv(socket.as_raw_fd(), &mut buffer, flags) {
        Ok(length) => !buffer
            .get(..length)
            .is_some_and(|now| now.starts_with(first)),
        Err(Errno::EINTR) => false,
        Err(_) => true,
    }
}
