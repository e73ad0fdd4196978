//! qusal's sys-ssh-agent: forwarder units started by rc.local, sockets in /tmp, its own service name. Keys
//! already lie where ours do.

use policy::caller::Keyring;

use super::super::doctor::{Place, text_of};
use super::change::Change;
use super::client::{INSTALL_FIRST, is_packaged};
use super::plan::{Part, Plan};

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
    let rc_local = place.text(RC_LOCAL).unwrap_or_default();
    let mut keyrings = Vec::new();
    let mut today = String::new();
    for line in rc_local.lines() {
        today += &match started(line) {
            Some(keyring) => {
                keyrings.push(keyring.clone());
                format!("systemctl --no-block start split-ssh-forwarder@{keyring}.service\n")
            }
            None => format!("{line}\n"),
        };
    }
    let mut part = Part::new("a client of qusal's sys-ssh-agent");
    if !keyrings.is_empty() {
        part.changes.push(Change::Edit {
            file: place.at(RC_LOCAL),
            text: today,
            why: format!(
                "start our way to {} instead of qusal's",
                keyrings.join(", ")
            ),
        });
    }
    let home = &place.paths.home;
    for name in DOTFILES {
        let file = home.join(name);
        let Some(text) = text_of(&file) else { continue };
        let mut today = text.clone();
        for forwarder in FORWARDERS {
            let ours = format!("{}/.split-ssh/", home.display());
            today = today.replace(&format!("/tmp/{forwarder}/"), &ours);
        }
        if today != text {
            part.changes.push(Change::Edit {
                file,
                text: today,
                why: "name our sockets in ~/.split-ssh".to_owned(),
            });
        }
    }
    if !part.changes.is_empty() && !is_packaged(place) {
        part.changes.clear();
        part.by_hand.push(INSTALL_FIRST.to_owned());
        return plan.add(part);
    }
    if !keyrings.is_empty() {
        part.say_policy(place, VAULT, &keyrings);
    }
    plan.add(part);
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
