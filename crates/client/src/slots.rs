//! A number of things that may be at once, first come, first served: calls that are open, and calls in set-up.
//!
//! Above 20 to 25 calls at once xenstored's limit on transactions makes set-ups fail. Under parallel set-ups
//! qrexec-daemon can lose an allowed call for ever, and about 40 pending calls exhaust a target's xenstore watches; with
//! two set-ups at a time neither was seen.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::connection_table::Watcher;
use crate::status::outcome::CallOutcome;
use common::sync::lock;
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
    /// Written while the queue is locked.
    is_granted: AtomicBool,
    wake: Arc<WakeEvent>,
}

/// One of the slots, given back when dropped.
#[derive(Debug)]
pub struct Slot(Arc<Slots>);

impl Slots {
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Queue {
            free: count,
            waiting: VecDeque::new(),
        })))
    }

    /// How many slots are taken, of `count`.
    pub fn taken(&self, count: usize) -> usize {
        count.saturating_sub(lock(&self.0).free)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        lock(&self.0).waiting.len()
    }

    /// Waits for a slot, at most until `end`, and only while the program waits as well. `most_waiting` may wait.
    ///
    /// # Errors
    /// Why there is none: too many wait, the end came, the program left, or we stop.
    pub fn take(
        self: &Arc<Self>,
        watcher: &Watcher<'_>,
        most_waiting: usize,
        end: Instant,
    ) -> Result<Slot, CallOutcome> {
        let ticket = {
            let mut queue = lock(&self.0);
            if queue.free > 0 {
                queue.free -= 1;
                return Ok(Slot(Arc::clone(self)));
            }
            if queue.waiting.len() >= most_waiting {
                return Err(CallOutcome::WaitedInVain);
            }
            let ticket = Arc::new(Ticket {
                is_granted: AtomicBool::new(false),
                wake: Arc::clone(watcher.handle.wake()),
            });
            queue.waiting.push_back(Arc::clone(&ticket));
            ticket
        };
        // Idle connections that hold a slot give it up for whoever waits, and the status tells of it.
        watcher.handle.wake_all();
        let given_up = loop {
            if ticket.is_granted.load(Ordering::Acquire) {
                return Ok(Slot(Arc::clone(self)));
            }
            if watcher.handle.must_leave() {
                break CallOutcome::Stopped;
            }
            if Instant::now() >= end {
                break CallOutcome::WaitedInVain;
            }
            let mut fds = [
                PollFd::new(watcher.handle.wake().as_fd(), PollFlags::POLLIN),
                PollFd::new(watcher.program.as_fd(), PollFlags::empty()),
            ];
            if let Err(error) = wait::until(&mut fds, Some(end)) {
                break CallOutcome::CannotStart(error.to_string());
            }
            if wait::revents(&fds[1]).contains(PollFlags::POLLHUP) {
                break CallOutcome::ClientLeft;
            }
            watcher.handle.wake().clear();
        };
        let mut queue = lock(&self.0);
        queue.waiting.retain(|other| !Arc::ptr_eq(other, &ticket));
        drop(queue);
        if ticket.is_granted.load(Ordering::Acquire) {
            drop(Slot(Arc::clone(self))); // granted in the last moment: on to the next
        }
        Err(given_up)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.0);
        match queue.waiting.pop_front() {
            None => queue.free += 1,
            Some(next) => {
                next.is_granted.store(true, Ordering::Release);
                next.wake.signal();
            }
        }
    }
}
