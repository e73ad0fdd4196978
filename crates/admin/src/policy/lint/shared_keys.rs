//! Host keys with several names, of which one rule allows one and a later rule asks or denies for another.

use std::collections::HashSet;
use std::slice;

use policy::crypto::{Crypto, Fingerprint};
use policy::display;
use policy::facts::IntentKind;
use policy::glob::Glob;
use policy::judgement::Verdict;
use policy::known_hosts::{HostKey, KnownHosts, Marker, is_open};
use policy::rules::rule::{HostPattern, Rule};
use policy::rules::{Policy, Problem};

use crate::policy::patterns::{covers, of_one_kind};

/// Characters of a name.
const SHOWN: usize = 80;

/// A host key that has several names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedKey {
    pub fingerprint: Fingerprint,
    /// In order; without wildcards, and without those that only their hash tells.
    pub names: Vec<String>,
}

/// Host keys that have several names. `tries` are names that hashed lines are asked about.
pub fn shared_keys(known: &KnownHosts, tries: &[String], crypto: &dyn Crypto) -> Vec<SharedKey> {
    let mut seen = HashSet::new();
    let plain = known.entries().iter().map(|entry| &entry.line);
    let keys = plain.filter(|line| line.marker == Marker::Plain && seen.insert(&line.key));
    keys.filter_map(|line| {
        let key = HostKey::parse(&line.key).ok()?;
        let mut identity = known.identify(&key, tries, crypto, 0);
        identity.names.retain(|name| !is_open(name));
        (identity.names.len() > 1).then_some(SharedKey {
            fingerprint: identity.fingerprint,
            names: identity.names,
        })
    })
    .collect()
}

/// A rule that allows less than it seems: the first later rule that counts for another name of the key.
pub(super) fn other_names(policy: &Policy, rule: &Rule, key: &SharedKey) -> Option<Problem> {
    if rule.action != Verdict::Allow || rule.host.is_none() || !rule.covers_kind(IntentKind::Login)
    {
        return None;
    }
    let own = names_of(policy, rule, key);
    let first = own.first()?;
    let mut below = policy.rules.iter().skip(rule.index + 1);
    let (later, other) = below.find_map(|later| {
        let is_stricter = later.action != Verdict::Allow && later.covers_kind(IntentKind::Login);
        let names = names_of(policy, later, key);
        let other = names.into_iter().find(|name| !own.contains(name))?;
        (is_stricter && may_meet(rule, later)).then_some((later, other))
    })?;
    let (does, outcome) = match later.action {
        Verdict::Deny => ("denies", "such a login is denied"),
        _ => ("asks", "such a login is a question"),
    };
    let [first, other] = [*first, other].map(|name| display::ascii(name.as_bytes(), SHOWN));
    let message = format!(
        "{} allows {first}, whose host key is also that of {other} in known hosts, and {} {does}: {outcome}",
        rule.called(),
        later.called()
    );
    let hint = "give each host a key of its own, or name both in the rule that allows";
    Some(Problem::warning(&rule.place, message).hint(hint))
}

/// The names of the key that a rule means in particular.
fn names_of<'k>(policy: &Policy, rule: &Rule, key: &'k SharedKey) -> Vec<&'k str> {
    let patterns = rule.host.iter().flatten();
    let globs: Vec<&Glob> = patterns
        .flat_map(|pattern| match pattern {
            HostPattern::Name(glob) => slice::from_ref(glob),
            HostPattern::Host(index) => {
                let table = policy.hosts.get(*index);
                table.map_or(&[][..], |table| &table.names)
            }
            HostPattern::Unnamed | HostPattern::Unproven => &[],
        })
        .collect();
    let is_meant = |name: &&str| {
        let mut globs = globs.iter();
        globs.any(|glob| !glob.is_any() && glob.matches(name.as_bytes()))
    };
    let names = key.names.iter().map(String::as_str);
    names.filter(is_meant).collect()
}

/// Whether one request could be covered by both; `true` may mean "not seen".
fn may_meet(a: &Rule, b: &Rule) -> bool {
    lists_meet(&a.qube, &b.qube, |a, b| {
        of_one_kind(a, b).is_some_and(|(a, b)| globs_meet(a, b))
    }) && lists_meet(&a.keyring, &b.keyring, globs_meet)
        && lists_meet(&a.user, &b.user, globs_meet)
}

fn globs_meet(a: &Glob, b: &Glob) -> bool {
    covers(a, b) || covers(b, a) || (a.literal().is_none() && b.literal().is_none())
}

fn lists_meet<T>(a: &Option<Vec<T>>, b: &Option<Vec<T>>, meet: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.iter().any(|a| b.iter().any(|b| meet(a, b))),
        _ => true,
    }
}
