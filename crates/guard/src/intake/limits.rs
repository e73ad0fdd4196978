//! How many streams there may be, for one qube and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use policy::caller::Caller;

use crate::ask::changes::Changes;
use common::sync::lock;

/// Counts streams. A stream takes a [`StreamGuard`] when it is accepted, which counts for its caller, too, once that is known.
#[derive(Debug)]
pub struct Streams {
    most: usize,
    most_per_caller: usize,
    taken: Mutex<StreamCounts>,
    /// Told when a caller has more or fewer.
    changes: Arc<Changes>,
}

#[derive(Debug, Default)]
struct StreamCounts {
    all: usize,
    by_caller: HashMap<Caller, usize>,
}

/// Room for one stream.
#[derive(Debug)]
pub struct StreamGuard {
    streams: Arc<Streams>,
    caller: Option<Caller>,
}

impl Streams {
    pub fn new(most: usize, most_per_caller: usize, changes: &Arc<Changes>) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_per_caller,
            taken: Mutex::default(),
            changes: Arc::clone(changes),
        })
    }

    /// `None` when there are as many streams as there may be.
    pub fn register(self: &Arc<Self>) -> Option<StreamGuard> {
        let mut taken = lock(&self.taken);
        if taken.all >= self.most {
            return None;
        }
        taken.all += 1;
        Some(StreamGuard {
            streams: Arc::clone(self),
            caller: None,
        })
    }

    pub fn count(&self) -> usize {
        lock(&self.taken).all
    }

    /// How many each caller has.
    pub fn callers(&self) -> HashMap<Caller, usize> {
        lock(&self.taken).by_caller.clone()
    }
}

impl StreamGuard {
    /// `None` when this caller has as many streams as it may have.
    pub fn of_caller(mut self, caller: &Caller) -> Option<Self> {
        let mut taken = lock(&self.streams.taken);
        let count = taken.by_caller.entry(caller.clone()).or_insert(0);
        if *count >= self.streams.most_per_caller {
            return None;
        }
        *count += 1;
        drop(taken);
        self.caller = Some(caller.clone());
        self.streams.changes.tell();
        Some(self)
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let mut taken = lock(&self.streams.taken);
        taken.all = taken.all.saturating_sub(1);
        let Some(caller) = &self.caller else {
            return;
        };
        if let Some(count) = taken.by_caller.get_mut(caller) {
            *count = count.saturating_sub(1);
        }
        taken.by_caller.retain(|_, count| *count > 0);
        drop(taken);
        self.streams.changes.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_qube_cannot_take_the_others_seats() {
        let streams = Streams::new(4, 2, &Arc::default());
        let greedy = Caller::parse("greedy").unwrap();
        let seats: Vec<_> = (0..2)
            .map(|_| streams.register().unwrap().of_caller(&greedy).unwrap())
            .collect();
        assert!(streams.register().unwrap().of_caller(&greedy).is_none());
        assert!(
            streams
                .register()
                .unwrap()
                .of_caller(&Caller::parse("work").unwrap())
                .is_some()
        );
        drop(seats);
        assert_eq!(streams.count(), 0);
        assert!(lock(&streams.taken).by_caller.is_empty());
    }

    #[test]
    fn there_is_an_end_to_all_streams() {
        let streams = Streams::new(2, 2, &Arc::default());
        let _places: Vec<_> = (0..2).map(|_| streams.register().unwrap()).collect();
        assert!(streams.register().is_none());
    }
}
