//! systemd's units and the switch that dom0 has for them.

use std::fs;
use std::path::Path;

use super::finding::Findings;
use super::place::Machine;
use super::qubesdb;

const CHECK: &str = "units";
const FOLDERS: [&str; 2] = ["/usr/lib/systemd/system", "/lib/systemd/system"];

/// The units of one side.
pub struct Units {
    /// What `qvm-service` switches, `split-ssh-vault` for one.
    pub switch: &'static str,
    /// The units that must be enabled.
    pub enabled: &'static [&'static str],
    /// Those that come along.
    pub wanted: &'static [&'static str],
    /// How to start without a package.
    pub by_hand: &'static str,
    /// The package's folders of sockets, which are its user's; the first is what tells the user.
    pub runtime: &'static [&'static str],
    /// Makes the sockets anew, and whoever listens on them.
    pub restart: &'static str,
}

pub const VAULT: Units = Units {
    switch: "split-ssh-vault",
    enabled: &[
        "split-ssh-vault-qrexec.socket",
        "split-ssh-vault-control.socket",
        "split-ssh-keyring.socket",
        "split-ssh-vault.service",
    ],
    wanted: &[
        "split-ssh-qube.service",
        "split-ssh-vault-folders.service",
        "split-ssh-keyring@.service",
        "split-ssh-agent@.service",
    ],
    by_hand: "split-ssh vault",
    runtime: &["/run/split-ssh-vault", "/run/split-ssh"],
    restart: "sudo systemctl restart split-ssh-vault-qrexec.socket split-ssh-vault-control.socket \
              split-ssh-keyring.socket split-ssh-vault",
};

pub const CLIENT: Units = Units {
    switch: "split-ssh-client",
    enabled: &["split-ssh-client.socket", "split-ssh-client.service"],
    wanted: &["split-ssh-qube.service"],
    by_hand: "split-ssh client",
    runtime: &["/run/split-ssh-client"],
    restart: "sudo systemctl restart split-ssh-client.socket split-ssh-client",
};

impl Units {
    /// Whether dom0, or the package on its behalf, has switched this side on.
    pub fn is_on(&self, place: &Machine) -> bool {
        place.has(&format!("/run/qubes-service/{}", self.switch))
    }

    /// Whether systemd starts this side here.
    pub fn is_installed(&self, place: &Machine) -> bool {
        let is_there = |unit: &&str| {
            FOLDERS
                .iter()
                .any(|folder| place.has(&format!("{folder}/{unit}")))
        };
        self.enabled.iter().all(is_there)
    }

    /// Whether systemd has started it, or should have.
    pub fn is_started(&self, place: &Machine) -> bool {
        self.is_on(place) && self.is_installed(place)
    }

    /// How to start this side, or to start it anew.
    pub fn start(&self, place: &Machine) -> String {
        if self.is_started(place) {
            self.restart.to_owned()
        } else {
            format!("start `{}`, and have the session start it", self.by_hand)
        }
    }

    pub fn check(&self, place: &Machine, findings: &mut Findings) {
        let (switch, by_hand) = (self.switch, self.by_hand);
        let mut check = findings.check(CHECK);
        if !self.is_installed(place) {
            return check.warn(
                "no units of the package: nothing starts it by itself",
                format!("install split-ssh in the template, or start `{by_hand}` with the session"),
            );
        }
        if !self.is_on(place) {
            let name = qubesdb::own_name(place);
            return check.bad(
                format!("{switch} is switched off"),
                format!("in dom0: qvm-service {name} {switch} on; then restart this qube"),
            );
        }
        let mut is_fine = true;
        for unit in self.enabled.iter().chain(self.wanted) {
            is_fine &= check_not_masked(unit, place, findings)
                && (self.wanted.contains(unit) || check_enabled(unit, place, findings));
        }
        if is_fine {
            let what = format!("{switch} is on, its units are enabled");
            findings.check(CHECK).ok(what);
        }
    }
}

/// False if the unit is masked, where the template does it or this qube, for good or until it stops.
pub fn check_not_masked(unit: &str, place: &Machine, findings: &mut Findings) -> bool {
    let is_masked_in = |folder: &str| is_masked(&place.at(folder).join(unit));
    let unmask = if is_masked_in("/etc/systemd/system") {
        format!("in the template: sudo systemctl unmask {unit}; then restart this qube")
    } else if is_masked_in("/run/systemd/system") {
        format!("sudo systemctl unmask --runtime {unit}; then restart this qube")
    } else {
        return true;
    };
    let what = format!("{unit} is masked");
    findings.check(CHECK).bad(what, unmask);
    false
}

/// Whether a unit's file leads nowhere, so that systemd refuses to start it.
pub fn is_masked(file: &Path) -> bool {
    fs::read_link(file).is_ok_and(|target| target == Path::new("/dev/null"))
}

fn check_enabled(unit: &str, place: &Machine, findings: &mut Findings) -> bool {
    let wants = if unit.ends_with(".socket") {
        "sockets.target.wants"
    } else {
        "multi-user.target.wants"
    };
    let mut folders = ["/etc/systemd/system"].into_iter().chain(FOLDERS);
    let is_enabled = folders.any(|folder| place.has(&format!("{folder}/{wants}/{unit}")));
    if !is_enabled {
        findings.check(CHECK).bad(
            format!("{unit} is not enabled"),
            format!("in the template: sudo systemctl enable {unit}; then restart this qube"),
        );
    }
    is_enabled
}
