//! The vault's known hosts, from which alone hosts have names.

use std::collections::{BTreeMap, BTreeSet};

use policy::known_hosts::Marker;

use super::finding::Findings;
use super::place::Machine;
use common::known_hosts_files::{Files, Hosts};

/// Names that are listed; the others are counted.
const SHOWN: usize = 3;

pub fn check(place: &Machine, findings: &mut Findings) {
    let hosts = match Files::of(&place.paths).read() {
        Ok(hosts) => hosts,
        Err(error) => {
            return findings.bad_error(
                "known hosts",
                &error,
                "fix or remove the file; until then no host has a name",
            );
        }
    };
    for line in hosts.known.unreadable_revocations() {
        findings.bad(
            "known hosts",
            line.to_string(),
            format!("correct line {} of {}", line.place.line, line.place.file),
        );
    }
    for warning in hosts.warnings.iter().take(SHOWN) {
        findings.warn(
            "known hosts",
            warning.to_string(),
            "correct the line or remove it",
        );
    }
    if hosts.known.entries().is_empty() {
        return findings.warn(
            "known hosts",
            "the vault knows no host: questions show fingerprints, and no rule can name a host",
            "split-ssh hosts import FILE, with the known_hosts of a qube that you trust",
        );
    }
    findings.ok("known hosts", summary(&hosts));
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
    let single: Vec<&str> = types
        .iter()
        .filter(|(_, types)| types.len() == 1)
        .map(|(name, _)| *name)
        .collect();
    let mut text = match hosts.known.entries().len() {
        1 => "1 line".to_owned(),
        lines => format!("{lines} lines"),
    };
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
