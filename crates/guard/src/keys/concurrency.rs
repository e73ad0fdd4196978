//! How many requests of one caller may be at the upstream at once. An ssh-agent serves one request at a time, so that
//! a caller with many streams would make all others wait.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use policy::caller::Caller;

use common::sync::lock;

/// Others wait behind at most this many requests of one caller.
const MOST: usize = 4;

#[derive(Debug, Default)]
pub struct UpstreamConcurrency {
    taken: Mutex<HashMap<Caller, usize>>,
    ended: Condvar,
}

/// A caller's turn; ends when dropped.
#[derive(Debug)]
pub struct UpstreamTurn<'t> {
    concurrency: &'t UpstreamConcurrency,
    caller: Caller,
}

impl UpstreamConcurrency {
    /// Waits until fewer than four of this caller's requests are at an upstream. Each of those ends in
    /// bounded time.
    pub fn wait(&self, caller: &Caller) -> UpstreamTurn<'_> {
        let mut taken = self
            .ended
            .wait_while(lock(&self.taken), |taken| {
                taken.get(caller).is_some_and(|&count| count >= MOST)
            })
            .unwrap_or_else(PoisonError::into_inner);
        *taken.entry(caller.clone()).or_insert(0) += 1;
        UpstreamTurn {
            concurrency: self,
            caller: caller.clone(),
        }
    }
}

impl Drop for UpstreamTurn<'_> {
    fn drop(&mut self) {
        let mut taken = lock(&self.concurrency.taken);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
        self.concurrency.ended.notify_all();
    }
}
