//! qusal's sys-ssh-agent: forwarder units started by rc.local, sockets in /tmp, its own service name. Keys
//! already lie where ours do.

use std::path::PathBuf;

use policy::caller::Keyring;

use super::super::doctor::Place;
use super::change::Change;
use super::client::{INSTALL_FIRST, is_packaged};
use super::plan::{Part, Plan};
use super::whole::{Whole, read_whole};

const RC_LOCAL: &str = "/rw/config/rc.local";
/// The unit's name, now and before it was renamed.
const FORWARDERS: [&str; 2] = ["qusal-ssh-agent-forwarder", "qubes-ssh-agent-forwarder"];
/// Its vault, unless somebody chose another name.
const VAULT: &str = "sys-ssh-agent";
/// Files in which its README has people name the sockets.
const DOTFILES: [&str; 5] = [
    ".profile",
    ".bash_profile",
    ".bashrc",
    ".zshrc",
    ".ssh/config",
];

pub fn find_client(place: &Place, plan: &mut Plan) {
    let mut part = Part::new("a client of qusal's sys-ssh-agent");
    let mut keyrings = Vec::new();
    let rc_local = place.at(RC_LOCAL);
    if let Some(whole) = read_whole(&rc_local) {
        let mut today = String::new();
        for (index, line) in whole.text.split_inclusive('\n').enumerate() {
            if let Some(keyring) = started(line) {
                let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
                today += &format!(
                    "{indent}systemctl --no-block start split-ssh-forwarder@{keyring}.service\n"
                );
                keyrings.push(keyring);
                continue;
            }
            today += line;
            if names_forwarder(line) {
                part.by_hand.push(format!(
                    "line {} of {} starts qusal's way to a keyring, and does more: let it start \
                     split-ssh-forwarder@KEYRING.service, then run this again",
                    index + 1,
                    rc_local.display()
                ));
            }
        }
        if !keyrings.is_empty() {
            let why = format!(
                "start our way to {} instead of qusal's",
                keyrings.join(", ")
            );
            edit(&mut part, rc_local, &whole, today, why);
        }
    }
    let home = &place.paths.home;
    for name in DOTFILES {
        let file = home.join(name);
        let Some(whole) = read_whole(&file) else {
            continue;
        };
        let ours = format!("{}/.split-ssh/", home.display());
        let mut today = whole.text.clone();
        for forwarder in FORWARDERS {
            today = today.replace(&format!("/tmp/{forwarder}/"), &ours);
        }
        if today != whole.text {
            let why = "name our sockets in ~/.split-ssh".to_owned();
            edit(&mut part, file, &whole, today, why);
        }
    }
    if !is_packaged(place) && (!part.changes.is_empty() || !part.by_hand.is_empty()) {
        part.changes.clear();
        part.by_hand = vec![INSTALL_FIRST.to_owned()];
        return plan.add(part);
    }
    // Its sockets are named by files that are right only once all of it is changed over.
    if !part.by_hand.is_empty() {
        part.changes.clear();
    } else if !keyrings.is_empty() {
        part.say_policy(place, &[VAULT.to_owned()], &keyrings);
    }
    plan.add(part);
}

fn edit(part: &mut Part, file: PathBuf, whole: &Whole, text: String, why: String) {
    match whole.unfit {
        None => part.changes.push(Change::Edit { file, text, why }),
        Some(unfit) => part.by_hand.push(format!(
            "{} {unfit}, so it is left alone: let it {why}, then run this again",
            file.display()
        )),
    }
}

/// Whether a line that runs has to do with one of its forwarders.
fn names_forwarder(line: &str) -> bool {
    let is_remark = line.trim_start().starts_with('#');
    !is_remark
        && FORWARDERS
            .iter()
            .any(|unit| line.contains(&format!("{unit}@")))
}

/// The keyring of a line that starts one of its forwarders.
fn started(line: &str) -> Option<String> {
    let line = line.trim();
    if line.starts_with('#') || !line.contains("systemctl") {
        return None;
    }
    let word = line.split_whitespace().last()?;
    let (unit, instance) = word.trim_matches(['"', '\'', ';']).split_once('@')?;
    let keyring = instance.trim_end_matches(".service");
    let is_one = FORWARDERS.contains(&unit) && !keyring.is_empty();
    (is_one && Keyring::from_argument(keyring).is_ok()).then(|| keyring.to_owned())
}

/// Its service goes past the guard for as long as dom0 lets anybody call it.
pub fn find_service(place: &Place, plan: &mut Plan) {
    let found = ["/usr/local/etc/qubes-rpc", "/etc/qubes-rpc"]
        .map(|folder| format!("{folder}/qusal.SshAgent"))
        .into_iter()
        .find(|file| place.has(file));
    let Some(file) = found else { return };
    let mut part = Part::new("qusal's service; its keys already lie where ours do");
    part.by_hand.push(format!(
        "remove {file} (in the template, if it comes from there) and dom0's lines for qusal.SshAgent: \
         that way goes past the guard"
    ));
    plan.add(part);
}
