//! A vault: a keyring with a key, and without a package the service.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::Command;

use policy::caller::Keyring;

use super::steps;
use crate::doctor::{Machine, VAULT};
use crate::output::say;
use common::error::Error;
use common::identities;

pub(super) fn set_up(machine: &Machine, keyring: &Keyring) -> Result<(), Error> {
    let paths = &machine.paths;
    let folder = identities::folder(&paths.home, keyring.as_str());
    steps::folder(&paths.home.join(".ssh"))?;
    steps::folder(&folder)?;
    key(&folder, keyring)?;
    if VAULT.is_installed(machine) {
        steps::kept("the package's service, which starts once dom0 has switched it on");
    } else {
        by_hand(machine)?;
    }
    say("the public keys, for the servers:");
    let keys =
        identities::private_keys(&folder).map_err(|error| Error::io("read", &folder, &error))?;
    let lines = keys
        .iter()
        .flat_map(|key| fs::read_to_string(identities::beside(key, ".pub")));
    let lines = lines.map(|line| line.trim_end().to_owned());
    steps::paste(&lines.collect::<Vec<_>>());
    Ok(())
}

/// A key, if the keyring has none. Its owner may give it a passphrase, where there is a terminal to type it.
fn key(folder: &Path, keyring: &Keyring) -> Result<(), Error> {
    let keys =
        identities::private_keys(folder).map_err(|error| Error::io("read", folder, &error))?;
    if !keys.is_empty() {
        for key in keys {
            steps::kept(&key.display().to_string());
        }
        return Ok(());
    }
    let file = folder.join("id_ed25519");
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-C", keyring.as_str(), "-f"])
        .arg(&file);
    let asks = io::stdin().is_terminal();
    if !asks {
        command.args(["-N", ""]);
    }
    let status = command.status().map_err(|error| {
        Error::new(format!("cannot run ssh-keygen: {error}")).hint("install openssh-client")
    })?;
    if !status.success() {
        let what = format!("ssh-keygen made no key {}", file.display());
        return Err(Error::new(what).hint("`split-ssh setup --vault` goes on from here"));
    }
    let passphrase = if asks { "" } else { ", without a passphrase" };
    steps::made(&format!("{}{passphrase}", file.display()));
    Ok(())
}

/// What a package would bring.
fn by_hand(machine: &Machine) -> Result<(), Error> {
    let paths = &machine.paths;
    let prompt = "/usr/local/bin/split-ssh-prompt";
    if machine.has(prompt) {
        let text = format!("[prompt]\nprogram = \"{prompt}\"\n");
        steps::file(&paths.config.join("vault.toml"), &text)?;
    }
    let program = steps::program();
    steps::user_unit(
        &paths.home,
        "split-ssh-vault",
        "Guard of the SSH keys",
        &format!("{program} vault"),
    )?;
    let (folder, name) = ("/usr/local/etc/qubes-rpc", "qubes.SshAgent");
    let link = format!("{folder}/{name}");
    if machine.has(&link) {
        steps::kept(&link);
    } else {
        say("do    as root, so that calls find the vault:");
        let socket = paths.qrexec_socket();
        steps::paste(&[
            format!("sudo mkdir -p {folder}"),
            format!("sudo ln -sfn {} {link}", socket.display()),
        ]);
    }
    Ok(())
}
