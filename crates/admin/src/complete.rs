//! What completions offer for a value: names that this machine knows.

use std::time::Duration;

use policy::known_hosts::Names;

use crate::control_socket;
use common::config::vault::VaultConfig;
use common::control::{Reply, Request};
use common::keyrings;
use common::known_hosts_files::Files;
use common::paths::Paths;
use common::policy_files;

use super::shown_question::ascii;

/// Somebody has pressed Tab.
const PATIENCE: Duration = Duration::from_millis(500);

/// What can stand for a value that help calls `name`, each with its meaning. Whatever cannot be read offers nothing:
/// somebody is typing.
pub fn values(name: &str, paths: &Paths) -> Vec<(String, String)> {
    match name {
        "KEYRING" => keyring_names(paths),
        "ID" => {
            let waiting = ask(&Request::Pending, paths).pending;
            let questions = waiting.into_iter().flatten();
            questions
                .map(|pending| {
                    (
                        pending.question.id.to_string(),
                        ascii(&pending.question.sentence()),
                    )
                })
                .collect()
        }
        "NUMBER|all" => {
            let approvals = ask(&Request::Approvals, paths).approvals;
            let numbers = approvals.into_iter().flatten();
            numbers
                .map(|approval| (approval.number.to_string(), ascii(&approval.covers)))
                .chain([("all".to_owned(), String::new())])
                .collect()
        }
        "RULE" => {
            let rules = policy_files::added_rules(paths).into_iter().flatten();
            rules
                .map(|rule| (rule.number.to_string(), rule.file.display().to_string()))
                .collect()
        }
        "HOST" => host_names(paths),
        _ => Vec::new(),
    }
}

fn ask(request: &Request, paths: &Paths) -> Reply {
    control_socket::ask_within(paths, request, PATIENCE).unwrap_or_default()
}

fn keyring_names(paths: &Paths) -> Vec<(String, String)> {
    let Ok(config) = VaultConfig::load(paths) else {
        return Vec::new();
    };
    let found = keyrings::find(paths, &config);
    found
        .iter()
        .map(|place| (place.name.to_string(), place.socket.display().to_string()))
        .collect()
}

/// Names that need no quotes in a shell.
fn host_names(paths: &Paths) -> Vec<(String, String)> {
    let Ok(hosts) = Files::of(paths).read() else {
        return Vec::new();
    };
    let entries = hosts.known.entries().iter().chain(hosts.labels.entries());
    let literal = |names: &Names| names.literals().map(str::to_owned).collect::<Vec<_>>();
    let mut names: Vec<String> = entries
        .flat_map(|entry| literal(&entry.line.names))
        .collect();
    names.retain(|name| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c))
    });
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| (name, String::new()))
        .collect()
}
