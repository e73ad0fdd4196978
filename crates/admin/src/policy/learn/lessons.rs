//! Rules proposed from the answers in a log, as TOML to paste: each covers what a person said yes to
//! and nothing else. What came from a client is escaped, as a pattern and as TOML.

use std::fmt;

use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::{Facts, HostIdentity, IntentKind, Proof};
use policy::glob::{self, Glob};
use policy::judgement::Verdict;
use policy::language::Language;
use policy::record::{DecidedBy, Event, Record, RecordOutcome, Timestamp};
use policy::rules::Policy;

/// Characters of a name or value in a comment.
pub(super) const MAX_SHOWN: usize = 64;

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

/// Why no rule is proposed for a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoProposal {
    SaidNo,
    Kind(IntentKind),
    Unproven,
    Revoked,
    /// Not text, empty, or too long for a pattern.
    NoPattern,
    /// The policy demands more proof of this host than its logins show.
    HostDemandsMore,
}

/// A rule that covers a case and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProposedRule {
    pub(super) qubes: Vec<Caller>,
    pub(super) keyring: Keyring,
    pub(super) key: Fingerprint,
    pub(super) comment: String,
    pub(super) kind: IntentKind,
    /// A pattern that matches one text.
    pub(super) user: Option<String>,
    pub(super) hosts: Vec<HostWord>,
    pub(super) namespace: Option<String>,
    pub(super) forwarded: bool,
    pub(super) sha1: bool,
    pub(super) yes: u64,
    pub(super) last: Timestamp,
    /// Rules that ask about it now.
    pub(super) asked_at: Vec<String>,
}

/// What a rule's `host` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostWord {
    /// A pattern that matches one name in known hosts.
    Name(String),
    /// A table for one key, to be defined beside the rule.
    Key {
        fingerprint: Fingerprint,
        /// The name that the vault gives it, for people.
        shown: String,
        proof: Proof,
        /// Patterns for all its names: a rule that names the key alone has none of them, so that rules below it
        /// that name one of them would still count.
        names: Vec<String>,
    },
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
        let Some(facts) = record.facts() else { return };
        let known = self
            .cases
            .iter()
            .position(|case| same_case(&case.facts, &facts));
        let (yes, no) = match record.outcome {
            RecordOutcome::Ok => (record.times(), 0),
            _ => (0, record.times()),
        };
        match known.and_then(|index| self.cases.get_mut(index)) {
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

/// Whether one rule says the same of both: a key's comment and a host's other names may differ.
fn same_case(a: &Facts, b: &Facts) -> bool {
    let host = |facts: &Facts| {
        facts
            .host
            .as_ref()
            .map(|host| (host.fingerprint.clone(), host.names.clone()))
    };
    (
        &a.caller,
        &a.keyring,
        &a.key.fingerprint,
        a.kind,
        a.sha1,
        &a.user,
    ) == (
        &b.caller,
        &b.keyring,
        &b.key.fingerprint,
        b.kind,
        b.sha1,
        &b.user,
    ) && (a.proof, host(a), &a.namespace, a.forwarded)
        == (b.proof, host(b), &b.namespace, b.forwarded)
}

impl RecordedCase {
    pub(super) fn lesson(&self, policy: &Policy) -> Result<ProposedRule, NoProposal> {
        let facts = &self.facts;
        if self.no > 0 {
            return Err(NoProposal::SaidNo);
        }
        let (mut user, mut namespace, mut hosts) = (None, None, Vec::new());
        match facts.kind {
            IntentKind::Login => {
                user = Some(pattern(facts.user.as_deref())?);
                let host = facts
                    .host
                    .as_ref()
                    .filter(|_| facts.proof > Proof::Unproven);
                hosts.push(host_word(
                    host.ok_or(NoProposal::Unproven)?,
                    facts.proof,
                    policy,
                )?);
            }
            IntentKind::Sshsig => namespace = Some(pattern(facts.namespace.as_deref())?),
            IntentKind::Certificate | IntentKind::Sudo | IntentKind::Raw => {
                return Err(NoProposal::Kind(facts.kind));
            }
        }
        Ok(ProposedRule {
            qubes: vec![facts.caller.clone()],
            keyring: facts.keyring.clone(),
            key: facts.key.fingerprint.clone(),
            comment: display::ascii(&facts.key.comment, MAX_SHOWN),
            kind: facts.kind,
            user,
            hosts,
            namespace,
            forwarded: facts.forwarded,
            sha1: facts.sha1,
            yes: self.yes,
            last: self.last,
            asked_at: self.asked_at.iter().cloned().collect(),
        })
    }
}

/// A pattern for exactly this text.
fn pattern(untrusted: Option<&[u8]>) -> Result<String, NoProposal> {
    let untrusted = untrusted.ok_or(NoProposal::NoPattern)?;
    let text = std::str::from_utf8(untrusted).map_err(|_| NoProposal::NoPattern)?;
    // The policy takes no pattern that has a control character, a blank at an end, or a comma.
    if !Language::Line.contains(untrusted) || text.contains(',') {
        return Err(NoProposal::NoPattern);
    }
    let escaped = glob::escape(text);
    match Glob::new(&escaped) {
        Ok(glob) if glob.literal() == Some(untrusted) => Ok(escaped),
        _ => Err(NoProposal::NoPattern),
    }
}

fn host_word(host: &HostIdentity, proof: Proof, policy: &Policy) -> Result<HostWord, NoProposal> {
    if host.revocation.is_some() {
        return Err(NoProposal::Revoked);
    }
    let tables = policy.hosts().iter().filter(|table| {
        let named = |name: &String| {
            table
                .names
                .iter()
                .any(|glob| glob.matches(name.to_lowercase().as_bytes()))
        };
        table.keys.contains(&host.fingerprint)
            || host.ca.as_ref().is_some_and(|ca| table.ca.contains(ca))
            || host.names.iter().any(named)
    });
    if tables
        .filter_map(|table| table.proof)
        .any(|required| required > proof)
    {
        return Err(NoProposal::HostDemandsMore);
    }
    let names: Vec<String> = host
        .names
        .iter()
        .filter_map(|name| host_pattern(name, policy))
        .collect();
    match names.first() {
        Some(name) if proof == Proof::Proven => Ok(HostWord::Name(name.clone())),
        _ => Ok(HostWord::Key {
            fingerprint: host.fingerprint.clone(),
            shown: host.names.first().map_or_else(
                || "unnamed".to_owned(),
                |name| display::ascii(name.as_bytes(), MAX_SHOWN),
            ),
            proof,
            names,
        }),
    }
}

/// A pattern for exactly this name, if rules can write it. A name that is also one of the words of
/// `host`, or a table's, is escaped so far that it is neither.
fn host_pattern(name: &str, policy: &Policy) -> Option<String> {
    let name = name.to_lowercase();
    // A pattern of known hosts, or a hashed name, leaves open which name the host has.
    if !Language::HostName.contains(name.as_bytes()) {
        return None;
    }
    let escaped = pattern(Some(name.as_bytes())).ok()?;
    let is_word = ["unnamed", "unproven"].contains(&escaped.as_str())
        || policy.hosts().iter().any(|table| table.name == escaped);
    Some(if is_word {
        format!("\\{escaped}")
    } else {
        escaped
    })
}

/// Rules that differ in their host alone become one; it covers the same.
pub(super) fn join_hosts(lessons: Vec<ProposedRule>) -> Vec<ProposedRule> {
    join(lessons, |a, b| {
        a.kind == IntentKind::Login
            && ProposedRule {
                hosts: b.hosts.clone(),
                ..a.clone()
            }
            .covers_like(b)
    })
}

/// Rules that differ in their qube alone become one; it covers the same.
pub(super) fn join_qubes(lessons: Vec<ProposedRule>) -> Vec<ProposedRule> {
    join(lessons, |a, b| {
        a.names_sandboxes() == b.names_sandboxes()
            && ProposedRule {
                qubes: b.qubes.clone(),
                ..a.clone()
            }
            .covers_like(b)
    })
}

fn join(
    lessons: Vec<ProposedRule>,
    fits: impl Fn(&ProposedRule, &ProposedRule) -> bool,
) -> Vec<ProposedRule> {
    let mut joined: Vec<ProposedRule> = Vec::new();
    for lesson in lessons {
        match joined.iter_mut().find(|known| fits(known, &lesson)) {
            Some(known) => known.take_in(lesson),
            None => joined.push(lesson),
        }
    }
    joined
}

impl ProposedRule {
    fn covers_like(&self, other: &Self) -> bool {
        let (yes, last) = (other.yes, other.last);
        let (comment, asked_at) = (other.comment.clone(), other.asked_at.clone());
        Self {
            yes,
            last,
            comment,
            asked_at,
            ..self.clone()
        } == *other
    }

    /// A rule names its callers by `sandbox` or by `qube`, not by both.
    pub(super) fn names_sandboxes(&self) -> bool {
        matches!(self.qubes.first(), Some(Caller::Sandbox(_)))
    }

    fn take_in(&mut self, other: Self) {
        for qube in other.qubes {
            if !self.qubes.contains(&qube) {
                self.qubes.push(qube);
            }
        }
        for host in other.hosts {
            if !self.hosts.contains(&host) {
                self.hosts.push(host);
            }
        }
        for place in other.asked_at {
            if !self.asked_at.contains(&place) {
                self.asked_at.push(place);
            }
        }
        self.yes += other.yes;
        self.last = self.last.max(other.last);
    }

    /// How many cases it covers.
    pub(super) fn width(&self) -> usize {
        self.qubes.len() * self.hosts.len().max(1)
    }
}

impl fmt::Display for NoProposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SaidNo => f.write_str("the answer was no at least once, so the question stays"),
            Self::Kind(kind) => write!(f, "a rule for {} is worth a whole machine: write it by hand", kind.word()),
            Self::Unproven => {
                f.write_str("nothing shows which host it is for, and host = \"unproven\" would cover every host")
            }
            Self::Revoked => f.write_str("the host key is revoked"),
            Self::NoPattern => f.write_str("the user or namespace cannot be written as a pattern"),
            Self::HostDemandsMore => f.write_str("the policy wants more proof of this host than it shows"),
        }
    }
}
