//! `rate = "30/min"`: how often a rule may decide for one caller, counted over a sliding window.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use crate::calendar::DAY;
use crate::caller::Caller;

/// The most that a rate may count: each counted time is kept until it leaves the window.
pub const MAX_COUNT: u32 = 10_000;

const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("day", DAY)];

/// So many in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub seconds: u64,
}

impl Rate {
    /// Reads `30/min`: a count from 1 to [`MAX_COUNT`], `/` and a unit.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let is_plain = count.bytes().all(|b| b.is_ascii_digit());
        let count = count.parse().ok().filter(|_| is_plain)?;
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let is_good = (1..=MAX_COUNT).contains(&count);
        is_good.then_some(Self { count, seconds })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = UNITS.into_iter();
        let unit = units.find(|(_, seconds)| *seconds == self.seconds);
        write!(f, "{}/{}", self.count, unit.map_or("?", |(name, _)| name))
    }
}

/// What rules with a rate decided lately, per rule and caller. It belongs to one policy: a reload
/// starts a new one, as rules are known by their index.
#[derive(Debug, Default)]
pub struct RateCounter {
    times: HashMap<(usize, Caller), VecDeque<u64>>,
}

impl RateCounter {
    /// Whether one more decision of `rule` for `caller` at `now` stays within `rate`.
    /// `now` in seconds of a clock that never goes back.
    pub fn has_room(&self, rule: usize, caller: &Caller, rate: Rate, now: u64) -> bool {
        let Some(times) = self.times.get(&(rule, caller.clone())) else {
            return true;
        };
        let recent = times.iter().rev();
        let recent = recent.take_while(|then| is_recent(**then, rate.seconds, now));
        recent.count() < rate.count as usize
    }

    /// Counts one decision of `rule` for `caller` at `now`, and forgets what left the window.
    pub fn count(&mut self, rule: usize, caller: &Caller, rate: Rate, now: u64) {
        let times = self.times.entry((rule, caller.clone())).or_default();
        times.retain(|then| is_recent(*then, rate.seconds, now));
        if times.len() >= rate.count as usize {
            times.pop_front();
        }
        times.push_back(now);
    }

    /// Forgets callers whose last decision is older than any window; call it now and then, as
    /// disposables come under ever new names.
    pub fn forget_old(&mut self, now: u64) {
        self.times.retain(|_, times| {
            let last = times.back();
            last.is_some_and(|then| is_recent(*then, DAY, now))
        });
    }
}

fn is_recent(then: u64, seconds: u64, now: u64) -> bool {
    now.saturating_sub(then) < seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_they_print() {
        for text in ["30/min", "5/h", "1/s", "10000/day"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "30",
            "0/min",
            "10001/h",
            "-1/h",
            "+1/h",
            "1/week",
            "1 / h",
            "/h",
            "1.5/h",
            "99999999999/h",
        ] {
            assert_eq!(Rate::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_window_slides() {
        let (rate, qube) = (
            Rate::parse("2/min").unwrap(),
            Caller::parse("work").unwrap(),
        );
        let mut rates = RateCounter::default();
        for now in [100, 130] {
            assert!(rates.has_room(0, &qube, rate, now));
            rates.count(0, &qube, rate, now);
        }
        assert!(!rates.has_room(0, &qube, rate, 159));
        assert!(
            rates.has_room(0, &qube, rate, 160),
            "the first left the window"
        );
        rates.count(0, &qube, rate, 160);
        assert!(!rates.has_room(0, &qube, rate, 189));
        assert!(rates.has_room(0, &qube, rate, 190));
    }

    #[test]
    fn rules_and_callers_are_counted_apart_and_forgotten() {
        let (rate, work, home) = (
            Rate::parse("1/h").unwrap(),
            Caller::parse("work").unwrap(),
            Caller::parse("home").unwrap(),
        );
        let mut rates = RateCounter::default();
        rates.count(3, &work, rate, 10);
        assert!(!rates.has_room(3, &work, rate, 20));
        assert!(rates.has_room(3, &home, rate, 20) && rates.has_room(4, &work, rate, 20));
        rates.forget_old(86_500);
        assert!(rates.times.is_empty());
    }
}
