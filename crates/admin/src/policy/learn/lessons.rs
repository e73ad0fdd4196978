//! Rules proposed from the answers in a log, as TOML to paste: each covers what a person said yes to
//! and nothing else.

use crate::policy::host_proofs::identity;
use crate::recorded_facts::judged_facts;
use policy::display;
use policy::facts::{Facts, IntentKind};
use policy::judgement::Verdict;
use policy::narrow_rule::NarrowRule;
use policy::record::{DecidedBy, Event, Record, RecordOutcome, Timestamp};
use policy::rules::Policy;

/// Characters of a name or value in a comment.
const MAX_SHOWN: usize = 64;

/// The answers of a log, case by case.
#[derive(Default)]
pub struct RecordedCases {
    pub(super) cases: Vec<RecordedCase>,
}

/// Requests that one rule can tell from all others.
pub(super) struct RecordedCase {
    pub(super) facts: Facts,
    pub(super) yes: u64,
    pub(super) no: u64,
    pub(super) last: Timestamp,
    /// The place of the rule that asked; none if it was the default.
    pub(super) asked_at: Option<String>,
}

/// A rule that covers a case and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProposedRule {
    pub(super) rule: NarrowRule,
    pub(super) comment: String,
    pub(super) yes: u64,
    pub(super) last: Timestamp,
    /// Rules that ask about it now.
    pub(super) asked_at: Vec<String>,
}

impl RecordedCases {
    /// Takes a record in. Only answers count that a person gave where the policy asked.
    pub fn add(&mut self, record: &Record) {
        let answered = matches!(
            record.decided_by,
            Some(DecidedBy::Prompt | DecidedBy::Terminal | DecidedBy::Remembered)
        );
        if record.event != Event::Sign || record.verdict != Some(Verdict::Ask) || !answered {
            return;
        }
        let Some(facts) = judged_facts(record) else {
            return;
        };
        let (yes, no) = match record.outcome {
            RecordOutcome::Ok => (record.times(), 0),
            _ => (0, record.times()),
        };
        let new = told_apart(&facts);
        let mut cases = self.cases.iter_mut();
        match cases.find(|case| told_apart(&case.facts) == new) {
            Some(case) => {
                case.yes += yes;
                case.no += no;
                case.last = case.last.max(record.time);
                case.asked_at.clone_from(&record.rule_place);
            }
            None => self.cases.push(RecordedCase {
                facts,
                yes,
                no,
                last: record.time,
                asked_at: record.rule_place.clone(),
            }),
        }
    }
}

/// What a rule can tell apart: a key's comment and what else is known of a host may differ.
fn told_apart(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    facts.key.algorithm.clear();
    facts.key.comment.clear();
    let host = facts.host.take();
    facts.host = host.map(|host| identity(host.fingerprint, host.names));
    facts
}

impl RecordedCase {
    /// # Errors
    /// Why no rule is proposed for the case.
    pub(super) fn lesson(&self, policy: &Policy) -> Result<ProposedRule, String> {
        if self.no > 0 {
            return Err("what was denied once stays a question".to_owned());
        }
        Ok(ProposedRule {
            rule: NarrowRule::of(&self.facts, policy).map_err(|why| why.to_string())?,
            comment: display::ascii(&self.facts.key.comment, MAX_SHOWN),
            yes: self.yes,
            last: self.last,
            asked_at: self.asked_at.iter().cloned().collect(),
        })
    }
}

/// Rules that differ in their host alone become one; it covers the same.
pub(super) fn join_hosts(lessons: Vec<ProposedRule>) -> Vec<ProposedRule> {
    join(lessons, |a, b| {
        let hosts = b.hosts.clone();
        a.kind == IntentKind::Login && NarrowRule { hosts, ..a.clone() } == *b
    })
}

/// Rules that differ in their qube alone become one; it covers the same.
pub(super) fn join_qubes(lessons: Vec<ProposedRule>) -> Vec<ProposedRule> {
    join(lessons, |a, b| {
        let qubes = b.qubes.clone();
        a.names_sandboxes() == b.names_sandboxes() && NarrowRule { qubes, ..a.clone() } == *b
    })
}

fn join(
    lessons: Vec<ProposedRule>,
    fits: impl Fn(&NarrowRule, &NarrowRule) -> bool,
) -> Vec<ProposedRule> {
    let mut joined: Vec<ProposedRule> = Vec::new();
    for lesson in lessons {
        let mut known = joined.iter_mut();
        match known.find(|known| fits(&known.rule, &lesson.rule)) {
            Some(known) => known.take_in(lesson),
            None => joined.push(lesson),
        }
    }
    joined
}

impl ProposedRule {
    fn take_in(&mut self, other: Self) {
        add_new(&mut self.rule.qubes, other.rule.qubes);
        add_new(&mut self.rule.hosts, other.rule.hosts);
        add_new(&mut self.asked_at, other.asked_at);
        self.yes += other.yes;
        self.last = self.last.max(other.last);
    }

    /// How many cases it covers.
    pub(super) fn width(&self) -> usize {
        self.rule.qubes.len() * self.rule.hosts.len().max(1)
    }
}

fn add_new<T: PartialEq>(list: &mut Vec<T>, others: Vec<T>) {
    for other in others {
        if !list.contains(&other) {
            list.push(other);
        }
    }
}
