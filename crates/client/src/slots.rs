//! A number of things that may be at once, first come, first served: calls that are open, and calls in set-up.
//!
//! Above 20 to 25 calls at once xenstored's limit on transactions makes set-ups fail. Under parallel set-ups
//! qrexec-daemon can lose an allowed call for ever, and about 40 pending calls exhaust a target's xenstore watches; with
//! two set-ups at a time neither was seen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::connection_table::Watcher;
use crate::status::outcome::CallOutcome;
use common::sync::lock;
use common::wake::WakeEvent;

/// How many calls to one vault there may be.
#[derive(Debug)]
pub struct CallSlots {
    /// Calls that may be open at once.
    pub open: Arc<Slots>,
    /// Of them, those that may be in set-up.
    pub set_up: Arc<Slots>,
}

#[derive(Debug)]
pub struct Slots(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    free: usize,
    /// What wakes whoever waits.
    waiting: VecDeque<Arc<WakeEvent>>,
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

    /// Waits for a slot, at most until `end`, and only while the program waits as well.
    ///
    /// # Errors
    /// Why there is none: the end came, the program left, or we stop.
    pub fn take(
        self: &Arc<Self>,
        watcher: &Watcher<'_>,
        end: Instant,
    ) -> Result<Slot, CallOutcome> {
        let wake = &watcher.handle.wake;
        let mut queue = lock(&self.0);
        queue.waiting.push_back(Arc::clone(wake));
        if queue.take_turn(wake) {
            return Ok(Slot(Arc::clone(self)));
        }
        drop(queue);
        // Idle connections that hold a slot give it up for whoever waits, and the status tells of it.
        watcher.handle.table.wake_all();
        watcher.handle.table.left.signal();
        let given_up = loop {
            if let Err(outcome) = watcher.wait([], Some(end)) {
                break outcome;
            }
            if lock(&self.0).take_turn(wake) {
                return Ok(Slot(Arc::clone(self)));
            }
            if Instant::now() >= end {
                break CallOutcome::WaitedInVain;
            }
        };
        let mut queue = lock(&self.0);
        queue.waiting.retain(|other| !Arc::ptr_eq(other, wake));
        queue.wake_next(); // it may have been this one's turn
        Err(given_up)
    }
}

impl Queue {
    /// Takes a slot if one is free for whoever `wake` wakes.
    fn take_turn(&mut self, wake: &Arc<WakeEvent>) -> bool {
        let is_next = self
            .waiting
            .front()
            .is_some_and(|next| Arc::ptr_eq(next, wake));
        let has_turn = is_next && self.free > 0;
        if has_turn {
            self.waiting.pop_front();
            self.free -= 1;
            self.wake_next();
        }
        has_turn
    }

    fn wake_next(&self) {
        if let Some(next) = self.waiting.front().filter(|_| self.free > 0) {
            next.signal();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.0);
        queue.free += 1;
        queue.wake_next();
    }
}
