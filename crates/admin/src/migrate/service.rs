//! A vault's old service, a script that hands requests on to an agent: the guard's socket takes its place.

use super::super::doctor::{Machine, read_qubesdb, text_of};
use super::change::{Change, NewContent};
use super::plan::{Part, Plan};
use super::scan::OUR_SERVICE;

const GUARD: &str = "/run/split-ssh-vault/qrexec.sock";
const UNIT: &str = "/usr/lib/systemd/system/split-ssh-vault.service";
const LOCAL: &str = "/usr/local/etc/qubes-rpc/qubes.SshAgent";
const SYSTEM: &str = "/etc/qubes-rpc/qubes.SshAgent";
/// What the guide's and henn's script do.
const DOCUMENTED: &str = "ncat -U $SSH_AUTH_SOCK";

pub fn find(place: &Machine, plan: &mut Plan) {
    // The first one shadows the other.
    let Some(file) = [LOCAL, SYSTEM].into_iter().find(|file| place.has(file)) else {
        return;
    };
    let path = place.at(file);
    // A socket, or a link to one, has no text: doctor says where it leads.
    let Some(text) = text_of(&path).filter(|text| !text.contains(OUR_SERVICE)) else {
        return;
    };
    let is_documented = text.contains(DOCUMENTED);
    let whose = match is_documented {
        true => "the guide's service",
        false => "another service for qubes.SshAgent",
    };
    let mut part = Part::new(format!("{whose}, at {}", path.display()));
    if !place.has(UNIT) {
        let first = "first install split-ssh in this qube's template; then run this again";
        part.by_hand.push(first.to_owned());
        return plan.add(part);
    }
    // An app qube's /etc comes from its template at each start, its /usr/local stays.
    let is_templates =
        file == SYSTEM && read_qubesdb(place, "/qubes-vm-type").is_some_and(|kind| kind == "AppVM");
    if is_templates {
        part.by_hand.push(format!(
            "in this vault's template: sudo ln -sfn {GUARD} {SYSTEM}"
        ));
    }
    if is_documented {
        let link = if is_templates { place.at(LOCAL) } else { path };
        let why = "calls meet the guard instead";
        part.changes
            .push(Change::new(link, NewContent::LinkTo(GUARD.into()), why));
    } else if !is_templates {
        part.by_hand.push(format!(
            "when nothing needs it any more: sudo ln -sfn {GUARD} {}",
            path.display()
        ));
    }
    if !place.has("/run/qubes-service/split-ssh-vault") {
        let name = read_qubesdb(place, "/name").unwrap_or_else(|| "VAULT".to_owned());
        part.by_hand
            .push(format!("in dom0: qvm-service {name} split-ssh-vault on"));
    }
    plan.add(part);
}
