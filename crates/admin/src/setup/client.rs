//! A client: nothing, where a package brings the service; else the service, and where programs find its socket.

use policy::caller::Keyring;

use super::steps;
use crate::doctor::{CLIENT, Machine};
use common::error::Error;

pub(super) fn set_up(machine: &Machine, keyring: &Keyring) -> Result<(), Error> {
    if CLIENT.is_installed(machine) {
        steps::kept("the package's service, which starts once dom0 has switched it on");
        steps::kept("SSH_AUTH_SOCK, which the package sets for every session");
        return Ok(());
    }
    let paths = &machine.paths;
    let keyring = keyring.as_str();
    let text = format!("[[vault]]\nkeyring = \"{keyring}\"\n");
    steps::file(&paths.config.join("client.toml"), &text)?;
    let program = steps::program();
    steps::user_unit(
        &paths.home,
        "split-ssh-client",
        "Way to the SSH keys",
        &format!("{program} client"),
    )?;
    let socket = format!(".split-ssh/{keyring}.sock");
    steps::line(
        &paths.home.join(".bashrc"),
        &format!("export SSH_AUTH_SOCK=~/{socket}"),
    )?;
    steps::line(
        &paths.home.join(".config/environment.d/split-ssh.conf"),
        &format!("SSH_AUTH_SOCK=${{HOME}}/{socket}"),
    )
}
