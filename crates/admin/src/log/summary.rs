//! `split-ssh log --summary`: what each qube did, in numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use policy::display;
use policy::facts::IntentKind;
use policy::record::sentence::host_name;
use policy::record::{Event, Record, RecordOutcome, Timestamp};
use serde::Serialize;

use super::filter::is_denied;
use crate::fold::indented;
use crate::local_time::of_record;
use crate::output;

/// The namespace in which git signs commits and tags.
const GIT: &str = "git";
/// Hosts of one qube that are spelled out for a person, the most used first; JSON has all.
const HOSTS_SHOWN: usize = 10;
/// Characters of a host's name.
const HOST_WIDTH: usize = 64;

/// The counts of all qubes.
#[derive(Default, Serialize)]
pub(super) struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Timestamp>,
    qubes: BTreeMap<String, QubeCounts>,
}

/// The signatures that one qube got by what they are for, and what it did not get.
#[derive(Default, Serialize)]
struct QubeCounts {
    logins: u64,
    commits: u64,
    other_signatures: u64,
    refusals: u64,
    /// Logins to each host.
    hosts: BTreeMap<String, u64>,
}

impl Summary {
    /// Of records in the order of their times. Those that no qube caused do not count.
    pub(super) fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut summary = Self::default();
        for record in records {
            summary.from.get_or_insert(record.time);
            summary.to = Some(record.time);
            if let Some(qube) = &record.qube {
                let name = display::ascii(qube.as_bytes(), policy::caller::MAX_QUBE_NAME);
                summary.qubes.entry(name).or_default().count(record);
            }
        }
        summary
    }

    pub(super) fn json(&self) -> String {
        // Strings and numbers only: nothing in it can fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        let (Some(from), Some(to)) = (self.from, self.to) else {
            return "no record matches".to_owned();
        };
        let mut text = format!("from {} to {}", of_record(from), of_record(to));
        if self.qubes.is_empty() {
            text.push_str("\nno qube asked for anything");
        }
        for (qube, counts) in &self.qubes {
            let _ = write!(text, "\n{qube}\n{}", counts.text());
        }
        text
    }
}

impl QubeCounts {
    fn count(&mut self, record: &Record) {
        let times = record.count.unwrap_or(1);
        let add = |counter: &mut u64| *counter = counter.saturating_add(times);
        if is_denied(record) {
            add(&mut self.refusals);
        }
        if (record.event, record.outcome) != (Event::Sign, RecordOutcome::Ok) {
            return;
        }
        match record.kind {
            Some(IntentKind::Login) => {
                add(&mut self.logins);
                add(self.hosts.entry(host_name(record)).or_default());
            }
            Some(IntentKind::Sshsig) if is_git(record) => add(&mut self.commits),
            _ => add(&mut self.other_signatures),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!(
            "{}, {}, {}, {}",
            counted(self.logins, "login", "logins"),
            counted(self.commits, "commit or tag", "commits or tags"),
            counted(self.other_signatures, "other signature", "other signatures"),
            counted(self.refusals, "refusal", "refusals"),
        )];
        if !self.hosts.is_empty() {
            let mut hosts: Vec<_> = self.hosts.iter().collect();
            hosts.sort_by_key(|(_, logins)| std::cmp::Reverse(**logins));
            let shown = hosts.iter().take(HOSTS_SHOWN).map(|(host, logins)| {
                format!("{} ({logins})", display::ascii(host.as_bytes(), HOST_WIDTH))
            });
            let mut shown: Vec<String> = shown.collect();
            if hosts.len() > HOSTS_SHOWN {
                let more = hosts.len() - HOSTS_SHOWN;
                shown.push(format!(
                    "and {}",
                    output::counted(more as u64, "other", "others")
                ));
            }
            lines.push(format!("hosts: {}", shown.join(", ")));
        }
        let lines: Vec<String> = lines.iter().map(|line| indented(line, 2, 4)).collect();
        lines.join("\n")
    }
}

fn is_git(record: &Record) -> bool {
    let namespace = record.namespace.as_ref();
    namespace.is_some_and(|namespace| namespace.as_str() == GIT)
}

fn counted(number: u64, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {many}"),
        number => output::counted(number, one, many),
    }
}
