//! The time between the start of a call and the moment when somebody takes the request. It has no
//! bound of its own: a person may be thinking in dom0, a vault may be starting, qrexec may have
//! lost the call. Nothing says that it is over, but the request's bytes do: they are gone.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::child::Carrier;
use super::crowd::Seat;
use super::first_byte::is_unread;
use common::wait;

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

/// Where the end of a set-up shows.
#[derive(Clone, Copy, Debug)]
pub struct Signposts<'a> {
    /// The socket in which the request's first bytes wait to be read.
    pub reader: &'a UnixStream,
    pub first: &'a [u8],
    /// Where a reply would come, if it comes by us.
    pub reply: Option<BorrowedFd<'a>>,
}

/// Watches until somebody takes the request, or until nobody ever will.
pub fn watch(
    carrier: &mut Carrier,
    mut signposts: Signposts<'_>,
    client: &UnixStream,
    seat: &Seat,
    end: Instant,
) -> SetUp {
    let mut pause = SHORTEST_PAUSE;
    loop {
        if let Some(status) = carrier.ended() {
            let is_over = status.success() && !is_unread(signposts.reader, signposts.first);
            return if is_over {
                SetUp::Done
            } else {
                SetUp::Ended(status)
            };
        }
        if !is_unread(signposts.reader, signposts.first) {
            return SetUp::Done;
        }
        if seat.must_leave() {
            return SetUp::MustLeave;
        }
        let now = Instant::now();
        if now >= end {
            return SetUp::TimedOut;
        }
        let next_look = Some(end.min(now + pause));
        let happened = watch_once(carrier, client, signposts.reply, seat, next_look);
        if happened.client_left {
            let is_open = !is_unread(signposts.reader, signposts.first);
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
            signposts.reply = None; // closed without a word: the carrier's exit will say why
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Watches an open stream that the carrier carries alone, until it ends. `None`: we must leave.
pub fn watch_stream(
    carrier: &mut Carrier,
    client: &UnixStream,
    seat: &Seat,
    grace: Duration,
) -> Option<ExitStatus> {
    let mut end = None;
    loop {
        if let Some(status) = carrier.ended() {
            return Some(status);
        }
        if seat.must_leave() {
            return None;
        }
        match end {
            None => {
                if watch_once(carrier, client, None, seat, None).client_left {
                    end = Some(Instant::now() + grace);
                }
            }
            Some(end) if Instant::now() >= end => return carrier.kill(),
            Some(end) => wait_for_end(carrier, seat, end),
        }
    }
}

/// Gives the carrier until `end` to end by itself, as it should once both its sides have.
pub fn wait_for_end(carrier: &mut Carrier, seat: &Seat, end: Instant) {
    while carrier.ended().is_none() && !seat.must_leave() && Instant::now() < end {
        let mut fds = [PollFd::new(seat.bell().as_fd(), PollFlags::POLLIN)];
        if wait::until(&mut fds, Some(end)).is_err() {
            return;
        }
        seat.bell().silence();
    }
}

struct Happened {
    client_left: bool,
    reply: PollFlags,
}

fn watch_once(
    carrier: &mut Carrier,
    client: &UnixStream,
    reply: Option<BorrowedFd<'_>>,
    seat: &Seat,
    end: Option<Instant>,
) -> Happened {
    let mut fds = vec![
        PollFd::new(seat.bell().as_fd(), PollFlags::POLLIN),
        PollFd::new(client.as_fd(), PollFlags::empty()),
    ];
    fds.extend(reply.map(|reply| PollFd::new(reply, PollFlags::POLLIN)));
    if let Some(stderr) = &carrier.stderr {
        fds.push(PollFd::new(stderr.as_fd(), PollFlags::POLLIN));
    }
    let polled = wait::until(&mut fds, end);
    let happened = Happened {
        client_left: polled.is_err() || wait::said(&fds[1]).contains(PollFlags::POLLHUP),
        reply: reply.map_or(PollFlags::empty(), |_| wait::said(&fds[2])),
    };
    drop(fds);
    seat.bell().silence();
    carrier.listen();
    happened
}
