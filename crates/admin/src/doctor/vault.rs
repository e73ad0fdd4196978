//! The vault's checks, in the order in which a call meets what they look at.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::finding::Findings;
use super::place::Machine;
use super::{
    desktop, hosts, keyrings, log, owner, policy, qube, rpc_config, sandboxes, service, units,
};
use crate::control_socket;
use crate::local_time;
use common::config::vault::VaultConfig;
use common::control::{Request, VaultStatus};
use common::error::reason;
use common::keyrings::{KeyringPlace, KeyringState};
use common::paths::Paths;

pub fn is_meant(place: &Machine) -> bool {
    let paths = &place.paths;
    units::VAULT.is_on(place)
        || paths.config.join("vault.toml").exists()
        || paths.control_socket().exists()
        || common::identities::folder(&paths.home, "").is_dir()
        || place.has("/usr/local/etc/qubes-rpc/qubes.SshAgent")
}

pub fn check(place: &Machine, findings: &mut Findings) {
    let paths = &place.paths;
    owner::check_sockets(&units::VAULT, place, findings);
    qube::check_qubesdb(place, findings);
    qube::check_offline(place, findings);
    units::VAULT.check(place, findings);
    service::check(place, findings);
    rpc_config::check(place, findings);
    owner::check_files(place, findings);
    let start = units::VAULT.start(place);
    let config = VaultConfig::load(paths);
    let status = check_sockets(place, &start, findings);
    let config = match config {
        Ok(config) => {
            let is_other = |vault: &VaultStatus| vault.settings_sha256 != config.digest();
            if status.as_ref().is_some_and(is_other) {
                let what =
                    "it was changed since the vault started, which goes on with what it read then";
                findings.check("vault.toml").warn(what, &start);
            }
            config
        }
        Err(error) => {
            findings.check("vault.toml").bad_settings(&error, &start);
            VaultConfig::default()
        }
    };
    if !config.carry.qubes.is_empty() {
        let qubes = config.carry.qubes.join(", ");
        let what = format!(
            "one call of {qubes} may carry many connections; if dom0 asks about their calls, one yes covers all of these"
        );
        findings.check("carry").ok(what);
    }
    keyrings::check_names(place, findings);
    let configured = common::keyrings::find(paths, &config);
    let agent_of = |keyring: &KeyringPlace| (keyring.name.to_string(), keyring.socket.clone());
    let mut agents: Vec<(String, PathBuf)> = configured.iter().map(agent_of).collect();
    if status.is_some() {
        let running = check_keyrings(place, &configured, findings).into_iter();
        agents.extend(running.map(|state| (state.name, state.socket)));
    }
    desktop::check(place, &agents, findings);
    policy::check(place, status.as_ref(), findings);
    if let Some(status) = &status {
        policy::check_prompt(place, status.prompt, findings);
        log::check_running(status, findings);
    }
    sandboxes::check(place, status.as_ref(), findings);
    hosts::check(place, findings);
    log::check(place, findings);
    log::check_space(place, findings);
}

/// The keyrings that the running vault has, then those that its settings have changed to since it started.
fn check_keyrings(
    place: &Machine,
    configured: &[KeyringPlace],
    findings: &mut Findings,
) -> Vec<KeyringState> {
    let request = Request::Keyrings { name: None };
    let reply = control_socket::ask_within(&place.paths, &request, keyrings::AGENTS_TIME);
    let running = reply.unwrap_or_default().keyrings.unwrap_or_else(|| {
        findings.check("keyrings").bad(
            "the vault does not say which keyrings it has",
            "split-ssh doctor again; if it says so again, restart the vault",
        );
        Vec::new()
    });
    for keyring in &running {
        keyrings::check(place, keyring, findings);
    }
    for configured in configured {
        let is_it = |state: &KeyringState| {
            state.name == configured.name.as_str() && state.socket == configured.socket
        };
        if !running.iter().any(is_it) {
            keyrings::check(place, &configured.state(), findings);
        }
    }
    running
}

/// What the running vault says of itself, if it runs.
fn check_sockets(place: &Machine, start: &str, findings: &mut Findings) -> Option<VaultStatus> {
    let mut check = findings.check("socket");
    match ask_status(&place.paths) {
        Ok(status) => {
            let since = local_time::of_text(&status.started);
            check.ok(format!("the vault runs since {since}"));
            Some(status)
        }
        Err(what) => {
            check.bad(what, start);
            None
        }
    }
}

fn ask_status(paths: &Paths) -> Result<VaultStatus, String> {
    let socket = paths.qrexec_socket();
    reach(&socket).map_err(|error| {
        let (socket, why) = (socket.display(), reason(&error));
        format!("no vault answers at {socket}, so its keyrings and questions are not known: {why}")
    })?;
    let reply = control_socket::ask(paths, &Request::Status).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::WouldBlock => "no word in time: it does not start, or hangs".to_owned(),
            _ => reason(&error),
        };
        let socket = paths.control_socket();
        format!("the vault does not answer at {}: {why}", socket.display())
    })?;
    reply.status.ok_or_else(|| {
        let error = reply.error.map(|error| error.to_string());
        format!(
            "the vault does not tell its state: {}",
            error.unwrap_or_default()
        )
    })
}

fn reach(socket: &Path) -> io::Result<()> {
    let mode = fs::metadata(socket)?.permissions().mode();
    if mode & 0o002 != 0 {
        return Err(io::Error::other("others could connect to it too"));
    }
    UnixStream::connect(socket).map(drop)
}
