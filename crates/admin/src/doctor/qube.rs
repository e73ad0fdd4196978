//! The qube itself: does it know its own name, and is a vault offline as it should be?

use nix::unistd::User;

use super::finding::Findings;
use super::place::{Machine, name_of, paths_in};
use super::qubesdb::{self, QUBESDB_READ};

pub fn check_qubesdb(place: &Machine, findings: &mut Findings) {
    let mut check = findings.check("qubesdb");
    if !place.has(QUBESDB_READ) {
        return check.warn(
            "this seems to be no qube: there is no qubesdb-read",
            "in a qube, install qubes-core-agent in its template",
        );
    }
    match qubesdb::read(place, "/name") {
        Some(name) => check.ok(format!("dom0 calls this qube {name}")),
        None => check.bad(
            "qubesdb does not answer: settings from dom0 are not seen",
            "sudo systemctl restart qubes-db",
        ),
    }
    // The units do not start for somebody who is not there.
    let stranger = qubesdb::read(place, "/default-user")
        .filter(|user| matches!(User::from_name(user), Ok(None)));
    if let Some(user) = stranger {
        let name = qubesdb::own_name(place);
        findings.check("user").bad(
            format!("dom0 calls this qube's user `{user}`, and there is none here"),
            format!("in dom0: qvm-prefs {name} default_user user; then restart this qube"),
        );
    }
}

pub fn check_offline(place: &Machine, findings: &mut Findings) {
    if !place.has(QUBESDB_READ) {
        return;
    }
    let mut check = findings.check("network");
    let interfaces = paths_in(&place.at("/sys/class/net"));
    match interfaces.iter().find(|path| !path.ends_with("lo")) {
        None => check.ok("the vault has none, as it should be"),
        Some(path) => check.warn(
            format!("this vault is on a network ({})", name_of(path)),
            format!("in dom0: qvm-prefs {} netvm none", qubesdb::own_name(place)),
        ),
    }
}
