//! Threads that are there before the next connection is: to start one takes longer than most requests.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crate::sync::lock;

/// Threads that wait for work at most; the rest end when theirs is done.
const MOST_IDLE: usize = 2;

type Work = Box<dyn FnOnce() + Send>;

/// Runs each piece of work in a thread of its own.
pub struct Workers {
    shared: Arc<Shared>,
    /// In bytes.
    stack: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    come: Condvar,
}

#[derive(Default)]
struct State {
    /// Each has an idle thread that is about to take it.
    work: VecDeque<Work>,
    idle: usize,
    /// No more work will come.
    is_over: bool,
}

impl Workers {
    /// Threads with stacks of so many bytes.
    pub fn with_stack(stack: usize) -> Self {
        Self {
            shared: Arc::default(),
            stack,
        }
    }

    /// Has a thread that is free, or a new one, do the work. A panic ends that thread and nothing else.
    ///
    /// # Errors
    /// There are no threads left; the work is dropped.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let work: Work = Box::new(work);
        let mut state = lock(&self.shared.state);
        if state.idle > state.work.len() {
            state.work.push_back(work);
            drop(state);
            self.shared.come.notify_one();
            return Ok(());
        }
        drop(state);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().stack_size(self.stack);
        thread.spawn(move || shared.do_all(work)).map(drop)
    }
}

impl Drop for Workers {
    /// Threads that wait end; work that goes on is not waited for.
    fn drop(&mut self) {
        lock(&self.shared.state).is_over = true;
        self.shared.come.notify_all();
    }
}

impl Shared {
    fn do_all(&self, mut work: Work) {
        loop {
            work();
            let mut state = lock(&self.state);
            if state.idle >= MOST_IDLE {
                return;
            }
            state.idle += 1;
            let waits = |state: &mut State| state.work.is_empty() && !state.is_over;
            let woken = self.come.wait_while(state, waits);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            let Some(next) = state.work.pop_front() else {
                return;
            };
            work = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_that_waits_keeps_no_other_from_being_done() {
        let workers = Workers::with_stack(64 * 1024);
        let (done, all) = mpsc::channel();
        let mut held = Vec::new();
        for _ in 0..3 {
            // More at once than threads that stay, and then again on those that did.
            for number in 0..4 * MOST_IDLE {
                let done = done.clone();
                let (hold, release) = mpsc::channel::<()>();
                held.push(hold);
                let work = move || {
                    done.send(number).unwrap();
                    let _ = release.recv(); // ends when the test lets go
                };
                workers.run(work).unwrap();
            }
            let mut numbers: Vec<usize> = all.iter().take(4 * MOST_IDLE).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..4 * MOST_IDLE).collect::<Vec<_>>());
            held.clear();
        }
    }
}
