//! The official package's set-up: its files and names are ours, so there is little to do.

use super::super::doctor::{Machine, read_qubesdb};
use super::plan::{Part, Plan};

/// Its program that a vault ran for each keyring; our package replaces it.
const START_AGENT: &str = "/usr/lib/split-ssh/start-agent";
/// What its Ansible playbook writes into a vault.
const VAULT_RC: &str = "/rw/config/rc.local.d/30-split-ssh-vault.rc";

pub fn find(place: &Machine, plan: &mut Plan) {
    let mut part = Part::new("the official package's set-up");
    if place.has(START_AGENT) {
        part.by_hand.push(
            "in the template: sudo apt purge qubes-split-ssh (Fedora: sudo dnf remove qubes-split-ssh), then install \
             split-ssh; it goes on with the keyrings, /rw/config/split-ssh-vault and the sockets in ~/.split-ssh"
                .to_owned(),
        );
    }
    let is_vault = place.has(START_AGENT) || place.has(VAULT_RC);
    if is_vault && !place.has("/run/qubes-service/split-ssh-vault") {
        let name = read_qubesdb(place, "/name").unwrap_or_else(|| "VAULT".to_owned());
        part.by_hand.push(format!(
            "if this is the vault, in dom0: qvm-service {name} split-ssh-vault on; its policy stays good"
        ));
    }
    plan.add(part);
}
