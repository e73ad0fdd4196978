//! Sandboxes: whether the vault serves them, who was refused, and what of ours they were given.

use std::path::PathBuf;

use super::finding::Findings;
use super::mounts::{self, Exposure};
use super::place::Machine;
use crate::control_socket;
use common::control::{RefusedRequest, Request, SandboxState, VaultStatus};
use common::sandbox::{self, Sandbox};

/// To be run inside a sandbox: it lists what the sandbox may use, and then must be refused.
pub(super) const INSIDE: &str = "\
inside the sandbox, the first of these must list its keys, and the second must be refused:
  ssh-add -L
  ssh-add -D
";

/// All sandboxes of this vault, and the sockets that none of them should have.
pub(super) fn check(place: &Machine, status: Option<&VaultStatus>, findings: &mut Findings) {
    for sandbox in &configured(place, findings).unwrap_or_default() {
        check_served(sandbox, status, findings);
    }
    if place.is_system() {
        check_vault_sockets(place, findings);
    }
}

/// One sandbox, thoroughly.
pub(super) fn check_one(name: &str, place: &Machine, findings: &mut Findings) {
    let Some(configured) = configured(place, findings) else {
        return;
    };
    let Some(sandbox) = configured.iter().find(|it| it.name == name) else {
        let name = policy::display::ascii(name.as_bytes(), 64);
        let what = format!("there is no sandbox {name}");
        return findings.bad("sandbox", what, "split-ssh serve list");
    };
    let reply = control_socket::ask(&place.paths, &Request::Status);
    let status = reply.ok().and_then(|reply| reply.status);
    check_served(sandbox, status.as_ref(), findings);
    if status.is_some() {
        check_keys(sandbox, place, findings);
    }
    if place.is_system() {
        check_given(sandbox, findings);
        check_vault_sockets(place, findings);
    }
}

/// `None` after saying why.
fn configured(place: &Machine, findings: &mut Findings) -> Option<Vec<Sandbox>> {
    sandbox::configured(&place.paths)
        .map_err(|error| findings.bad_settings("sandboxes", &error, "split-ssh serve list"))
        .ok()
}

fn check_served(sandbox: &Sandbox, status: Option<&VaultStatus>, findings: &mut Findings) {
    let name = &sandbox.name;
    let check = format!("sandbox {name}");
    let again = format!("split-ssh serve {name}");
    let states = status.map_or(&[][..], |status| &status.sandboxes);
    let is_it = |state: &&SandboxState| {
        state.name == *name
            && state.socket == sandbox.socket
            && state.uids == sandbox.uids
            && state.vsock == sandbox.vsock
    };
    let socket = sandbox.socket.display();
    match states.iter().find(is_it) {
        None if status.is_none() => {
            findings.bad(&check, "no vault runs, so nobody serves it", again)
        }
        None => findings.bad(
            &check,
            "the running vault does not serve it as it is configured",
            again,
        ),
        Some(SandboxState {
            trouble: Some(why), ..
        }) => {
            findings.bad(&check, format!("it is not served: {why}"), again);
        }
        Some(state) => findings.ok(
            &check,
            format!("{}, at {socket}", crate::serve::uids(state)),
        ),
    }
    let caller = sandbox.caller.to_string();
    let refusals = status.map_or(&[][..], |status| &status.refusals);
    let is_stranger = |refusal: &&RefusedRequest| {
        refusal.qube.as_deref() == Some(&*caller) && refusal.why.contains("may not connect")
    };
    if let Some(refused) = refusals.iter().find(is_stranger) {
        let remedy = "if that uid is the sandbox's, run the command; else find out who it is";
        findings.warn(&check, refused.why.clone(), remedy);
    }
}

fn check_keys(sandbox: &Sandbox, place: &Machine, findings: &mut Findings) {
    let keyring = sandbox.keyring.as_str();
    let check = format!("keyring {keyring}");
    let request = Request::Keyrings {
        name: Some(keyring.to_owned()),
    };
    let reply = control_socket::ask_within(&place.paths, &request, super::keyrings::AGENTS_TIME);
    let states = reply
        .ok()
        .and_then(|reply| reply.keyrings)
        .unwrap_or_default();
    match states.first() {
        None => findings.bad(
            &check,
            "the vault has no such keyring",
            format!("split-ssh serve {} --keyring KEYRING", sandbox.name),
        ),
        Some(state) => super::keyrings::check(place, state, findings),
    }
}

/// How the sandbox was given its socket.
fn check_given(sandbox: &Sandbox, findings: &mut Findings) {
    let check = format!("sandbox {}", sandbox.name);
    let folder = sandbox.folder().display();
    let right =
        format!("start it with the folder, read-only: podman run -v {folder}:/run/ssh:ro ...");
    for given in mounts::exposures(std::slice::from_ref(&sandbox.socket)) {
        let who = who(&given);
        let inside = given.inside.display();
        if given.is_bound_itself {
            let what = format!(
                "{who} has the socket itself at {inside}: it is dead once the vault is restarted"
            );
            findings.warn(&check, what, &*right);
        } else if given.writable {
            let what = format!("{who} has it at {inside}, and can remove it there");
            findings.warn(&check, what, &*right);
        } else {
            findings.ok(&check, format!("{who} has it at {inside}"));
        }
    }
}

/// Whoever has one of these speaks for any qube, or answers the owner's questions.
fn check_vault_sockets(place: &Machine, findings: &mut Findings) {
    let sockets: Vec<PathBuf> = vec![place.paths.qrexec_socket(), place.paths.control_socket()];
    let found = mounts::exposures(&sockets);
    for exposure in &found {
        let socket = exposure
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let what = match *socket == *"qrexec.sock" {
            true => "whoever is there can name itself any qube",
            false => "whoever is there can answer your questions",
        };
        let what = format!(
            "{} has {socket} at {}: {what}",
            who(exposure),
            exposure.inside.display()
        );
        findings.bad(
            "mounts",
            what,
            "end it, and give it a socket of its own: split-ssh serve NAME",
        );
    }
    if found.is_empty() {
        findings.ok("mounts", "no container has the vault's own sockets");
    }
}

fn who(exposure: &Exposure) -> String {
    format!("process {} ({})", exposure.pid, exposure.process)
}
