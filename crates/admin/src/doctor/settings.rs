//! Settings of the client that say different things: only one of them holds.

use super::finding::Findings;
use super::place::Machine;
use super::qubesdb;
use client::config::VaultConfig;
use client::transport::Transport;

/// The files of a qube, and dom0's features that say the same.
const VAULT: (&str, &str) = ("/rw/config/split-ssh-vault", "vm-config.split-ssh-vault");
const KEYRING: (&str, &str) = (
    "/rw/config/split-ssh-default-agent",
    "vm-config.split-ssh-keyring",
);

pub fn check(place: &Machine, vaults: &[VaultConfig], findings: &mut Findings) {
    let has_toml = [&place.paths.config, &place.paths.system_config]
        .iter()
        .any(|folder| folder.join("client.toml").exists());
    // A client.toml that cannot be read was told of.
    if has_toml && vaults.is_empty() {
        return;
    }
    let mut check = findings.check("settings");
    let calls = vaults.iter().filter_map(|vault| match &vault.transport {
        Transport::Qrexec {
            target, argument, ..
        } => Some((target.clone(), argument.clone())),
        _ => None,
    });
    let (targets, keyrings): (Vec<String>, Vec<String>) = calls.unzip();
    for ((file, feature), used) in [(VAULT, targets), (KEYRING, keyrings)] {
        let text = place.text(file).unwrap_or_default();
        let in_file = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let in_dom0 = qubesdb::read(place, &format!("/{}", feature.replacen('.', "/", 1)));
        let remove = format!("sudo rm {file}");
        let own_name = qubesdb::own_name(place);
        let unset = format!("in dom0: qvm-features --unset {own_name} {feature}");
        if !has_toml {
            match (in_file, in_dom0) {
                (Some(own), Some(dom0s)) if own != dom0s => check.warn(
                    format!("{file} says `{own}`, dom0's {feature} says `{dom0s}`: the file holds"),
                    format!("{remove}; or {unset}"),
                ),
                _ => {}
            }
            continue;
        }
        let both = [
            (in_file, file.to_owned(), remove),
            (in_dom0, format!("dom0's {feature}"), unset),
        ];
        for (said, by, remedy) in both {
            if let Some(said) = said.filter(|said| !used.contains(said)) {
                let what = format!(
                    "{by} says `{said}`, and no [[vault]] of client.toml does: the latter holds"
                );
                check.warn(what, format!("name it in client.toml; or {remedy}"));
            }
        }
    }
}
