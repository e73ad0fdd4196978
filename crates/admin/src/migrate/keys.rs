//! The guide's ~/.config/autostart/ssh-add.desktop, which loads the vault's keys into the session's agent:
//! they are to be in the keyring's.

use std::fs;
use std::path::PathBuf;

use super::super::doctor::Machine;
use super::change::{Change, NewContent};
use super::plan::{Part, Plan};

/// What ssh-add(1) adds when no file is named.
const USUAL_KEYS: [&str; 6] = [
    "id_rsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_dsa",
];

pub fn find(place: &Machine, plan: &mut Plan) {
    let home = &place.paths.home;
    let file = home.join(".config/autostart/ssh-add.desktop");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let Some(exec) = text.lines().find_map(|line| line.strip_prefix("Exec=")) else {
        return;
    };
    let keys: Vec<PathBuf> = match exec.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["ssh-add"] => {
            let usual = USUAL_KEYS.map(|name| home.join(".ssh").join(name));
            usual.into_iter().filter(|key| key.is_file()).collect()
        }
        ["ssh-add", key] => vec![place.home_path(key)],
        ["ssh-add", ..] => Vec::new(),
        _ => return,
    };
    // Others would have to be quoted, as the Desktop Entry Specification says.
    let is_plain = |key: &PathBuf| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-@+".contains(c);
        key.is_absolute() && key.to_string_lossy().chars().all(is_plain)
    };
    let mut part = Part::new("the guide's ssh-add at the start of a session");
    if !place.has("/usr/bin/split-ssh") {
        let first = "first install split-ssh in this qube's template; then run this again";
        part.by_hand.push(first.to_owned());
    } else if !keys.is_empty() && keys.iter().all(is_plain) {
        let keys: Vec<String> = keys.iter().map(|key| key.display().to_string()).collect();
        let today = format!("Exec=split-ssh add default {}", keys.join(" "));
        let text = text.replace(&format!("Exec={exec}"), &today);
        let why = format!("load {} into keyring `default`", keys.join(", "));
        part.changes
            .push(Change::new(file, NewContent::Text(text), why));
    } else if exec != "ssh-add" {
        part.by_hand.push(format!(
            "{}: `{exec}` does more than name keys; write Exec=split-ssh add default KEY ...",
            file.display()
        ));
    }
    plan.add(part);
}
