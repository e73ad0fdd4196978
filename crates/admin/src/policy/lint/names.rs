//! Names of hosts, keyrings, keys and sandboxes that lead nowhere.

use std::net::IpAddr;

use policy::glob::Glob;
use policy::rules::rule::{CallerPattern, Host, HostPattern, KeyPattern, Label, Rule};
use policy::rules::words::{nearest, quoted};
use policy::rules::{Policy, Problem};

use super::surroundings::{Surroundings, warning};

/// What git, and the examples of ssh-keygen(1), call their namespaces.
const NAMESPACES: [&str; 3] = ["git", "file", "email"];

/// An address as programs write it, of another spelling.
fn other_spelling(name: &str) -> Option<String> {
    let usual = name.parse::<IpAddr>().ok()?.to_canonical().to_string();
    (usual != name).then_some(usual)
}

const LIST_KEYS: &str = "`split-ssh list` in the vault shows the keys";
const MAKE_KEYRING: &str = "a folder in ~/.ssh/identities.d or a table in vault.toml makes one";
const MAKE_SANDBOX: &str =
    "`split-ssh serve NAME` makes one, `split-ssh serve list` shows those that there are";

pub(super) fn label_without_key(label: &Label, surroundings: &Surroundings) -> Option<Problem> {
    let keys = surroundings.keys.as_ref()?;
    let mut prints = keys.iter().map(|key| &key.fingerprint);
    if prints.any(|print| label.fingerprints.contains(print)) {
        return None;
    }
    let message = format!("no keyring has the key {}", quoted(&label.name));
    Some(Problem::warning(&label.place, message).hint(LIST_KEYS))
}

pub(super) fn leads_nowhere(
    policy: &Policy,
    rule: &Rule,
    surroundings: &Surroundings,
) -> Vec<Problem> {
    let hosts = rule.host.iter().flatten();
    let mut warnings: Vec<Problem> = hosts
        .filter_map(|pattern| unknown_host(policy, rule, pattern, surroundings))
        .collect();
    for name in rule.user.iter().flatten().filter_map(plain) {
        // Users of a domain have such names, so it is no mistake everywhere.
        if let Some((user, host)) = name.rsplit_once('@').filter(|(_, host)| host.contains('.')) {
            let message = format!("the user {} has a host's name in it", quoted(name));
            let hint = format!("is this meant? user = \"{user}\" and host = \"{host}\"");
            warnings.push(Problem::warning(&rule.place, message).hint(hint));
        }
    }
    for name in rule.namespace.iter().flatten().filter_map(plain) {
        let mut written = NAMESPACES.iter().filter(|known| **known != name);
        if let Some(known) = written.find(|known| known.eq_ignore_ascii_case(name)) {
            let message = format!("no usual program signs in the namespace {}", quoted(name));
            warnings.push(Problem::warning(&rule.place, message).hint(did_you_mean(known)));
        }
    }
    let (sandboxes, keyrings) = (&surroundings.sandboxes, &surroundings.keyrings);
    for pattern in rule.qube.iter().flatten() {
        if let CallerPattern::Sandbox(glob) = pattern {
            let what = "no sandbox is called";
            warnings.extend(unknown_name(rule, glob, sandboxes, what, MAKE_SANDBOX));
        }
    }
    for glob in rule.keyring.iter().flatten() {
        let what = "no keyring is called";
        warnings.extend(unknown_name(rule, glob, keyrings, what, MAKE_KEYRING));
    }
    let keys = rule.key.iter().flatten();
    warnings.extend(keys.filter_map(|pattern| unknown_key(policy, rule, pattern, surroundings)));
    warnings
}

fn unknown_host(
    policy: &Policy,
    rule: &Rule,
    pattern: &HostPattern,
    surroundings: &Surroundings,
) -> Option<Problem> {
    let HostPattern::Name(glob) = pattern else {
        return None;
    };
    let name = plain(glob)?;
    let knows = surroundings.knows_host.as_deref();
    if knows.is_some_and(|knows| knows(name)) {
        return None;
    }
    let tables = policy.hosts.iter().map(|host| host.name.as_str());
    let near = nearest(name, tables.chain(["unnamed", "unproven"]));
    if let Some(near) = near.filter(|_| !name.contains('.')) {
        let name = quoted(name);
        let what = format!("is for a host {name}, which the policy does not define");
        return Some(warning(rule, &what, &did_you_mean(near)));
    }
    let hint = match other_spelling(name).filter(|other| knows.is_some_and(|knows| knows(other))) {
        Some(other) => did_you_mean(&other),
        None => take_key(name),
    };
    let message = format!("known hosts have no key for {}", quoted(name));
    knows.map(|_| Problem::warning(&rule.place, message).hint(hint))
}

fn unknown_key(
    policy: &Policy,
    rule: &Rule,
    pattern: &KeyPattern,
    surroundings: &Surroundings,
) -> Option<Problem> {
    let keys = surroundings.keys.as_ref()?;
    let (found, text) = match pattern {
        KeyPattern::Label(_) => return None,
        KeyPattern::Fingerprint(fingerprint) => (
            keys.iter().any(|key| key.fingerprint == *fingerprint),
            fingerprint.0.as_str(),
        ),
        KeyPattern::Comment(glob) => (
            keys.iter().any(|key| glob.matches(&key.comment)),
            glob.as_str(),
        ),
    };
    if found {
        return None;
    }
    let comments = keys.iter().map(|key| key.comment.as_slice());
    let comments = comments.filter_map(|comment| std::str::from_utf8(comment).ok());
    let labels = policy.labels.iter().map(|label| label.name.as_str());
    let near = nearest(text, comments.chain(labels));
    Some(no_such(rule, "no keyring has a key", text, near, LIST_KEYS))
}

fn unknown_name(
    rule: &Rule,
    glob: &Glob,
    known: &Option<Vec<String>>,
    what: &str,
    hint: &str,
) -> Option<Problem> {
    let known = known.as_ref()?;
    if known.iter().any(|name| glob.matches(name.as_bytes())) {
        return None;
    }
    let near = nearest(glob.as_str(), known.iter().map(String::as_str));
    Some(no_such(rule, what, glob.as_str(), near, hint))
}

fn no_such(rule: &Rule, what: &str, name: &str, near: Option<&str>, hint: &str) -> Problem {
    let message = format!("{what} {}", quoted(name));
    let hint = near.map_or_else(|| hint.to_owned(), did_you_mean);
    Problem::warning(&rule.place, message).hint(hint)
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean {}?", quoted(name))
}

pub(super) fn host_without_keys(host: &Host, surroundings: &Surroundings) -> Option<Problem> {
    let knows = surroundings.knows_host.as_deref()?;
    let by_name = host.names.iter().any(|glob| plain(glob).is_none_or(knows));
    if by_name || !host.keys.is_empty() || !host.ca.is_empty() {
        return None;
    }
    let name = host.names.iter().find_map(plain).unwrap_or(&host.name);
    let message = format!(
        "host {} has no key: known hosts have none of its names",
        quoted(&host.name)
    );
    Some(Problem::warning(&host.place, message).hint(take_key(name)))
}

/// A command that can be pasted: in a shell, brackets are a pattern.
fn take_key(name: &str) -> String {
    let name = match name.contains('[') {
        true => format!("'{name}'"),
        false => name.to_owned(),
    };
    format!("`split-ssh hosts add {name} -` takes one from standard input, as TYPE BASE64")
}

fn plain(glob: &Glob) -> Option<&str> {
    std::str::from_utf8(glob.literal()?).ok()
}
