//! What completions offer for a value: names that this machine knows.

use std::collections::BTreeSet;
use std::time::Duration;

use policy::question::Question;

use crate::control_socket;
use common::config::vault::VaultConfig;
use common::control::{Approval, Reply, Request};
use common::keyrings::{self, KeyringPlace};
use common::known_hosts_files::Files;
use common::paths::Paths;
use common::policy_files::{self, AddedRule};

use super::shown_question::ascii;

/// Somebody has pressed Tab.
const PATIENCE: Duration = Duration::from_millis(500);

/// A value, and what it means.
type Offer = (String, String);

/// What can stand for a value that help calls `name`. Whatever cannot be read offers nothing: somebody is typing.
pub fn values(name: &str, paths: &Paths) -> Vec<Offer> {
    match name {
        "KEYRING" => keyring_names(paths),
        "ID" => {
            let waiting = ask(&Request::Pending, paths).pending.unwrap_or_default();
            let questions = waiting.iter().map(|pending| &pending.question);
            let offer = |one: &Question| (one.id.to_string(), ascii(&one.sentence()));
            questions.map(offer).collect()
        }
        "NUMBER|all" => {
            let approvals = ask(&Request::Approvals, paths).approvals;
            let offer = |one: Approval| (one.number.to_string(), ascii(&one.covers));
            let numbers = approvals.into_iter().flatten().map(offer);
            numbers.chain([("all".to_owned(), String::new())]).collect()
        }
        "RULE" => {
            let rules = policy_files::added_rules(paths).unwrap_or_default();
            let offer = |one: AddedRule| (one.number.to_string(), one.file.display().to_string());
            rules.into_iter().map(offer).collect()
        }
        "HOST" => host_names(paths),
        _ => Vec::new(),
    }
}

fn ask(request: &Request, paths: &Paths) -> Reply {
    control_socket::ask_within(paths, request, PATIENCE).unwrap_or_default()
}

fn keyring_names(paths: &Paths) -> Vec<Offer> {
    let Ok(config) = VaultConfig::load(paths) else {
        return Vec::new();
    };
    let offer = |one: KeyringPlace| (one.name.to_string(), one.socket.display().to_string());
    let found = keyrings::find(paths, &config).into_iter();
    found.map(offer).collect()
}

/// Names that need no quotes in a shell.
fn host_names(paths: &Paths) -> Vec<Offer> {
    let Ok(hosts) = Files::of(paths).read() else {
        return Vec::new();
    };
    let entries = hosts.known.entries().iter().chain(hosts.labels.entries());
    let mut names: BTreeSet<&str> = entries
        .flat_map(|entry| entry.line.names.literals())
        .collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    names.retain(|name| name.chars().all(is_plain));
    let offer = |name: &str| (name.to_owned(), String::new());
    names.into_iter().map(offer).collect()
}
