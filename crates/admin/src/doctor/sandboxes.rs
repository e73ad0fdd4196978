//! Sandboxes: whether the vault serves them, who was refused, and what of ours they were given.

use super::finding::Findings;
use super::mounts::{self, Exposure};
use super::place::{Machine, name_of};
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
        return findings.check("sandbox").bad(what, "split-ssh serve list");
    };
    let status = control_socket::status(&place.paths);
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
    let mut check = findings.check("sandboxes");
    let configured = sandbox::configured(&place.paths);
    configured
        .map_err(|error| check.bad_settings(&error, "split-ssh serve list"))
        .ok()
}

fn check_served(sandbox: &Sandbox, status: Option<&VaultStatus>, findings: &mut Findings) {
    let name = &sandbox.name;
    let mut check = findings.check(format!("sandbox {name}"));
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
        None if status.is_none() => check.bad("no vault runs, so nobody serves it", again),
        None => {
            let what = "the running vault does not serve it as it is configured";
            check.bad(what, again);
        }
        Some(state) => match &state.trouble {
            Some(why) => check.bad(format!("it is not served: {why}"), again),
            None => check.ok(format!("{}, at {socket}", crate::serve::uids(state))),
        },
    }
    let caller = sandbox.caller.to_string();
    let refusals = status.map_or(&[][..], |status| &status.refusals);
    let is_stranger = |refusal: &&RefusedRequest| {
        refusal.qube.as_deref() == Some(&*caller) && refusal.why.contains("may not connect")
    };
    if let Some(refused) = refusals.iter().find(is_stranger) {
        let remedy = "if that uid is the sandbox's, run the command; else find out who it is";
        check.warn(&refused.why, remedy);
    }
}

fn check_keys(sandbox: &Sandbox, place: &Machine, findings: &mut Findings) {
    let keyring = sandbox.keyring.as_str();
    let request = Request::Keyrings {
        name: Some(keyring.to_owned()),
    };
    let reply = control_socket::ask_within(&place.paths, &request, super::keyrings::AGENTS_TIME);
    let states = reply.unwrap_or_default().keyrings.unwrap_or_default();
    match states.first() {
        None => findings.check(format!("keyring {keyring}")).bad(
            "the vault has no such keyring",
            format!("split-ssh serve {} --keyring KEYRING", sandbox.name),
        ),
        Some(state) => super::keyrings::check(place, state, findings),
    }
}

/// How the sandbox was given its socket.
fn check_given(sandbox: &Sandbox, findings: &mut Findings) {
    let mut check = findings.check(format!("sandbox {}", sandbox.name));
    let folder = sandbox.folder().display();
    let remedy =
        format!("start it with the folder, read-only: podman run -v {folder}:/run/ssh:ro ...");
    for given in mounts::exposures(std::slice::from_ref(&sandbox.socket)) {
        let who = who(&given);
        let inside = given.inside.display();
        if given.is_bound_itself {
            let what = format!(
                "{who} has the socket itself at {inside}: it is dead once the vault is restarted"
            );
            check.warn(what, &remedy);
        } else if given.writable {
            let what = format!("{who} has it at {inside}, and can remove it there");
            check.warn(what, &remedy);
        } else {
            check.ok(format!("{who} has it at {inside}"));
        }
    }
}

/// Whoever has one of these speaks for any qube, or answers the owner's questions.
fn check_vault_sockets(place: &Machine, findings: &mut Findings) {
    let mut check = findings.check("mounts");
    let found = mounts::exposures(&[place.paths.qrexec_socket(), place.paths.control_socket()]);
    for exposure in &found {
        let socket = name_of(&exposure.path);
        let what = match &*socket {
            "qrexec.sock" => "whoever is there can name itself any qube",
            _ => "whoever is there can answer your questions",
        };
        let (who, inside) = (who(exposure), exposure.inside.display());
        let what = format!("{who} has {socket} at {inside}: {what}");
        let remedy = "end it, and give it a socket of its own: split-ssh serve NAME";
        check.bad(what, remedy);
    }
    if found.is_empty() {
        check.ok("no container has the vault's own sockets");
    }
}

fn who(exposure: &Exposure) -> String {
    format!("process {} ({})", exposure.pid, exposure.process)
}
