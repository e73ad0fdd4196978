//! The guide's ~/.config/autostart/ssh-add.desktop, which loads the vault's keys into the session's agent:
//! they are to be in the keyring's.

use std::path::{Path, PathBuf};

use super::super::doctor::Machine;
use super::change::Change;
use super::plan::{Part, Plan};
use super::script_text::read_script;

const DESKTOP: &str = ".config/autostart/ssh-add.desktop";
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
    let file = home.join(DESKTOP);
    let Some(whole) = read_script(&file) else {
        return;
    };
    let text = whole.text;
    let Some(exec) = text.lines().find_map(|line| line.strip_prefix("Exec=")) else {
        return;
    };
    let mut words = exec.split_whitespace();
    if !matches!(words.next(), Some("ssh-add" | "/usr/bin/ssh-add")) {
        return;
    }
    let mut part = Part::new("the guide's ssh-add at the start of a session");
    if !place.has("/usr/bin/split-ssh") {
        part.by_hand.push(
            "first install split-ssh in this qube's template; then run this again".to_owned(),
        );
        return plan.add(part);
    }
    if let Some(unfit) = whole.unfit {
        part.by_hand.push(format!(
            "{} {unfit}, so it is left alone: write Exec=split-ssh add default KEY … there",
            file.display()
        ));
        return plan.add(part);
    }
    // ssh-add is quiet anyway.
    let named: Vec<&str> = words.filter(|word| *word != "-q").collect();
    let keys = if named.is_empty() {
        let usual = USUAL_KEYS.map(|name| home.join(".ssh").join(name));
        usual.into_iter().filter(|key| key.is_file()).collect()
    } else {
        named
            .iter()
            .filter_map(|word| full_path(word, home))
            .collect::<Vec<_>>()
    };
    let is_plain = |key: &PathBuf| {
        let shown = key.to_string_lossy();
        shown
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-@+".contains(c))
    };
    if keys.is_empty() && named.is_empty() {
        return;
    }
    if keys.len() != named.len().max(keys.len()) || !keys.iter().all(is_plain) || keys.is_empty() {
        part.by_hand.push(format!(
            "{}: `{exec}` does more than name keys; write Exec=split-ssh add default KEY …",
            file.display()
        ));
        return plan.add(part);
    }
    let keys: Vec<String> = keys.iter().map(|key| key.display().to_string()).collect();
    let today = format!("Exec=split-ssh add default {}", keys.join(" "));
    let lines = text.split_inclusive('\n').map(|line| {
        if line.starts_with("Exec=") {
            format!("{today}\n")
        } else {
            line.to_owned()
        }
    });
    part.changes.push(Change::Edit {
        text: lines.collect(),
        why: format!("load {} into keyring `default`", keys.join(", ")),
        file,
    });
    plan.add(part);
}

/// `None` for an option, or anything else that is no file's path.
fn full_path(word: &str, home: &Path) -> Option<PathBuf> {
    if let Some(rest) = word.strip_prefix("~/") {
        return Some(home.join(rest));
    }
    word.starts_with('/').then(|| PathBuf::from(word))
}
