//! How many streams may be in set-up at once, first come, first served.
//!
//! Under parallel calls qrexec-daemon can lose an allowed call for ever, and about 40 pending calls
//! exhaust a target's xenstore watches; with two at a time neither was seen.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::connection_table::ConnectionHandle;
use crate::status::outcome::CallOutcome;
use common::wait;
use common::wake::WakeEvent;

#[derive(Debug)]
pub struct Slots(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    free: usize,
    waiting: VecDeque<Arc<Ticket>>,
}

#[derive(Debug)]
struct Ticket {
    granted: AtomicBool,
    wake: Arc<WakeEvent>,
}

/// The right to set one stream up, given back when dropped.
#[derive(Debug)]
pub struct Slot<'a>(&'a Slots);

impl Slots {
    pub fn new(count: usize) -> Self {
        Self(Mutex::new(Queue {
            free: count,
            waiting: VecDeque::new(),
        }))
    }

    /// Waits for a slot, at most until `end`, and only while the client waits as well.
    ///
    /// # Errors
    /// Why there is none: the end came, the client left, or we stop.
    pub fn take(
        &self,
        client: &UnixStream,
        handle: &ConnectionHandle,
        end: Instant,
    ) -> Result<Slot<'_>, CallOutcome> {
        let ticket = {
            let mut queue = self.queue();
            if queue.free > 0 {
                queue.free -= 1;
                return Ok(Slot(self));
            }
            let ticket = Arc::new(Ticket {
                granted: AtomicBool::new(false),
                wake: Arc::clone(handle.wake()),
            });
            queue.waiting.push_back(Arc::clone(&ticket));
            ticket
        };
        let given_up = loop {
            if ticket.granted.load(Ordering::Acquire) {
                return Ok(Slot(self));
            }
            if handle.must_leave() {
                break CallOutcome::Stopped;
            }
            if Instant::now() >= end {
                break CallOutcome::TooManySetUps;
            }
            let mut fds = [
                PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN),
                PollFd::new(client.as_fd(), PollFlags::empty()),
            ];
            if let Err(error) = wait::until(&mut fds, Some(end)) {
                break CallOutcome::CannotStart(error.to_string());
            }
            if wait::revents(&fds[1]).contains(PollFlags::POLLHUP) {
                break CallOutcome::ClientLeft;
            }
            handle.wake().clear();
        };
        let mut queue = self.queue();
        queue.waiting.retain(|other| !Arc::ptr_eq(other, &ticket));
        if ticket.granted.load(Ordering::Acquire) {
            drop(queue);
            drop(Slot(self)); // granted in the last moment: on to the next
        }
        Err(given_up)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        match queue.waiting.pop_front() {
            None => queue.free += 1,
            Some(next) => {
                next.granted.store(true, Ordering::Release);
                next.wake.signal();
            }
        }
    }
}
