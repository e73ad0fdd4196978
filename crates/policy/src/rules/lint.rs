//! What was surely not meant: rules that can never decide, names that lead nowhere, allowances
//! without a bound. Warnings, not errors: the policy still judges.

use crate::facts::{KeyFacts, Kind, Proof};
use crate::glob::Glob;
use crate::judgement::Verdict;

use super::matching::Matcher;
use super::problem::Problem;
use super::rule::{CallerPattern, HostPattern, KeyPattern, Rule};
use super::value::{nearest, quoted};
use super::{Host, Policy};

/// What the vault knows beside the policy. What is not known is not complained about.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Whether known hosts have a key for a name.
    pub knows_host: Option<&'a dyn Fn(&str) -> bool>,
    /// All keys of all keyrings.
    pub keys: Option<&'a [KeyFacts]>,
    /// The names of all keyrings.
    pub keyrings: Option<&'a [String]>,
}

const KINDS: [Kind; 5] = [
    Kind::Login,
    Kind::Sshsig,
    Kind::Certificate,
    Kind::Sudo,
    Kind::Raw,
];

impl Policy {
    /// Warnings in the order of the rules.
    pub fn lint(&self, surroundings: &Surroundings<'_>) -> Vec<Problem> {
        let mut warnings = Vec::new();
        for host in &self.hosts {
            warnings.extend(host_without_keys(host, surroundings));
            warnings.extend(any_host_bound(host));
        }
        for label in &self.labels {
            let missing = surroundings.keys.is_some_and(|keys| {
                !keys
                    .iter()
                    .any(|key| label.fingerprints.contains(&key.fingerprint))
            });
            if missing {
                let message = format!("no keyring has the key {}", quoted(&label.name));
                warnings.push(
                    Problem::warning(&label.place, message)
                        .hint("`ssh-add -l` in the vault shows the keys"),
                );
            }
        }
        for rule in &self.rules {
            warnings.extend(self.unreachable(rule));
            warnings.extend(unbounded(rule));
            warnings.extend(self.leads_nowhere(rule, surroundings));
        }
        warnings
    }

    fn unreachable(&self, rule: &Rule) -> Option<Problem> {
        let earlier = || self.rules.iter().take(rule.index);
        let whole =
            earlier().find(|earlier| left_by(earlier, rule).is_some_and(|left| left.is_empty()));
        if let Some(earlier) = whole {
            let message = format!(
                "{} never decides: {} covers all of it",
                subject(rule),
                earlier.called()
            );
            let hint = format!("move it above {}, or remove it", earlier.place);
            return Some(Problem::warning(&rule.place, message).hint(hint));
        }
        let (earlier, left) =
            earlier().find_map(|earlier| Some((earlier, left_by(earlier, rule)?)))?;
        let message = format!(
            "{} decides about nothing but {}: {} covers the rest",
            subject(rule),
            left.join(" and "),
            earlier.called()
        );
        let hint = format!("first match wins: move it above {}", earlier.place);
        Some(Problem::warning(&rule.place, message).hint(hint))
    }

    fn leads_nowhere(&self, rule: &Rule, surroundings: &Surroundings<'_>) -> Vec<Problem> {
        let mut warnings = Vec::new();
        for pattern in rule.host.iter().flatten() {
            let HostPattern::Name(glob) = pattern else {
                continue;
            };
            let Some(name) = plain(glob) else { continue };
            let tables = self
                .hosts
                .iter()
                .map(|host| host.name.as_str())
                .chain(["unnamed", "unproven"]);
            let unknown = surroundings.knows_host.is_some_and(|knows| !knows(name));
            if let Some(near) = nearest(name, tables).filter(|_| {
                !name.contains('.') && surroundings.knows_host.is_none_or(|knows| !knows(name))
            }) {
                let message = format!(
                    "{} is for a host {}, which the policy does not define",
                    subject(rule),
                    quoted(name)
                );
                warnings.push(
                    Problem::warning(&rule.place, message)
                        .hint(format!("did you mean \"{near}\"?")),
                );
            } else if unknown {
                let message = format!("known hosts have no key for {}", quoted(name));
                warnings.push(
                    Problem::warning(&rule.place, message)
                        .hint(format!("`split-ssh hosts add {name}` takes one")),
                );
            }
        }
        for glob in rule.keyring.iter().flatten() {
            let Some(keyrings) = surroundings.keyrings else {
                break;
            };
            if !keyrings.iter().any(|name| glob.matches(name.as_bytes())) {
                let message = format!("no keyring is called {}", quoted(glob.as_str()));
                let hint = match nearest(glob.as_str(), keyrings.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => "a folder in ~/.ssh/identities.d or a table in vault.toml makes one"
                        .to_owned(),
                };
                warnings.push(Problem::warning(&rule.place, message).hint(hint));
            }
        }
        for pattern in rule.key.iter().flatten() {
            let Some(keys) = surroundings.keys else { break };
            let (found, text) = match pattern {
                KeyPattern::Label(_) => continue,
                KeyPattern::Fingerprint(fingerprint) => (
                    keys.iter().any(|key| key.fingerprint == *fingerprint),
                    fingerprint.0.as_str(),
                ),
                KeyPattern::Comment(glob) => (
                    keys.iter().any(|key| glob.matches(&key.comment)),
                    glob.as_str(),
                ),
            };
            if !found {
                let message = format!("no keyring has a key {}", quoted(text));
                let comments = keys
                    .iter()
                    .filter_map(|key| std::str::from_utf8(&key.comment).ok());
                let labels = self.labels.iter().map(|label| label.name.as_str());
                let hint = match nearest(text, comments.chain(labels)) {
                    Some(near) => format!("did you mean {}?", quoted(near)),
                    None => "`ssh-add -l` in the vault shows the keys".to_owned(),
                };
                warnings.push(Problem::warning(&rule.place, message).hint(hint));
            }
        }
        warnings
    }
}

fn host_without_keys(host: &Host, surroundings: &Surroundings<'_>) -> Option<Problem> {
    let knows = surroundings.knows_host?;
    let by_name = host.names.iter().any(|glob| plain(glob).is_none_or(knows));
    if by_name || !host.keys.is_empty() || !host.ca.is_empty() {
        return None;
    }
    let name = host.names.iter().find_map(plain).unwrap_or(&host.name);
    let message = format!(
        "host {} has no key: known hosts have none of its names",
        quoted(&host.name)
    );
    Some(
        Problem::warning(&host.place, message)
            .hint(format!("`split-ssh hosts add {name}` takes one")),
    )
}

/// `proof = "bound"` is for hosts whose private key no qube can have, which nobody can say of all.
fn any_host_bound(host: &Host) -> Option<Problem> {
    if host.proof != Some(Proof::Bound) || !host.names.iter().any(Glob::is_any) {
        return None;
    }
    let message = format!(
        "host {} takes bound logins of every host: who holds the private key of any could borrow its rules",
        quoted(&host.name)
    );
    Some(
        Problem::warning(&host.place, message)
            .hint("name the hosts that cannot prove more; `proven` is enough for all others"),
    )
}

/// An allow rule that holds neither the key nor the use of it to anything.
fn unbounded(rule: &Rule) -> Option<Problem> {
    if rule.action != Verdict::Allow {
        return None;
    }
    if rule
        .host
        .iter()
        .flatten()
        .any(|pattern| *pattern == HostPattern::Unproven)
    {
        let message = format!(
            "{} allows logins that show no host: they could be for any server",
            subject(rule)
        );
        let hint = "keep it for keys that open nothing of worth, or let it ask";
        return Some(Problem::warning(&rule.place, message).hint(hint));
    }
    let names = |kind| rule.kind.iter().flatten().any(|named| *named == kind);
    for (kind, what) in [(Kind::Raw, "raw data"), (Kind::Certificate, "certificates")] {
        if names(kind) {
            let message = format!(
                "{} allows {what} in silence: that can be worth all that the key opens",
                subject(rule)
            );
            return Some(Problem::warning(&rule.place, message).hint("let it ask"));
        }
    }
    let any = |list: Option<&[Glob]>| list.is_none_or(|list| list.iter().any(Glob::is_any));
    let any_host = rule.host.as_ref().is_none_or(|list| {
        list.iter()
            .any(|pattern| matches!(pattern, HostPattern::Name(glob) if glob.is_any()))
    });
    let any_key = rule.key.as_ref().is_none_or(|list| {
        list.iter()
            .any(|pattern| matches!(pattern, KeyPattern::Comment(glob) if glob.is_any()))
    });
    let any_use = any_host && any(rule.user.as_deref()) && any(rule.namespace.as_deref());
    let any_caller = rule.qube.as_ref().is_none_or(|list| {
        list.iter()
            .any(|pattern| matches!(pattern, CallerPattern::Qube(glob) if glob.is_any()))
    });
    let what = match (any_use, any_key, any_caller) {
        (true, true, true) => "every qube to use every key for everything",
        (true, true, false) => "its qubes to use every key for everything",
        (true, false, true) => "every qube to use its keys for everything",
        _ => return None,
    };
    let message = format!("{} allows {what}, in silence", subject(rule));
    Some(Problem::warning(&rule.place, message).hint("name a key, a host, a user or a namespace"))
}

/// The rule that a warning is about; the warning's own place stands before it.
fn subject(rule: &Rule) -> String {
    match rule.name {
        Some(_) => rule.called(),
        None => "this rule".to_owned(),
    }
}

/// Kind, forwarded, SHA-1.
type Reach = (Kind, bool, bool);

/// The requests that a rule's matchers leave possible.
fn reach(rule: &Rule) -> Vec<Reach> {
    let mut reach = Vec::new();
    for kind in KINDS {
        let lacks = (rule.user.is_some() && !Matcher::User.looks_at(kind))
            || (rule.host.is_some() && !Matcher::Host.looks_at(kind))
            || (rule.namespace.is_some() && !Matcher::Namespace.looks_at(kind));
        for forwarded in [false, true] {
            for sha1 in [false, true] {
                if !lacks
                    && rule.covers_kind(kind)
                    && rule.covers_forwarded(forwarded, kind)
                    && rule.covers_sha1(sha1)
                {
                    reach.push((kind, forwarded, sha1));
                }
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
    let is_met = |kind: Kind| covered.iter().any(|(covered, ..)| *covered == kind);
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
    let names_hosts = later
        .host
        .iter()
        .flatten()
        .any(|pattern| *pattern != HostPattern::Unproven);
    earlier.action == Verdict::Allow && later.action != Verdict::Allow && names_hosts
}

fn matchers_cover(earlier: &Rule, later: &Rule) -> bool {
    list_covers(&earlier.qube, &later.qube, |a, b| match (a, b) {
        (CallerPattern::Qube(a), CallerPattern::Qube(b))
        | (CallerPattern::Ssh(a), CallerPattern::Ssh(b))
        | (CallerPattern::Local(a), CallerPattern::Local(b)) => a.covers(b),
        _ => false,
    }) && list_covers(&earlier.keyring, &later.keyring, Glob::covers)
        && list_covers(&earlier.key, &later.key, |a, b| match (a, b) {
            (KeyPattern::Comment(a), KeyPattern::Comment(b)) => a.covers(b),
            (KeyPattern::Comment(a), _) => a.is_any(),
            _ => a == b,
        })
        && list_covers(&earlier.user, &later.user, Glob::covers)
        && list_covers(&earlier.namespace, &later.namespace, Glob::covers)
        && covers_host(earlier, later)
        && list_covers(&earlier.hours, &later.hours, |a, b| {
            (0..1440).all(|minute| a.contain(minute) || !b.contain(minute))
        })
}

fn covers_host(earlier: &Rule, later: &Rule) -> bool {
    if earlier.action == Verdict::Allow && earlier.host.is_none() {
        // It covers every host that is shown; what may be unproven it leaves to others.
        let shown_only = |list: &Vec<HostPattern>| !list.contains(&HostPattern::Unproven);
        let logins = reach(later).iter().any(|(kind, ..)| *kind == Kind::Login);
        return !logins
            || later
                .host
                .as_ref()
                .map_or(later.action == Verdict::Allow, shown_only);
    }
    list_covers(&earlier.host, &later.host, |a, b| match (a, b) {
        (HostPattern::Name(a), HostPattern::Name(b)) => a.covers(b),
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

fn plain(glob: &Glob) -> Option<&str> {
    std::str::from_utf8(glob.literal()?).ok()
}
