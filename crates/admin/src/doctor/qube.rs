//! The qube itself: does it know its own name, and is a vault offline as it should be?

use std::fs;
use std::process::{Command, Stdio};

use nix::unistd::User;

use super::finding::Findings;
use super::place::Place;

const QUBESDB_READ: &str = "/usr/bin/qubesdb-read";

pub fn check_qubesdb(place: &Place, findings: &mut Findings) {
    if !place.has(QUBESDB_READ) {
        return findings.warn(
            "qubesdb",
            "this seems to be no qube: there is no qubesdb-read",
            "in a qube, install qubes-core-agent in its template",
        );
    }
    match read(place, "/name") {
        Some(name) => findings.ok("qubesdb", format!("dom0 calls this qube {name}")),
        None => findings.bad(
            "qubesdb",
            "qubesdb does not answer: settings from dom0 are not seen",
            "sudo systemctl restart qubes-db",
        ),
    }
    // The units do not start for somebody who is not there.
    let stranger =
        read(place, "/default-user").filter(|user| matches!(User::from_name(user), Ok(None)));
    if let Some(user) = stranger {
        findings.bad(
            "user",
            format!("dom0 calls this qube's user `{user}`, and there is none here"),
            format!(
                "in dom0: qvm-prefs {} default_user user; then restart this qube",
                place.qube()
            ),
        );
    }
}

pub fn check_offline(place: &Place, findings: &mut Findings) {
    if !place.has(QUBESDB_READ) {
        return;
    }
    let interfaces = fs::read_dir(place.at("/sys/class/net"))
        .into_iter()
        .flatten()
        .flatten();
    let names = interfaces.map(|entry| entry.file_name().to_string_lossy().into_owned());
    match names.filter(|name| name != "lo").min() {
        None => findings.ok("network", "the vault has none, as it should be"),
        Some(name) => findings.warn(
            "network",
            format!("this vault is on a network ({name})"),
            format!("in dom0: qvm-prefs {} netvm none", place.qube()),
        ),
    }
}

/// What dom0 says; `None` if nothing.
pub fn read(place: &Place, path: &str) -> Option<String> {
    let output = Command::new(place.at(QUBESDB_READ))
        .arg(path)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let value = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !value.is_empty()).then_some(value)
}
