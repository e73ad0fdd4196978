//! Names of hosts, keyrings and keys that lead nowhere.

use std::net::IpAddr;

use policy::glob::Glob;
use policy::rules::rule::{Host, HostPattern, KeyPattern, Label, Rule};
use policy::rules::words::{nearest, quoted};
use policy::rules::{Policy, Problem};

use super::surroundings::{Surroundings, subject};

/// What git, and the examples of ssh-keygen(1), call their namespaces.
const NAMESPACES: [&str; 3] = ["git", "file", "email"];

/// An address as programs write it, of another spelling.
fn other_spelling(name: &str) -> Option<String> {
    let usual = name.parse::<IpAddr>().ok()?.to_canonical().to_string();
    (usual != name).then_some(usual)
}

const LIST_KEYS: &str = "`split-ssh list` in the vault shows the keys";

pub(super) fn label_without_key(label: &Label, surroundings: &Surroundings<'_>) -> Option<Problem> {
    let keys = surroundings.keys?;
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
    surroundings: &Surroundings<'_>,
) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for pattern in rule.host.iter().flatten() {
        let HostPattern::Name(glob) = pattern else {
            continue;
        };
        let Some(name) = plain(glob) else { continue };
        let tables = policy
            .hosts()
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
                Problem::warning(&rule.place, message).hint(format!("did you mean \"{near}\"?")),
            );
        } else if unknown {
            let message = format!("known hosts have no key for {}", quoted(name));
            let hint = match other_spelling(name)
                .filter(|other| surroundings.knows_host.is_some_and(|knows| knows(other)))
            {
                Some(other) => format!("did you mean \"{other}\"?"),
                None => take_key(name),
            };
            warnings.push(Problem::warning(&rule.place, message).hint(hint));
        }
    }
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
            let hint = format!("did you mean \"{known}\"?");
            warnings.push(Problem::warning(&rule.place, message).hint(hint));
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
                None => {
                    "a folder in ~/.ssh/identities.d or a table in vault.toml makes one".to_owned()
                }
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
            let labels = policy.labels().iter().map(|label| label.name.as_str());
            let hint = match nearest(text, comments.chain(labels)) {
                Some(near) => format!("did you mean {}?", quoted(near)),
                None => LIST_KEYS.to_owned(),
            };
            warnings.push(Problem::warning(&rule.place, message).hint(hint));
        }
    }
    warnings
}

pub(super) fn host_without_keys(host: &Host, surroundings: &Surroundings<'_>) -> Option<Problem> {
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
