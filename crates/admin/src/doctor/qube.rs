//! The qube itself: does it know its own name, and is a vault offline as it should be?

use std::fs;

use nix::unistd::User;

use super::finding::Findings;
use super::place::Machine;
use super::qubesdb::{self, QUBESDB_READ};

pub fn check_qubesdb(place: &Machine, findings: &mut Findings) {
    if !place.has(QUBESDB_READ) {
        return findings.warn(
            "qubesdb",
            "this seems to be no qube: there is no qubesdb-read",
            "in a qube, install qubes-core-agent in its template",
        );
    }
    match qubesdb::read(place, "/name") {
        Some(name) => findings.ok("qubesdb", format!("dom0 calls this qube {name}")),
        None => findings.bad(
            "qubesdb",
            "qubesdb does not answer: settings from dom0 are not seen",
            "sudo systemctl restart qubes-db",
        ),
    }
    // The units do not start for somebody who is not there.
    let stranger = qubesdb::read(place, "/default-user")
        .filter(|user| matches!(User::from_name(user), Ok(None)));
    if let Some(user) = stranger {
        findings.bad(
            "user",
            format!("dom0 calls this qube's user `{user}`, and there is none here"),
            format!(
                "in dom0: qvm-prefs {} default_user user; then restart this qube",
                qubesdb::own_name(place)
            ),
        );
    }
}

pub fn check_offline(place: &Machine, findings: &mut Findings) {
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
            format!("in dom0: qvm-prefs {} netvm none", qubesdb::own_name(place)),
        ),
    }
}
