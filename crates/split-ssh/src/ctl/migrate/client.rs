//! A client of the guide's or of henn's scripts: lines in rc.local that listen, lines in ~/.bashrc that
//! point there.

use std::fs;
use std::path::PathBuf;

use super::super::doctor::{Place, text_of};
use super::change::Change;
use super::plan::{Part, Plan};
use super::shell::{self, Block};

const RC_LOCAL: &str = "/rw/config/rc.local";
pub const VAULT_FILE: &str = "/rw/config/split-ssh-vault";
pub const KEYRING_FILE: &str = "/rw/config/split-ssh-default-agent";
const SOCKET: &str = "/run/split-ssh-client/agent.sock";
const UNIT: &str = "/usr/lib/systemd/system/split-ssh-client.socket";
const PROFILE: &str = "/etc/profile.d/qubes-ssh.sh";

/// Whether our package is here to take over.
pub fn is_packaged(place: &Place) -> bool {
    place.has(UNIT)
}

pub const INSTALL_FIRST: &str =
    "first install split-ssh in this qube's template and restart the qube; then run this again";

pub fn find(place: &Place, plan: &mut Plan) {
    let home = &place.paths.home;
    let rc_local = place.text(RC_LOCAL).unwrap_or_default();
    let bashrc_file = home.join(".bashrc");
    let bashrc = text_of(&bashrc_file).unwrap_or_default();
    let starts = shell::find(&rc_local);
    let points = shell::find(&bashrc);
    let blocks = [&starts, &points];
    let Some(found) = blocks.into_iter().flatten().next() else {
        return;
    };
    let vault = found.vault.clone();
    let mut part = Part::new(match &vault {
        Some(vault) => format!("a client of the guide's scripts, with the vault `{vault}`"),
        None => "a client of the guide's scripts, switched off".to_owned(),
    });
    if !is_packaged(place) {
        part.by_hand.push(INSTALL_FIRST.to_owned());
        return plan.add(part);
    }
    let files = [
        (
            place.at(RC_LOCAL),
            &rc_local,
            &starts,
            "start the old client",
        ),
        (bashrc_file.clone(), &bashrc, &points, "set SSH_AUTH_SOCK"),
    ];
    for (file, _, block, does) in &files {
        if let Some(Block {
            first,
            last,
            is_changed: true,
            ..
        }) = block
        {
            part.by_hand.push(format!(
                "lines {first} to {last} of {} {does}, and others among them do more: \
                 take out what split-ssh does now, then run this again",
                file.display()
            ));
        }
    }
    if !part.by_hand.is_empty() {
        return plan.add(part);
    }
    for (file, text, block, does) in files {
        let Some(block) = block else { continue };
        // Without our profile nothing else would set the variable.
        if file == bashrc_file && !place.has(PROFILE) {
            continue;
        }
        part.changes.push(Change::Edit {
            file,
            text: shell::without(text, block),
            why: format!(
                "take out lines {} to {}, which {does}",
                block.first, block.last
            ),
        });
    }
    if let Some(vault) = &vault {
        part.changes.extend(name_vault(place, vault));
        part.changes.extend(keep_socket(place, vault));
        if !part.changes.is_empty() {
            part.say_policy(place, vault, &[]);
        }
    }
    plan.add(part);
}

/// Our client is switched on by naming its vault.
pub fn name_vault(place: &Place, vault: &str) -> Option<Change> {
    (!place.has(VAULT_FILE)).then(|| Change::Write {
        file: place.at(VAULT_FILE),
        text: format!("{vault}\n"),
        why: "switches our client on and names its vault".to_owned(),
    })
}

/// Programs and scripts that know the old socket find ours there.
fn keep_socket(place: &Place, vault: &str) -> Option<Change> {
    let link = place.paths.home.join(format!(".SSH_AGENT_{vault}"));
    let target = PathBuf::from(SOCKET);
    let is_done = fs::read_link(&link).is_ok_and(|found| found == target);
    (!is_done).then(|| Change::Link {
        link,
        target,
        why: "so that whatever knows the old socket finds ours".to_owned(),
    })
}
