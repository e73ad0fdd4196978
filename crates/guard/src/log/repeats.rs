//! Counts repeated lists and refusals together, so that nobody fills the disk: the first is written at
//! once, the others as one line with a `count` when their minute is over. Signatures are never counted.

use std::sync::Arc;

use policy::record::{Event, Record, RecordOutcome, Timestamp};

/// Milliseconds in which records that are alike are one line.
const WINDOW: u64 = 60_000;
/// Kinds of unlike records that one qube gets lines of its own for; beyond them only the event counts.
const MAX_GROUPS: usize = 8;

#[derive(Default)]
pub(super) struct RepeatCounter {
    groups: Vec<Group>,
}

struct Group {
    pattern: Record,
    /// Stands for records of any particulars, for qubes beyond [`MAX_GROUPS`].
    any: bool,
    began: Timestamp,
    /// When the first of `count` came.
    since: Timestamp,
    /// Since the last line that was written.
    count: u64,
    /// What was counted has more in common than the event.
    uniform: bool,
    last: Record,
}

impl RepeatCounter {
    /// Counts the record, or gives it back to be written now.
    pub(super) fn count(&mut self, record: Record) -> Option<Record> {
        if !is_counted(&record) {
            return Some(record);
        }
        let exact = pattern(&record);
        let pattern = self.group_of(&exact);
        let mut groups = self.groups.iter_mut();
        let Some(group) = groups.find(|group| group.pattern == pattern) else {
            return Some(record);
        };
        if group.count == 0 {
            group.since = record.time;
            group.uniform = true;
        } else {
            group.uniform &= exact == self::pattern(&group.last);
        }
        group.count += 1;
        group.last = record;
        None
    }

    /// The record was written: those alike are counted from now on.
    pub(super) fn begin(&mut self, record: Record) {
        if is_counted(&record) {
            let exact = pattern(&record);
            let pattern = self.group_of(&exact);
            self.groups.push(Group {
                any: pattern != exact,
                pattern,
                began: record.time,
                since: record.time,
                count: 0,
                uniform: true,
                last: record,
            });
        }
    }

    /// What the record's group has in common: all, unless the qube has as many groups as it may.
    fn group_of(&self, exact: &Record) -> Record {
        let of_qube = |group: &&Group| !group.any && group.pattern.qube == exact.qube;
        let count = self.groups.iter().filter(of_qube).count();
        let is_known = self.groups.iter().any(|group| group.pattern == *exact);
        if is_known || count < MAX_GROUPS {
            return exact.clone();
        }
        let mut event_only = Record::new(exact.event, exact.outcome, exact.time);
        event_only.qube.clone_from(&exact.qube);
        event_only
    }

    /// A line that is due at `now`, or at once without `now`. Call [`RepeatCounter::written`] when it is written.
    pub(super) fn due(&mut self, now: Option<Timestamp>) -> Option<Record> {
        self.groups
            .retain(|group| group.count > 0 || !group.is_over(now));
        self.groups
            .iter()
            .find(|group| group.is_over(now))
            .map(Group::summary)
    }

    /// The last line that [`RepeatCounter::due`] gave is written. A group that goes on begins a new minute.
    pub(super) fn written(&mut self, now: Option<Timestamp>) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.is_over(now)) {
            group.count = 0;
            group.began = now.unwrap_or(group.began);
        }
    }
}

impl Group {
    fn is_over(&self, now: Option<Timestamp>) -> bool {
        // A clock that was set back ends the minute too.
        now.is_none_or(|now| now < self.began || now.unix_ms() - self.began.unix_ms() >= WINDOW)
    }

    fn summary(&self) -> Record {
        if self.count == 1 {
            return self.last.clone();
        }
        let mut summary = if self.uniform {
            pattern(&self.last)
        } else {
            self.pattern.clone()
        };
        summary.time = self.last.time;
        summary.since = Some(self.since);
        summary.count = Some(self.count);
        if !self.uniform {
            summary.reason = Some("many of different kinds, counted together".to_owned());
        }
        summary
    }
}

fn is_counted(record: &Record) -> bool {
    match record.event {
        Event::Sign => record.outcome != RecordOutcome::Ok,
        Event::List | Event::Bind | Event::Refusal | Event::Malformed => true,
        Event::Limit | Event::Upstream | Event::NoAnswer | Event::Undelivered => true,
        Event::Start | Event::Stop | Event::Reload | Event::Revoked | Event::Recovered => false,
    }
}

/// What records that are alike have in common.
fn pattern(record: &Record) -> Record {
    let mut pattern = record.clone();
    pattern.time = Timestamp::from_unix_ms(0);
    pattern.seq = 0;
    pattern.boot = Arc::from("");
    pattern.previous = String::new();
    pattern.connection = None;
    pattern.request_sha256 = None;
    pattern.bytes = None;
    pattern.local_minute = None;
    pattern.wait_ms = None;
    pattern.sign_ms = None;
    pattern
}
