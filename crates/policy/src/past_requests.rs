//! Which requests were signed before, for questions to tell: a small table, made from the log's records.

use std::collections::HashMap;

use crate::calendar::DAY;
use crate::facts::{Facts, IntentKind, Moment, Proof};
use crate::past_authors::PastAuthors;
use crate::question::History;
use crate::record::{Escaped, Event, Record, RecordOutcome};

/// Qubes with their servers and namespaces that are remembered: some hundred KiB, and more than a person has. The one
/// that was signed for longest ago makes room.
const MAX_PURPOSES: usize = 4096;

#[derive(Debug, Default)]
pub struct PastRequests {
    purposes: HashMap<PastPurpose, Signed>,
    pub authors: PastAuthors,
}

/// What counts as the same, whichever key it is for: logins to one server, signatures in one namespace.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PastPurpose {
    caller: String,
    kind: IntentKind,
    host_key: Option<String>,
    namespace: Option<Escaped>,
}

#[derive(Clone, Copy, Debug)]
struct Signed {
    /// Seconds since 1970.
    last: u64,
    /// Within the local day of `last`.
    that_day: u32,
    /// When that day began, in seconds since 1970, give or take a minute.
    day: u64,
}

impl PastRequests {
    /// Takes a record in, if it tells of a signature. Records come in their order.
    pub fn add(&mut self, record: &Record) {
        let is_signed = record.event == Event::Sign && record.outcome == RecordOutcome::Ok;
        let (Some(caller), Some(kind)) = (&record.qube, record.kind) else {
            return;
        };
        if !is_signed {
            return;
        }
        self.authors.add_record(record);
        let purpose = PastPurpose {
            caller: caller.to_string(),
            kind,
            host_key: record.host_key.clone(),
            namespace: record.namespace.clone(),
        };
        let moment = record.moment();
        let day = day_of(&moment);
        let times = u32::try_from(record.times()).unwrap_or(u32::MAX);
        let before = self.purposes.get(&purpose).copied();
        let before = before.filter(|before| is_same_day(before.day, day));
        if self.purposes.len() >= MAX_PURPOSES && !self.purposes.contains_key(&purpose) {
            self.forget_oldest();
        }
        let that_day = before.map_or(0, |before| before.that_day);
        let signed = Signed {
            last: moment.unix,
            that_day: that_day.saturating_add(times),
            day,
        };
        self.purposes.insert(purpose, signed);
    }

    /// What is known of requests like this one.
    pub fn history(&self, facts: &Facts, now: &Moment) -> History {
        let host = facts.host.as_ref();
        let host = host.filter(|_| facts.proof > Proof::Unproven);
        let purpose = PastPurpose {
            caller: facts.caller.to_string(),
            kind: facts.kind,
            host_key: host.map(|host| host.fingerprint.0.clone()),
            namespace: facts.namespace.as_deref().map(Escaped::from_bytes),
        };
        let signed = self.purposes.get(&purpose);
        let today = signed.filter(|signed| is_same_day(signed.day, day_of(now)));
        History {
            first: signed.is_none(),
            last_signed: signed.map(|signed| now.unix.saturating_sub(signed.last)),
            today: today.map_or(0, |signed| signed.that_day),
            author: self.authors.history(facts),
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.purposes.values().map(|signed| signed.last).min();
        self.purposes
            .retain(|_, signed| Some(signed.last) != oldest);
    }
}

/// When the local day began.
fn day_of(moment: &Moment) -> u64 {
    moment
        .unix
        .saturating_sub(u64::from(moment.local_minute) * 60)
}

fn is_same_day(one: u64, other: u64) -> bool {
    one.abs_diff(other) < DAY / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::tests::sample::{at, login, sshsig};
    use crate::record::Timestamp;

    fn signed(facts: &Facts, moment: &Moment) -> Record {
        let time = Timestamp::from_unix_ms(moment.unix * 1000);
        Record::new(Event::Sign, RecordOutcome::Ok, time).of(facts, moment)
    }

    #[test]
    fn signatures_are_counted_by_qube_server_and_day() {
        let mut past = PastRequests::default();
        let facts = login("work", "git", "github.com").facts;
        let root = login("work", "root", "github.com").facts;
        let now = at(0);
        let first = History {
            first: true,
            ..History::default()
        };
        assert_eq!(past.history(&facts, &now), first);
        past.add(&signed(&facts, &now));
        let mut many = signed(&root, &at(60));
        many.count = Some(3);
        past.add(&many);
        let mut refused = signed(&facts, &at(90));
        refused.outcome = RecordOutcome::Refused;
        past.add(&refused);
        let history = past.history(&facts, &at(100));
        assert_eq!(
            (history.first, history.last_signed, history.today),
            (false, Some(40), 4)
        );
        for other in [
            login("home", "git", "github.com").facts,
            login("work", "git", "example.org").facts,
            sshsig("work", "git", b"hash").facts,
        ] {
            assert_eq!(past.history(&other, &at(100)), first);
        }
        let midnight = u64::from(1440 - now.local_minute) * 60;
        let tomorrow = Moment {
            local_minute: 5,
            ..at(midnight + 300)
        };
        let history = past.history(&facts, &tomorrow);
        assert_eq!(
            (history.last_signed, history.today),
            (Some(midnight + 240), 0)
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut past = PastRequests::default();
        for number in 0..MAX_PURPOSES as u64 + 10 {
            let facts = login(&format!("q{number}"), "git", "github.com").facts;
            past.add(&signed(&facts, &at(number)));
        }
        assert_eq!(past.purposes.len(), MAX_PURPOSES);
        let known = |qube: &str| {
            !past
                .history(&login(qube, "git", "github.com").facts, &at(0))
                .first
        };
        assert!(!known("q0") && known("q10"));
    }
}
