//! The vault's known hosts, from which alone hosts have names.

use std::collections::{BTreeMap, BTreeSet};

use policy::known_hosts::Marker;

use super::finding::{Check, Findings};
use super::place::{Machine, paths_in, ssh_setting, text_of};
use crate::output::counted;
use common::known_hosts_files::{Files, Hosts};

/// Names that are listed; the others are counted.
const SHOWN: usize = 3;

pub fn check(place: &Machine, findings: &mut Findings) {
    let mut check = findings.check("known hosts");
    check_ssh_config(place, &mut check);
    let hosts = match Files::of(&place.paths).read() {
        Ok(hosts) => hosts,
        Err(error) => {
            let remedy = "fix or remove the file; until then no host has a name";
            return check.bad(error.what(), error.next().unwrap_or(remedy));
        }
    };
    for line in hosts.known.unreadable_revocations() {
        let remedy = format!("correct line {} of {}", line.place.line, line.place.file);
        check.bad(line.to_string(), remedy);
    }
    for warning in hosts.warnings.iter().take(SHOWN) {
        check.warn(warning.to_string(), "correct the line or remove it");
    }
    if hosts.known.entries().is_empty() {
        return check.warn(
            "the vault knows no host: questions show fingerprints, and no rule can name a host",
            "split-ssh hosts import FILE, with the known_hosts of a qube that you trust",
        );
    }
    check.ok(summary(&hosts));
}

/// What ssh here would look at, and the vault does not. The values are as they are written: what they stand for depends
/// on a host.
fn check_ssh_config(place: &Machine, check: &mut Check<'_>) {
    let mut files = paths_in(&place.at("/etc/ssh/ssh_config.d"));
    files.push(place.at("/etc/ssh/ssh_config"));
    files.push(place.paths.home.join(".ssh/config"));
    for file in files {
        let text = text_of(&file).unwrap_or_default();
        for (number, line) in (1..).zip(text.lines()) {
            let line_place = format!("{}:{number}", file.display());
            check_ssh_config_line(place, &line_place, line, check);
        }
    }
}

fn check_ssh_config_line(place: &Machine, line_place: &str, line: &str, check: &mut Check<'_>) {
    let (keyword, values) = ssh_setting(line);
    let is_file = |value: &&str| !matches!(*value, "none" | "/dev/null");
    let named = values.into_iter().filter(is_file);
    match &*keyword {
        "revokedhostkeys" => {
            for value in named {
                let what = format!(
                    "{line_place}: the vault does not read RevokedHostKeys {value}, so it refuses none of its keys"
                );
                let remedy = format!(
                    "grep '^[^#[:space:]]' {} | sed 's/^/@revoked * /' >>~/.ssh/known_hosts; if it is a KRL, the same with the keys in it",
                    place.home_path(value).display()
                );
                check.bad(what, remedy);
            }
        }
        "userknownhostsfile" | "globalknownhostsfile" => {
            let ours = Files::of(&place.paths).naming();
            for value in named.filter(|value| !ours.contains(&place.home_path(value))) {
                let what = format!("{line_place}: the vault does not read {value}");
                let file = place.home_path(value);
                check.warn(what, format!("split-ssh hosts import {}", file.display()));
            }
        }
        _ => {}
    }
}

fn summary(hosts: &Hosts) -> String {
    let mut types: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut authorities = 0;
    for entry in hosts.known.entries() {
        match entry.line.marker {
            Marker::Authority => authorities += 1,
            Marker::Revoked => {}
            Marker::Plain => {
                for name in entry.line.names.literals() {
                    types.entry(name).or_default().insert(&entry.line.algorithm);
                }
            }
        }
    }
    types.retain(|_, types| types.len() == 1);
    let single: Vec<&str> = types.into_keys().collect();
    let mut text = counted(hosts.known.entries().len(), "line", "lines");
    if authorities > 0 {
        text += &format!(", {authorities} of them host CAs");
    }
    if !single.is_empty() {
        let named: Vec<&str> = single.iter().take(SHOWN).copied().collect();
        let more = match single.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text += &format!(
            "; known by one kind of key only, unnamed if they show another: {}{more}",
            named.join(", ")
        );
    }
    text
}
