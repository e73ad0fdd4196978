//! The client's checks, in the order in which a request meets what they look at.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::finding::Findings;
use super::place::{Machine, is_same, ssh_setting, text_of};
use super::{owner, qube, qubesdb, settings, units};
use client::config::{self as config, VaultConfig, VaultEntry};
use client::status::TransportKind;
use client::status::file::{self, Status};
use client::status::outcome::CallOutcome;
use client::transport::Transport;
use common::error::reason;

const QREXEC: [&str; 2] = [
    "/usr/bin/qrexec-client-vm",
    "/usr/lib/qubes/qrexec-client-vm",
];
const PACKAGED_SOCKET: &str = "/run/split-ssh-client/agent.sock";

pub fn is_meant(place: &Machine) -> bool {
    let paths = &place.paths;
    units::CLIENT.is_on(place)
        || paths.config.join("client.toml").exists()
        || place.has("/rw/config/split-ssh-vault")
        || file::read_all(&paths.client_runtime()).is_ok_and(|all| !all.is_empty())
}

pub fn check(place: &Machine, findings: &mut Findings) {
    owner::check_sockets(&units::CLIENT, place, findings);
    qube::check_qubesdb(place, findings);
    units::CLIENT.check(place, findings);
    let vaults = match config::read(&place.paths, None, VaultEntry::default()) {
        Ok(vaults) => vaults,
        Err(error) => {
            let start = units::CLIENT.start(place);
            if place.paths.config.join("client.toml").exists() {
                findings.check("client.toml").bad_settings(&error, &start);
            } else {
                let hint = error.next().unwrap_or("correct it");
                let remedy = format!("{hint}; then: {start}");
                findings.check("settings").bad(error.what(), remedy);
            }
            Vec::new()
        }
    };
    settings::check(place, &vaults, findings);
    let mut statuses = file::read_all(&place.paths.client_runtime()).unwrap_or_default();
    statuses.retain(Status::is_running);
    check_targets(place, &vaults, &statuses, findings);
    check_qrexec(place, &vaults, findings);
    let sockets = check_sockets(place, &vaults, &statuses, findings);
    check_environment(place, &sockets, findings);
    for status in &statuses {
        check_listener(status, findings);
        check_calls(status, findings);
        check_is_current(place, status, &vaults, findings);
    }
    check_ssh_config(place, &sockets, findings);
    check_old(place, findings);
}

/// Where calls go: as the running clients say, and else as the settings do.
fn check_targets(
    place: &Machine,
    vaults: &[VaultConfig],
    statuses: &[Status],
    findings: &mut Findings,
) {
    let mut check = findings.check("vault");
    for status in statuses {
        check.ok(format!("the running client calls by {}", status.transport));
    }
    let Some(own) = qubesdb::read(place, "/name") else {
        return;
    };
    for vault in vaults {
        let Transport::Qrexec { target, .. } = &vault.transport else {
            continue;
        };
        if *target == own {
            check.bad(
                format!("`{own}` is this qube, and qrexec lets no qube call itself"),
                "name the vault's qube in client.toml or /rw/config/split-ssh-vault, or leave it to dom0: @default",
            );
        } else if statuses.is_empty() {
            check.ok(format!("a client would call {target}"));
        }
    }
}

fn check_qrexec(place: &Machine, vaults: &[VaultConfig], findings: &mut Findings) {
    let mut named = vaults.iter().filter_map(|vault| match &vault.transport {
        Transport::Qrexec { program, .. } => Some(program.clone()),
        _ => None,
    });
    let Some(named) = named.next() else {
        return;
    };
    let mut check = findings.check("qrexec");
    let mut programs = match named {
        Some(named) => vec![named],
        None => QREXEC.map(|path| place.at(path)).to_vec(),
    };
    programs.retain(|path| path.is_file());
    match programs.first() {
        Some(program) => check.ok(program.display().to_string()),
        None => check.bad(
            "there is no qrexec-client-vm: this seems to be no qube",
            "in a qube, install qubes-core-agent-qrexec in its template; elsewhere use another transport",
        ),
    }
}

/// The sockets at which this qube's programs may look for their agent.
fn check_sockets(
    place: &Machine,
    vaults: &[VaultConfig],
    statuses: &[Status],
    findings: &mut Findings,
) -> Vec<PathBuf> {
    let mut sockets: Vec<PathBuf> = statuses.iter().map(|one| one.socket.clone()).collect();
    if units::CLIENT.is_on(place) && place.has(PACKAGED_SOCKET) {
        sockets.push(place.at(PACKAGED_SOCKET));
    }
    // Flags may have given a client that was started by hand another one.
    if sockets.is_empty() || units::CLIENT.is_started(place) {
        sockets.extend(vaults.iter().map(|vault| vault.socket.clone()));
    }
    if let Ok(Some(merged)) = config::read_merged(&place.paths) {
        sockets.push(merged.socket);
    }
    sockets.sort();
    sockets.dedup();
    let mut check = findings.check("socket");
    for socket in &sockets {
        let shown = socket.display();
        match UnixStream::connect(socket) {
            Ok(_) => check.ok(format!("the client listens at {shown}")),
            Err(error) => check.bad(
                format!("no client listens at {shown}: {}", reason(&error)),
                units::CLIENT.start(place),
            ),
        }
    }
    sockets
}

/// A client is still there, and another process answers at its socket.
fn check_listener(status: &Status, findings: &mut Findings) {
    // systemd listens for a client that it starts.
    let is_it = |pid: &i32| *pid == 1 || u32::try_from(*pid) == Ok(status.pid);
    let Some(pid) = status.listener().filter(|pid| !is_it(pid)) else {
        return;
    };
    let (socket, client) = (status.socket.display(), status.pid);
    findings.check("socket").bad(
        format!("process {pid} listens at {socket}, and the client is process {client}"),
        format!("see what it is: ps -p {pid} -o args; end it, then start the client again"),
    );
}

fn check_environment(place: &Machine, sockets: &[PathBuf], findings: &mut Findings) {
    let mut check = findings.check("SSH_AUTH_SOCK");
    let what = match &place.ssh_auth_sock {
        None => "it is not set: ssh looks for no agent".to_owned(),
        Some(socket) => {
            let what = format!("programs here use {}", socket.display());
            if sockets.iter().any(|ours| is_same(ours, socket)) {
                return check.ok(what);
            }
            what + ", which is not the way to the vault"
        }
    };
    let ours = sockets.first().map(PathBuf::as_path);
    let remedy = format!(
        "log out and in again; without the package, put into ~/.profile: export SSH_AUTH_SOCK={}",
        ours.unwrap_or(Path::new(PACKAGED_SOCKET)).display()
    );
    check.bad(what, remedy);
}

/// The last call's end, if it is the last thing that happened.
fn check_calls(status: &Status, findings: &mut Findings) {
    let mut check = findings.check(format!("calls {}", status.vault));
    let served = format!("{} served, {} failed", status.served, status.troubles);
    let Some(trouble) = status.recent.back().filter(|_| status.is_failing) else {
        return check.ok(served);
    };
    let words = trouble.outcome.words(status.kind);
    let mut what = format!("the last one failed: {words}; {served}");
    if !trouble.untrusted_said.is_empty() {
        let program = status.kind.program();
        what += &format!("; {program} said: {}", trouble.untrusted_said);
    }
    check.bad(what, remedy(&trouble.outcome, status.kind));
}

/// What the settings say now is only what a client calls that read them.
fn check_is_current(
    place: &Machine,
    status: &Status,
    vaults: &[VaultConfig],
    findings: &mut Findings,
) {
    let is_it = |vault: &&VaultConfig| vault.name == status.vault && vault.socket == status.socket;
    let Some(vault) = vaults.iter().find(is_it) else {
        return;
    };
    let today = vault.transport.to_string();
    if units::CLIENT.is_on(place) && today != status.transport {
        let called = &status.transport;
        findings.check("settings").bad(
            format!("the client still calls by {called}, and its settings say {today}"),
            units::CLIENT.start(place),
        );
    }
}

fn remedy(outcome: &CallOutcome, kind: TransportKind) -> &'static str {
    outcome.hint(kind).unwrap_or(match outcome {
        CallOutcome::Exited(255) | CallOutcome::Cut => {
            "did the vault stop, or run out of memory? start it and try again; split-ssh doctor there tells more"
        }
        _ => "try again; split-ssh status and split-ssh log in the vault tell more",
    })
}

/// Lines of the user's that lead ssh elsewhere.
fn check_ssh_config(place: &Machine, sockets: &[PathBuf], findings: &mut Findings) {
    let config = text_of(&place.paths.home.join(".ssh/config")).unwrap_or_default();
    for line in config.lines() {
        let (keyword, values) = ssh_setting(line);
        let Some(agent) = values.first().filter(|_| keyword == "identityagent") else {
            continue;
        };
        let path = place.home_path(agent);
        if *agent != "SSH_AUTH_SOCK" && !sockets.iter().any(|ours| is_same(ours, &path)) {
            findings.check("ssh config").warn(
                format!("`{}` leads some hosts past the vault", line.trim()),
                "remove the line from ~/.ssh/config, if that is not what you want",
            );
        }
    }
}

/// What an earlier split SSH left.
pub fn check_old(place: &Machine, findings: &mut Findings) {
    let mut warn = |what| findings.check("old client").warn(what, "split-ssh migrate");
    let rc_local = place.text("/rw/config/rc.local").unwrap_or_default();
    let calls = rc_local.contains("qubes.SshAgent");
    if calls && rc_local.contains("ncat") {
        warn("/rw/config/rc.local still starts the old client");
    }
    let bashrc = text_of(&place.paths.home.join(".bashrc")).unwrap_or_default();
    let socket = place.ssh_auth_sock.as_ref();
    let is_served = || socket.is_some_and(|socket| UnixStream::connect(socket).is_ok());
    if bashrc.contains(".SSH_AGENT_") && !calls && !is_served() {
        warn("~/.bashrc still names the old client's socket");
    }
}
