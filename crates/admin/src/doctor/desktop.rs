//! Which agent the vault's own programs use: ssh-add and KeePassXC must meet a keyring's agent, and
//! never the guard, which takes no keys.

use std::path::{Path, PathBuf};

use super::finding::{Check, Findings};
use super::keyrings;
use super::place::{Machine, is_same, text_of};
use super::units;

/// The sockets of the keyrings' agents, by keyring.
pub type AgentSockets = [(String, PathBuf)];

pub fn check(place: &Machine, agents: &AgentSockets, findings: &mut Findings) {
    let mut check = findings.check("SSH_AUTH_SOCK");
    match &place.ssh_auth_sock {
        Some(socket) => check_socket("programs here use", socket, place, agents, &mut check),
        None if units::VAULT.is_on(place) => check.warn(
            "it is not set: ssh-add and KeePassXC find no agent here",
            format!(
                "put into ~/.profile: export SSH_AUTH_SOCK={}; then log out and in again",
                place.paths.agent_runtime().join("default.sock").display()
            ),
        ),
        None => {}
    }
    check_keepassxc(place, agents, &mut findings.check("KeePassXC"));
}

/// KeePassXC reads the switch from its roaming file and the socket from its local one.
fn check_keepassxc(place: &Machine, agents: &AgentSockets, check: &mut Check<'_>) {
    let home = &place.paths.home;
    let Some(roaming) = text_of(&home.join(".config/keepassxc/keepassxc.ini")) else {
        return;
    };
    let local = text_of(&home.join(".cache/keepassxc/keepassxc.ini")).unwrap_or_default();
    if setting(&roaming, "Enabled") != Some("true") {
        return check.warn(
            "its agent integration is off: it adds no keys",
            "KeePassXC: Settings, SSH Agent, Enable SSH Agent integration",
        );
    }
    let socket_in = |text| setting(text, "AuthSockOverride").filter(|value| !value.is_empty());
    match socket_in(&local) {
        Some(socket) => check_socket("it uses", Path::new(socket), place, agents, check),
        None if socket_in(&roaming).is_some() => check.warn(
            "an AuthSockOverride in ~/.config/keepassxc/keepassxc.ini is not read",
            "KeePassXC: Settings, SSH Agent, SSH_AUTH_SOCK override",
        ),
        None => check.ok("its agent integration is on"),
    }
    // Its default is to read a changed database anew; then a lock leaves the keys in the agent.
    if setting(&roaming, "AutoReloadOnChange") != Some("false") {
        check.ok(
            "after its database file was changed by another program, a lock leaves keys loaded \
             until it is quit",
        );
    }
}

fn check_socket(
    who: &str,
    socket: &Path,
    place: &Machine,
    agents: &AgentSockets,
    check: &mut Check<'_>,
) {
    let default = place.paths.agent_runtime().join("default.sock");
    let shown = socket.display();
    let remedy = format!("name the keyring's own agent: {}", default.display());
    if keyrings::is_no_agent(place, socket) {
        let what = format!("{who} {shown}, a guard or another qube, which takes no keys");
        return check.bad(what, remedy);
    }
    match agents.iter().find(|(_, agent)| is_same(agent, socket)) {
        Some((name, _)) => check.ok(format!("{who} the agent of keyring {name}")),
        None => check.warn(
            format!("{who} {shown}, which is no keyring's agent: keys added there reach nobody"),
            format!("{remedy}; or make it a keyring's: [keyring.default] agent = \"{shown}\" in vault.toml"),
        ),
    }
}

/// The value of a key in an ini file of KeePassXC's, some of whose keys are in several sections.
fn setting<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let lines = match key {
        "AutoReloadOnChange" => text,
        _ => text
            .split('[')
            .find(|section| section.starts_with("SSHAgent]"))?,
    };
    let mut settings = lines.lines().filter_map(|line| line.split_once('='));
    let (_, value) = settings.find(|(name, _)| name.trim() == key)?;
    Some(value.trim())
}
