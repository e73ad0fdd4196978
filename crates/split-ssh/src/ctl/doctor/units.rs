//! systemd's units and the switch that dom0 has for them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};

use super::finding::Findings;
use super::place::Place;

const CHECK: &str = "units";
const FOLDERS: [&str; 2] = ["/usr/lib/systemd/system", "/lib/systemd/system"];

/// The units of one side.
pub struct Units {
    /// What `qvm-service` switches, `split-ssh-vault` for one.
    pub switch: &'static str,
    /// The units that must be enabled, and where that is seen.
    pub enabled: &'static [(&'static str, &'static str)],
    /// How to start without a package.
    pub by_hand: &'static str,
    /// The package's folder of sockets, which is its user's.
    pub runtime: &'static str,
}

pub const VAULT: Units = Units {
    switch: "split-ssh-vault",
    enabled: &[
        ("split-ssh-vault-qrexec.socket", "sockets.target.wants"),
        ("split-ssh-vault-control.socket", "sockets.target.wants"),
        ("split-ssh-keyring.socket", "sockets.target.wants"),
    ],
    by_hand: "split-ssh vault",
    runtime: "/run/split-ssh-vault",
};

pub const CLIENT: Units = Units {
    switch: "split-ssh-client",
    enabled: &[("split-ssh-client.socket", "sockets.target.wants")],
    by_hand: "split-ssh client",
    runtime: "/run/split-ssh-client",
};

impl Units {
    /// Whether dom0, or the package on its behalf, has switched this side on.
    pub fn is_on(&self, place: &Place) -> bool {
        place.has(&format!("/run/qubes-service/{}", self.switch))
    }

    /// Only its own user finds the sockets, settings and log of a side.
    pub fn check_user(&self, place: &Place, findings: &mut Findings) {
        let Ok(folder) = fs::metadata(place.at(self.runtime)) else {
            return;
        };
        let (here, owner) = (Uid::effective(), Uid::from_raw(folder.uid()));
        if here != owner {
            let name = User::from_uid(owner).ok().flatten().map(|user| user.name);
            let name = name.unwrap_or_else(|| owner.to_string());
            findings.bad(
                "user",
                format!(
                    "`{}` runs as {name} here, and you are somebody else",
                    self.by_hand
                ),
                format!("run this as {name}, without sudo; what follows is of another user"),
            );
        }
    }

    pub fn check(&self, place: &Place, findings: &mut Findings) {
        let Units {
            switch, by_hand, ..
        } = self;
        let installed = |unit: &str| {
            FOLDERS
                .iter()
                .any(|folder| place.has(&format!("{folder}/{unit}")))
        };
        if !self.enabled.iter().all(|(unit, _)| installed(unit)) {
            return findings.warn(
                CHECK,
                "no units of the package: nothing starts it by itself",
                format!("install split-ssh in the template, or start `{by_hand}` with the session"),
            );
        }
        if !self.is_on(place) {
            return findings.bad(
                CHECK,
                format!("{switch} is switched off"),
                format!("in dom0: qvm-service QUBE {switch} on; then restart this qube"),
            );
        }
        let mut is_fine = true;
        for (unit, wants) in self.enabled {
            let own = format!("/etc/systemd/system/{unit}");
            let is_masked =
                fs::read_link(place.at(&own)).is_ok_and(|target| target == Path::new("/dev/null"));
            let is_enabled = ["/etc/systemd/system", FOLDERS[0], FOLDERS[1]]
                .iter()
                .any(|folder| place.has(&format!("{folder}/{wants}/{unit}")));
            if is_masked {
                is_fine = false;
                findings.bad(
                    CHECK,
                    format!("{unit} is masked"),
                    format!(
                        "in the template: sudo systemctl unmask {unit}; then restart this qube"
                    ),
                );
            } else if !is_enabled {
                is_fine = false;
                findings.bad(
                    CHECK,
                    format!("{unit} is not enabled"),
                    format!(
                        "in the template: sudo systemctl enable {unit}; then restart this qube"
                    ),
                );
            }
        }
        if is_fine {
            findings.ok(CHECK, format!("{switch} is on, its units are enabled"));
        }
    }
}
