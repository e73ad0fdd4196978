//! How many requests of one caller may be at the upstream at once. An ssh-agent serves one request at a time, so that
//! a caller with many streams would make all others wait.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use policy::caller::Caller;

use common::sync::lock;

/// Others wait behind at most this many signatures of one caller, and as many lists.
const MAX_PER_CALLER: usize = 4;

/// What the upstream is asked for. A signature may wait for a touch; a list never does, so that it must not wait behind
/// signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamWork {
    List,
    Sign,
}

#[derive(Debug, Default)]
pub struct UpstreamConcurrency {
    taken: Mutex<HashMap<(Caller, UpstreamWork), usize>>,
    ended: Condvar,
}

/// A caller's turn; ends when dropped.
#[derive(Debug)]
pub struct UpstreamTurn<'t> {
    concurrency: &'t UpstreamConcurrency,
    work: (Caller, UpstreamWork),
}

impl UpstreamConcurrency {
    /// Waits until fewer than four of this caller's requests for such work are at an upstream. Each of those ends
    /// in bounded time.
    pub fn wait(&self, caller: &Caller, work: UpstreamWork) -> UpstreamTurn<'_> {
        let work = (caller.clone(), work);
        let mut taken = self
            .ended
            .wait_while(lock(&self.taken), |taken| {
                taken
                    .get(&work)
                    .is_some_and(|&count| count >= MAX_PER_CALLER)
            })
            .unwrap_or_else(PoisonError::into_inner);
        *taken.entry(work.clone()).or_insert(0) += 1;
        UpstreamTurn {
            concurrency: self,
            work,
        }
    }
}

impl Drop for UpstreamTurn<'_> {
    fn drop(&mut self) {
        let mut taken = lock(&self.concurrency.taken);
        let Some(count) = taken.get_mut(&self.work) else {
            return;
        };
        // Only who found all turns taken waits; most find none, and to wake nobody costs a call to the system as well.
        if *count >= MAX_PER_CALLER {
            self.concurrency.ended.notify_all();
        }
        *count = count.saturating_sub(1);
        if *count == 0 {
            taken.remove(&self.work);
        }
    }
}
