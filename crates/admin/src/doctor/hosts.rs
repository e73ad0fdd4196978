//! The vault's known hosts, from which alone hosts have names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use policy::known_hosts::Marker;

use super::finding::Findings;
use super::place::{Machine, ssh_setting, text_of};
use common::known_hosts_files::{Files, Hosts};

/// Names that are listed; the others are counted.
const SHOWN: usize = 3;

pub fn check(place: &Machine, findings: &mut Findings) {
    check_ssh_config(place, findings);
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

/// What ssh here would look at, and the vault does not. The values are as they are written: what they stand for depends
/// on a host.
fn check_ssh_config(place: &Machine, findings: &mut Findings) {
    let drop_ins = fs::read_dir(place.at("/etc/ssh/ssh_config.d"));
    let drop_ins = drop_ins.into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = drop_ins.map(|file| file.path()).collect();
    files.push(place.at("/etc/ssh/ssh_config"));
    files.push(place.paths.home.join(".ssh/config"));
    for file in files {
        let text = text_of(&file).unwrap_or_default();
        for (number, line) in (1..).zip(text.lines()) {
            let line_place = format!("{}:{number}", file.display());
            check_ssh_config_line(place, &line_place, line, findings);
        }
    }
}

fn check_ssh_config_line(place: &Machine, line_place: &str, line: &str, findings: &mut Findings) {
    let (keyword, values) = ssh_setting(line);
    let is_file = |value: &&str| !matches!(*value, "none" | "/dev/null");
    let named = values.into_iter().filter(is_file);
    let home = |value: &str| match value.strip_prefix("~/").or(value.strip_prefix("%d/")) {
        Some(rest) => place.paths.home.join(rest),
        None => PathBuf::from(value),
    };
    match &*keyword {
        "revokedhostkeys" => {
            for value in named {
                let what = format!(
                    "{line_place}: the vault does not read RevokedHostKeys {value}, so it refuses none of its keys"
                );
                let remedy = format!(
                    "grep -v '^#' {0} | sed 's/^/@revoked * /' >>~/.ssh/known_hosts; if it is a KRL, the same with the keys in it",
                    home(value).display()
                );
                findings.bad("known hosts", what, remedy);
            }
        }
        "userknownhostsfile" | "globalknownhostsfile" => {
            let ours = Files::of(&place.paths).naming();
            for value in named.filter(|value| !ours.contains(&home(value))) {
                let what = format!("{line_place}: the vault does not read {value}");
                let remedy = format!("split-ssh hosts import {}", home(value).display());
                findings.warn("known hosts", what, remedy);
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
