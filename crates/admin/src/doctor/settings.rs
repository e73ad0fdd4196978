//! Settings of the client that say different things: only one of them holds.

use super::finding::Findings;
use super::place::Machine;
use super::qubesdb;
use client::config::VaultConfig;
use client::transport::Transport;

const CHECK: &str = "settings";

/// What the qube's own file and dom0's feature say of one thing.
struct Setting {
    file: &'static str,
    feature: &'static str,
    in_file: Option<String>,
    in_dom0: Option<String>,
}

impl Setting {
    fn read(place: &Machine, file: &'static str, feature: &'static str) -> Self {
        let text = place.text(file).unwrap_or_default();
        let in_file = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Self {
            file,
            feature,
            in_file,
            in_dom0: qubesdb::read(place, &format!("/{}", feature.replacen('.', "/", 1))),
        }
    }

    fn unset(&self, place: &Machine) -> String {
        format!(
            "in dom0: qvm-features --unset {} {}",
            qubesdb::own_name(place),
            self.feature
        )
    }
}

pub fn check(place: &Machine, vaults: &[VaultConfig], findings: &mut Findings) {
    let vault = Setting::read(
        place,
        "/rw/config/split-ssh-vault",
        "vm-config.split-ssh-vault",
    );
    let keyring = Setting::read(
        place,
        "/rw/config/split-ssh-default-agent",
        "vm-config.split-ssh-keyring",
    );
    let has_toml = [&place.paths.config, &place.paths.system_config]
        .iter()
        .any(|folder| folder.join("client.toml").exists());
    for setting in [&vault, &keyring] {
        if has_toml {
            continue;
        }
        let (Some(own), Some(dom0s)) = (&setting.in_file, &setting.in_dom0) else {
            continue;
        };
        if own != dom0s {
            findings.warn(
                CHECK,
                format!(
                    "{} says `{own}`, dom0's {} says `{dom0s}`: the file holds",
                    setting.file, setting.feature
                ),
                format!("sudo rm {}; or {}", setting.file, setting.unset(place)),
            );
        }
    }
    // A client.toml that cannot be read was told of.
    if !has_toml || vaults.is_empty() {
        return;
    }
    let (targets, keyrings) = named(vaults);
    for (setting, used) in [(&vault, targets), (&keyring, keyrings)] {
        for (said, by, remedy) in [
            (
                &setting.in_file,
                setting.file.to_owned(),
                format!("sudo rm {}", setting.file),
            ),
            (
                &setting.in_dom0,
                format!("dom0's {}", setting.feature),
                setting.unset(place),
            ),
        ] {
            let Some(said) = said.as_ref().filter(|said| !used.contains(said)) else {
                continue;
            };
            findings.warn(
                CHECK,
                format!(
                    "{by} says `{said}`, and no [[vault]] of client.toml does: the latter holds"
                ),
                format!("name it in client.toml; or {remedy}"),
            );
        }
    }
}

/// The vaults' qubes and the keyrings that are called.
fn named(vaults: &[VaultConfig]) -> (Vec<String>, Vec<String>) {
    let calls = vaults.iter().filter_map(|vault| match &vault.transport {
        Transport::Qrexec {
            target, argument, ..
        } => Some((target.clone(), argument.clone())),
        _ => None,
    });
    calls.unzip()
}
