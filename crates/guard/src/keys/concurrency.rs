//! Turns at the upstream: an ssh-agent serves one question at a time, so no caller may have more than a
//! few waiting there, however many streams it opens.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use policy::caller::Caller;

use common::sync::lock;

/// Others wait behind at most this many questions of one caller.
const MOST: usize = 4;

#[derive(Debug, Default)]
pub struct Turns {
    taken: Mutex<HashMap<Caller, usize>>,
    ended: Condvar,
}

/// A caller's turn; ends when dropped.
#[derive(Debug)]
pub struct Turn<'t> {
    turns: &'t Turns,
    caller: Caller,
}

impl Turns {
    /// Waits until fewer than four of this caller's questions are at an upstream. Each of those ends in
    /// bounded time.
    pub fn wait(&self, caller: &Caller) -> Turn<'_> {
        let mut taken = self
            .ended
            .wait_while(lock(&self.taken), |taken| {
                taken.get(caller).is_some_and(|&count| count >= MOST)
            })
            .unwrap_or_else(PoisonError::into_inner);
        *taken.entry(caller.clone()).or_insert(0) += 1;
        Turn {
            turns: self,
            caller: caller.clone(),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut taken = lock(&self.turns.taken);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
        self.turns.ended.notify_all();
    }
}
