//! Rules that decide about nothing, or about less than they say, because an earlier one covers it.

use policy::facts::IntentKind;
use policy::glob::Glob;
use policy::judgement::Verdict;
use policy::rules::matching::Matcher;
use policy::rules::rule::{HostPattern, KeyPattern, Rule};
use policy::rules::{Policy, Problem};

use super::surroundings::warning;
use crate::policy::patterns::{covers, of_one_kind};

pub(super) fn unreachable(policy: &Policy, rule: &Rule) -> Option<Problem> {
    let counts = may_count_for_another_name(policy, rule);
    let earlier = || {
        let all = policy.rules.iter().take(rule.index);
        all.filter(|earlier| !(counts && denies_every_host(policy, earlier)))
    };
    let covers_all = |earlier: &&Rule| left_by(earlier, rule).is_some_and(|left| left.is_empty());
    if let Some(earlier) = earlier().find(covers_all) {
        let what = format!("never decides: {} covers all of it", earlier.called());
        let hint = format!("move it above {}, or remove it", earlier.place);
        return Some(warning(rule, &what, &hint));
    }
    let (earlier, left) = earlier().find_map(|earlier| Some((earlier, left_by(earlier, rule)?)))?;
    let what = format!(
        "decides about nothing but {}: {} covers the rest",
        left.join(" and "),
        earlier.called()
    );
    let hint = format!("first match wins: move it above {}", earlier.place);
    Some(warning(rule, &what, &hint))
}

/// Where a rule above names hosts, a host key may have another name as well, and this rule counts for that name: a
/// rule between them that denies every host does not.
fn may_count_for_another_name(policy: &Policy, rule: &Rule) -> bool {
    let mut above = policy.rules.iter().take(rule.index);
    let names_hosts = |rule: &Rule| rule.action != Verdict::Deny && rule.host.is_some();
    rule.action != Verdict::Allow && rule.host.is_some() && above.any(names_hosts)
}

fn denies_every_host(policy: &Policy, rule: &Rule) -> bool {
    let is_every = |pattern: &HostPattern| match pattern {
        HostPattern::Name(glob) => glob.is_any(),
        HostPattern::Host(index) => {
            let table = policy.hosts.get(*index);
            table.is_some_and(|table| table.names.iter().any(Glob::is_any))
        }
        HostPattern::Unnamed | HostPattern::Unproven => false,
    };
    let hosts = rule.host.as_ref();
    rule.action == Verdict::Deny && hosts.is_none_or(|list| list.iter().any(is_every))
}

/// Kind, forwarded, SHA-1.
type Reach = (IntentKind, bool, bool);

/// The requests that a rule's matchers leave possible.
pub(super) fn reach(rule: &Rule) -> Vec<Reach> {
    let mut reach = Vec::new();
    for kind in IntentKind::ALL {
        let mut matchers = Matcher::ALL.into_iter();
        let can_match = matchers.all(|matcher| !rule.says(matcher) || matcher.looks_at(kind));
        for (forwarded, sha1) in [(false, false), (false, true), (true, false), (true, true)] {
            if can_match
                && rule.covers_kind(kind)
                && rule.covers_forwarded(forwarded, kind)
                && rule.covers_sha1(sha1)
            {
                reach.push((kind, forwarded, sha1));
            }
        }
    }
    reach
}

/// What `later` still decides about, where `earlier` surely covers the plain cases of it; nothing if all of
/// them. Simple: list item by list item.
fn left_by(earlier: &Rule, later: &Rule) -> Option<Vec<&'static str>> {
    if !matchers_cover(earlier, later) {
        return None;
    }
    let (wide, all) = (reach(earlier), reach(later));
    let (covered, missing): (Vec<Reach>, Vec<Reach>) =
        all.iter().partition(|case| wide.contains(case));
    let is_met = |kind: IntentKind| covered.iter().any(|(covered, ..)| *covered == kind);
    if !all.iter().all(|(kind, ..)| is_met(*kind)) {
        return None;
    }
    let mut left = Vec::new();
    // What a rule does not name it may not cover; where it does name it, the other is its counterpart.
    let (by_sha1, others): (Vec<Reach>, Vec<Reach>) =
        missing.into_iter().partition(|(.., sha1)| *sha1);
    if !by_sha1.is_empty() {
        left.push("SHA-1 signatures");
    }
    if !others.is_empty() {
        left.push("forwarded sshsig");
    }
    let names_the_rest = (!by_sha1.is_empty() && earlier.sha1.is_some())
        || (!others.is_empty() && earlier.forwarded.is_some());
    if leaves_unproven(earlier, later) {
        // "Allow it if proven, else deny" is the same host twice.
        if earlier.host == later.host && later.action == Verdict::Deny {
            return None;
        }
        left.push("logins that do not prove their host");
    }
    (!names_the_rest).then_some(left)
}

/// An allow rule passes over logins that show too little, and a stricter rule for a host may mean them.
fn leaves_unproven(earlier: &Rule, later: &Rule) -> bool {
    let mut hosts = later.host.iter().flatten();
    let names_hosts = hosts.any(|pattern| *pattern != HostPattern::Unproven);
    earlier.action == Verdict::Allow && later.action != Verdict::Allow && names_hosts
}

fn matchers_cover(earlier: &Rule, later: &Rule) -> bool {
    list_covers(&earlier.qube, &later.qube, |a, b| {
        of_one_kind(a, b).is_some_and(|(a, b)| covers(a, b))
    }) && list_covers(&earlier.keyring, &later.keyring, covers)
        && list_covers(&earlier.key, &later.key, |a, b| match (a, b) {
            (KeyPattern::Comment(a), KeyPattern::Comment(b)) => covers(a, b),
            (KeyPattern::Comment(a), _) => a.is_any(),
            _ => a == b,
        })
        && list_covers(&earlier.user, &later.user, covers)
        && list_covers(&earlier.namespace, &later.namespace, covers)
        && list_covers(&earlier.content, &later.content, |a, b| a == b)
        && list_covers(&earlier.author, &later.author, covers)
        && list_covers(&earlier.committer, &later.committer, covers)
        && covers_host(earlier, later)
        && list_covers(&earlier.hours, &later.hours, |a, b| {
            (0..1440).all(|minute| a.contain(minute) || !b.contain(minute))
        })
}

fn covers_host(earlier: &Rule, later: &Rule) -> bool {
    if earlier.action == Verdict::Allow && earlier.host.is_none() {
        // It covers every host that is shown; what may be unproven it leaves to others.
        let shown_only = |list: &Vec<HostPattern>| !list.contains(&HostPattern::Unproven);
        let mut reach = reach(later).into_iter();
        let has_logins = reach.any(|(kind, ..)| kind == IntentKind::Login);
        let is_allowance = later.action == Verdict::Allow;
        return !has_logins || later.host.as_ref().map_or(is_allowance, shown_only);
    }
    list_covers(&earlier.host, &later.host, |a, b| match (a, b) {
        (HostPattern::Name(a), HostPattern::Name(b)) => covers(a, b),
        _ => a == b,
    })
}

fn list_covers<T>(
    earlier: &Option<Vec<T>>,
    later: &Option<Vec<T>>,
    one: impl Fn(&T, &T) -> bool,
) -> bool {
    match (earlier, later) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => later.iter().all(|b| earlier.iter().any(|a| one(a, b))),
    }
}
