//! The time between the start of a call and the moment when somebody takes the request. It has no
//! bound of its own: a person may be thinking in dom0, a vault may be starting, qrexec may have
//! lost the call. Nothing says that it is over, but the request's bytes do: they are gone.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{MsgFlags, recv};

use super::connection_table::{ConnectionHandle, Watcher};
use super::transport::Stream;
use super::transport_process::TransportProcess;
use common::wait;

/// Bytes of a request that wait in the transport process's input while it is set up: more than a list or a bind, and few
/// enough to be written there without waiting.
pub const MAX_FIRST_BYTES: usize = 4096;

/// Between two looks at the request. A call takes about 5 ms, a person seconds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub enum SetUp {
    /// The stream is open; between two looks it may even have come to its end.
    Done,
    Ended(ExitStatus),
    TimedOut,
    ClientLeft,
    MustLeave,
}

/// Watches until somebody takes the request, whose first bytes are `first`, or until nobody ever will.
pub fn watch(stream: &mut Stream, first: &[u8], watcher: &Watcher<'_>, end: Instant) -> SetUp {
    let Stream::Piped {
        process,
        its_stdin,
        from_stdout,
        ..
    } = stream
    else {
        return SetUp::Done;
    };
    let mut reply = Some(from_stdout.as_fd());
    let mut pause = SHORTEST_PAUSE;
    loop {
        if let Some(status) = process.ended() {
            let is_over = status.success() && !is_unread(its_stdin, first);
            return if is_over {
                SetUp::Done
            } else {
                SetUp::Ended(status)
            };
        }
        if !is_unread(its_stdin, first) {
            return SetUp::Done;
        }
        if watcher.handle.must_leave() {
            return SetUp::MustLeave;
        }
        let now = Instant::now();
        if now >= end {
            return SetUp::TimedOut;
        }
        let happened = watch_once(process, watcher, reply, end.min(now + pause));
        if happened.client_left {
            let is_open = !is_unread(its_stdin, first);
            return if is_open {
                SetUp::Done
            } else {
                SetUp::ClientLeft
            };
        }
        if happened.reply.contains(PollFlags::POLLIN) {
            return SetUp::Done;
        }
        if !happened.reply.is_empty() {
            reply = None; // closed without a word: the process's exit will say why
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Gives the process until `end` to end by itself, as it should once both its sides have.
pub fn wait_for_end(process: &mut TransportProcess, handle: &ConnectionHandle, end: Instant) {
    while process.ended().is_none() && !handle.must_leave() && Instant::now() < end {
        let mut fds = [PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN)];
        if wait::until(&mut fds, Some(end)).is_err() {
            return;
        }
        handle.wake().clear();
    }
}

struct Happened {
    client_left: bool,
    reply: PollFlags,
}

fn watch_once(
    process: &mut TransportProcess,
    watcher: &Watcher<'_>,
    reply: Option<BorrowedFd<'_>>,
    end: Instant,
) -> Happened {
    let mut fds = vec![
        PollFd::new(watcher.handle.wake().as_fd(), PollFlags::POLLIN),
        PollFd::new(watcher.program.as_fd(), PollFlags::empty()),
    ];
    fds.extend(reply.map(|reply| PollFd::new(reply, PollFlags::POLLIN)));
    if let Some(stderr) = &process.stderr {
        fds.push(PollFd::new(stderr.as_fd(), PollFlags::POLLIN));
    }
    let polled = wait::until(&mut fds, Some(end));
    let happened = Happened {
        client_left: polled.is_err() || wait::revents(&fds[1]).contains(PollFlags::POLLHUP),
        reply: reply.map_or(PollFlags::empty(), |_| wait::revents(&fds[2])),
    };
    drop(fds);
    watcher.handle.wake().clear();
    process.listen();
    happened
}

/// True while the reader of `socket` has taken none of `first`, which stood at its front.
fn is_unread(socket: &UnixStream, first: &[u8]) -> bool {
    let mut buffer = [0; MAX_FIRST_BYTES];
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    match recv(socket.as_raw_fd(), &mut buffer, flags) {
        Ok(length) => buffer
            .get(..length)
            .is_some_and(|now| now.starts_with(first)),
        Err(Errno::EINTR) => true,
        Err(_) => false,
    }
}
