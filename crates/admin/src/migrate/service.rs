//! A vault's old service, a script that hands requests on to an agent: the guard's socket takes its place.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::super::doctor::{Machine, read_qubesdb, text_of};
use super::change::Change;
use super::plan::{Part, Plan};

const GUARD: &str = "/run/split-ssh-vault/qrexec.sock";
/// The end of the socket of a vault that a session starts.
const OWN: &str = "split-ssh-vault/qrexec.sock";
const BY_HAND: &str = "split-ssh without its package";
const UNIT: &str = "/usr/lib/systemd/system/split-ssh-vault.service";
const LOCAL: &str = "/usr/local/etc/qubes-rpc/qubes.SshAgent";
const SYSTEM: &str = "/etc/qubes-rpc/qubes.SshAgent";

pub fn find(place: &Machine, plan: &mut Plan) {
    // The first one shadows the other.
    let Some(file) = [LOCAL, SYSTEM].into_iter().find(|file| place.has(file)) else {
        return;
    };
    let path = place.at(file);
    let Some(whose) = whose(&path) else {
        return;
    };
    let is_ours = whose == BY_HAND;
    if is_ours && !place.has(UNIT) {
        return;
    }
    let mut part = Part::new(format!("{whose}, at {}", path.display()));
    if is_ours {
        part.by_hand.push(
            "systemctl --user disable --now split-ssh-vault, as the package starts it".to_owned(),
        );
    }
    if !place.has(UNIT) {
        part.by_hand.push(
            "first install split-ssh in this qube's template; then run this again".to_owned(),
        );
        return plan.add(part);
    }
    // An app qube's /etc comes from its template at each start, its /usr/local stays.
    let is_app_qube = read_qubesdb(place, "/qubes-vm-type").is_some_and(|kind| kind == "AppVM");
    let link = if is_app_qube && file == SYSTEM {
        part.by_hand.push(format!(
            "in this vault's template: sudo ln -sfn {GUARD} {SYSTEM}"
        ));
        place.at(LOCAL)
    } else {
        path
    };
    part.changes.push(Change::Link {
        link,
        target: PathBuf::from(GUARD),
        why: "calls meet the guard instead".to_owned(),
    });
    if !place.has("/run/qubes-service/split-ssh-vault") {
        let name = read_qubesdb(place, "/name").unwrap_or_else(|| "VAULT".to_owned());
        part.by_hand
            .push(format!("in dom0: qvm-service {name} split-ssh-vault on"));
    }
    plan.add(part);
}

/// Whose service this is; `None` if it is ours.
fn whose(path: &Path) -> Option<&'static str> {
    if let Ok(target) = fs::read_link(path) {
        return match target.as_path() {
            target if target == Path::new(GUARD) => None,
            target if target.ends_with(OWN) => Some(BY_HAND),
            _ => Some("another service for qubes.SshAgent"),
        };
    }
    if fs::metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return Some("another service for qubes.SshAgent");
    }
    let text = text_of(path)?;
    if text.contains("split-ssh vault --stdio") {
        return None;
    }
    Some(if text.contains(".qubes_ssh") {
        "mtdcr's service"
    } else if text.contains("ncat -U $SSH_AUTH_SOCK") {
        "the guide's service"
    } else if text.contains("/split-ssh/start-agent") || text.contains("/run/split-ssh/") {
        "the official package's service"
    } else {
        "another service for qubes.SshAgent"
    })
}
