//! qrexec's settings for the service (qubes-rpc-config/README): some void the guard, some break calls.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::Findings;
use super::place::{Machine, text_of};

/// The first folder that has a file of the name decides; the first two since Qubes 4.3.
const FOLDERS: [&str; 3] = [
    "/run/qubes/rpc-config",
    "/usr/local/etc/qubes/rpc-config",
    "/etc/qubes/rpc-config",
];
const CHECK: &str = "rpc-config";
const SWITCHES: [&str; 4] = [
    "wait-for-session",
    "skip-service-descriptor",
    "exit-on-service-eof",
    "exit-on-client-eof",
];

pub fn check(place: &Machine, findings: &mut Findings) {
    let mut is_fine = true;
    for file in find(place) {
        for line in text_of(&file).unwrap_or_default().lines() {
            is_fine &= check_line(line.trim(), &file, findings);
        }
    }
    if is_fine {
        findings.ok(CHECK, "no setting of qrexec stands in the way");
    }
}

fn find(place: &Machine) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(place.at(folder))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let is_ours =
                name == "qubes.SshAgent" || name.to_string_lossy().starts_with("qubes.SshAgent+");
            if is_ours && !found.iter().any(|other| other.file_name() == Some(&name)) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// False if anything was found.
fn check_line(line: &str, file: &Path, findings: &mut Findings) -> bool {
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    let place = file.display();
    let remove = format!("remove the line `{line}` from {place}");
    let Some((key, value)) = line.split_once('=') else {
        findings.bad(
            CHECK,
            format!("{place}: `{line}` is no setting: clients see exit 125"),
            remove,
        );
        return false;
    };
    let is_switch = SWITCHES.contains(&key);
    if (is_switch && !["true", "false", "0", "1"].contains(&value))
        || (key == "force-user" && !(value.starts_with('\'') && value.ends_with('\'')))
    {
        findings.bad(
            CHECK,
            format!("{place}: `{line}` is badly written: clients see exit 125"),
            remove,
        );
        return false;
    }
    let is_on = ["true", "1"].contains(&value);
    match key {
        "skip-service-descriptor" if is_on => findings.bad(
            CHECK,
            "skip-service-descriptor lets a client say who it is, so every call is refused",
            remove,
        ),
        "force-user" => findings.bad(
            CHECK,
            "force-user is not for a service behind a socket",
            remove,
        ),
        "exit-on-client-eof" if is_on => findings.warn(
            CHECK,
            "exit-on-client-eof loses the answer to a client that has said its last word",
            remove,
        ),
        "wait-for-session" if is_on => findings.warn(
            CHECK,
            "wait-for-session makes a vault that is just starting keep its callers waiting",
            remove,
        ),
        "wait-for-session"
        | "skip-service-descriptor"
        | "exit-on-client-eof"
        | "exit-on-service-eof" => {
            return true;
        }
        _ => findings.warn(CHECK, format!("{place}: qrexec knows no `{key}`"), remove),
    }
    false
}
