//! How many streams there may be, for one qube and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use policy::caller::Caller;

use common::sync::lock;

/// Counts streams. A stream takes a [`Place`] when it is accepted and a [`Seat`] once its caller is known.
#[derive(Debug)]
pub struct Streams {
    most: usize,
    most_per_caller: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_caller: HashMap<Caller, usize>,
}

/// Room for one stream whose caller is not known yet.
#[derive(Debug)]
pub struct Place(Arc<Streams>);

/// Room for one stream of one caller.
#[derive(Debug)]
pub struct Seat {
    place: Place,
    caller: Caller,
}

impl Streams {
    pub fn new(most: usize, most_per_caller: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_per_caller,
            taken: Mutex::default(),
        })
    }

    /// `None` when there are as many streams as there may be.
    pub fn place(self: &Arc<Self>) -> Option<Place> {
        let mut taken = lock(&self.taken);
        if taken.all >= self.most {
            return None;
        }
        taken.all += 1;
        Some(Place(Arc::clone(self)))
    }

    pub fn count(&self) -> usize {
        lock(&self.taken).all
    }
}

impl Place {
    /// `None` when this caller has as many streams as it may have.
    pub fn seat(self, caller: &Caller) -> Option<Seat> {
        {
            let mut taken = lock(&self.0.taken);
            let count = taken.by_caller.entry(caller.clone()).or_insert(0);
            if *count >= self.0.most_per_caller {
                return None;
            }
            *count += 1;
        }
        Some(Seat {
            place: self,
            caller: caller.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.0.taken);
        taken.all = taken.all.saturating_sub(1);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.place.0.taken);
        if let Some(count) = taken.by_caller.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_caller.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_qube_cannot_take_the_others_seats() {
        let streams = Streams::new(4, 2);
        let greedy = Caller::parse("greedy").unwrap();
        let seats: Vec<_> = (0..2)
            .map(|_| streams.place().unwrap().seat(&greedy).unwrap())
            .collect();
        assert!(streams.place().unwrap().seat(&greedy).is_none());
        assert!(
            streams
                .place()
                .unwrap()
                .seat(&Caller::parse("work").unwrap())
                .is_some()
        );
        drop(seats);
        assert_eq!(streams.count(), 0);
        assert!(lock(&streams.taken).by_caller.is_empty());
    }

    #[test]
    fn there_is_an_end_to_all_streams() {
        let streams = Streams::new(2, 2);
        let _places: Vec<_> = (0..2).map(|_| streams.place().unwrap()).collect();
        assert!(streams.place().is_none());
    }
}
