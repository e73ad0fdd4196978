//! The time between the start of a call and the moment when somebody takes the request. It has no
//! bound of its own: a person may be thinking in dom0, a vault may be starting, qrexec may have
//! lost the call. Nothing says that it is over, but the request's bytes do: they are gone.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::child::Carrier;
use super::crowd::Seat;
use super::first_byte::is_unread;
use super::wait;

/// Between two looks at the request. A call takes about 5 ms, a person seconds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub enum SetUp {
    Done,
    Ended(ExitStatus),
    TimedOut,
    ClientLeft,
    MustLeave,
}

/// Watches until `reader`, in which `first` waits, is read from, or until it never will be.
pub fn watch(
    carrier: &mut Carrier,
    reader: &UnixStream,
    first: &[u8],
    client: &UnixStream,
    seat: &Seat,
    end: Instant,
) -> SetUp {
    let mut pause = SHORTEST_PAUSE;
    loop {
        if let Some(status) = carrier.ended() {
            return SetUp::Ended(status);
        }
        if !is_unread(reader, first) {
            return SetUp::Done;
        }
        if seat.must_leave() {
            return SetUp::MustLeave;
        }
        let now = Instant::now();
        if now >= end {
            return SetUp::TimedOut;
        }
        let happened = watch_once(carrier, client, seat, Some(end.min(now + pause)));
        if happened.client_left {
            return SetUp::ClientLeft;
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
                if watch_once(carrier, client, seat, None).client_left {
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
}

fn watch_once(
    carrier: &mut Carrier,
    client: &UnixStream,
    seat: &Seat,
    end: Option<Instant>,
) -> Happened {
    let mut fds = vec![
        PollFd::new(seat.bell().as_fd(), PollFlags::POLLIN),
        PollFd::new(client.as_fd(), PollFlags::empty()),
    ];
    if let Some(stderr) = &carrier.stderr {
        fds.push(PollFd::new(stderr.as_fd(), PollFlags::POLLIN));
    }
    let polled = wait::until(&mut fds, end);
    let client_left = polled.is_err() || wait::said(&fds[1]).contains(PollFlags::POLLHUP);
    drop(fds);
    seat.bell().silence();
    carrier.listen();
    Happened { client_left }
}
