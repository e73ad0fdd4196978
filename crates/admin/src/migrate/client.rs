//! A client of the guide's or of henn's scripts: lines in rc.local that listen, lines in ~/.bashrc that
//! point there.

use std::fs;
use std::path::PathBuf;

use super::super::doctor::Machine;
use super::change::Change;
use super::plan::{Part, Plan};
use super::scan::Found;
use super::script_text::{ScriptText, read_script};
use super::shell::{self, Block};

const RC_LOCAL: &str = "/rw/config/rc.local";
/// Where people put what the guide gives for ~/.bashrc.
const DOTFILES: [&str; 5] = [
    ".bashrc",
    ".bash_profile",
    ".profile",
    ".zshrc",
    ".zprofile",
];
pub const VAULT_FILE: &str = "/rw/config/split-ssh-vault";
const SOCKET: &str = "/run/split-ssh-client/agent.sock";
const UNIT: &str = "/usr/lib/systemd/system/split-ssh-client.socket";
const PROFILE: &str = "/etc/profile.d/split-ssh.sh";
/// dom0's file in the guide and in henn's scripts.
const OLD_POLICY: &str = "/etc/qubes-rpc/policy/qubes.SshAgent";

/// Whether our package is here to take over.
pub fn is_packaged(place: &Machine) -> bool {
    place.has(UNIT)
}

pub const INSTALL_FIRST: &str =
    "first install split-ssh in this qube's template and restart the qube; then run this again";

/// A file with an old client's lines.
struct Old {
    file: PathBuf,
    whole: ScriptText,
    blocks: Vec<Block>,
    /// What the lines do.
    does: &'static str,
}

pub fn find(place: &Machine, found: &[Found], plan: &mut Plan) {
    let starts = old(place.at(RC_LOCAL), "start the old client");
    let dotfiles = DOTFILES.map(|name| place.paths.home.join(name));
    let points: Vec<Old> = dotfiles
        .into_iter()
        .filter_map(|file| old(file, "set SSH_AUTH_SOCK"))
        .collect();
    if starts.is_none() && points.is_empty() {
        return;
    }
    let vaults = vaults(starts.as_ref(), &points);
    let is_changed = |old: &Old| old.blocks.iter().any(|block| block.is_changed);
    let mut part = Part::new(match vaults.as_slice() {
        [] if starts.iter().chain(&points).any(is_changed) => {
            "a client of the guide's scripts, changed by hand".to_owned()
        }
        [] => "a client of the guide's scripts, switched off".to_owned(),
        [vault] => format!("a client of the guide's scripts, with the vault `{vault}`"),
        vaults => format!(
            "a client of the guide's scripts, with the vaults `{}`",
            vaults.join("`, `")
        ),
    });
    if !is_packaged(place) {
        part.by_hand.push(INSTALL_FIRST.to_owned());
        return plan.add(part);
    }
    part.by_hand = starts.iter().chain(&points).flat_map(own_words).collect();
    if !part.by_hand.is_empty() {
        return plan.add(part);
    }
    part.changes.extend(starts.iter().map(take_out));
    // Without our profile nothing else would set the variable.
    if place.has(PROFILE) {
        part.changes.extend(points.iter().map(take_out));
    }
    match vaults.as_slice() {
        [] => {}
        [vault] => {
            part.changes.extend(name_vault(place, vault));
            part.changes
                .extend(keep_socket(place, vault, SOCKET.into()));
        }
        vaults => name_vaults(place, vaults, &mut part),
    }
    leave_sockets_of_others(found, starts.as_ref(), &points, &mut part);
    if !vaults.is_empty() && !part.changes.is_empty() {
        part.say_policy(place, &vaults, &[]);
        part.by_hand.push(format!(
            "in dom0, remove {OLD_POLICY} when no old client is left"
        ));
    }
    plan.add(part);
}

/// Another script would put its own socket over our link at the next start of the qube.
fn leave_sockets_of_others(found: &[Found], starts: Option<&Old>, points: &[Old], part: &mut Part) {
    let goes = |one: &Found| {
        let mut old = starts.into_iter().chain(points);
        old.any(|old| {
            let mut blocks = old.blocks.iter();
            old.file == one.file
                && blocks.any(|block| (block.first..=block.last).contains(&one.line))
        })
    };
    let mut by_hand = Vec::new();
    part.changes.retain(|change| {
        let Change::Link { link, .. } = change else {
            return true;
        };
        let link = link.display().to_string();
        let name = link.rsplit('/').next().unwrap_or_default();
        let makes = |one: &&Found| one.does.starts_with("listens at") && one.does.contains(name);
        let Some(other) = found.iter().filter(|one| !goes(one)).find(makes) else {
            return true;
        };
        by_hand.push(format!(
            "{link} is not linked to our socket: {}:{} makes it again at each start; remove that line, then run this again",
            other.file.display(),
            other.line
        ));
        false
    });
    part.by_hand.extend(by_hand);
}

fn old(file: PathBuf, does: &'static str) -> Option<Old> {
    let whole = read_script(&file)?;
    let blocks = shell::find(&whole.text);
    (!blocks.is_empty()).then_some(Old {
        file,
        whole,
        blocks,
        does,
    })
}

/// The vaults of the clients that are started; first the one that programs use.
fn vaults(starts: Option<&Old>, points: &[Old]) -> Vec<String> {
    let of = |old: &Old| -> Vec<String> {
        let named = old.blocks.iter().filter_map(|block| block.vault.clone());
        named.collect()
    };
    let used: Vec<String> = points.iter().flat_map(of).collect();
    let mut vaults = starts.map(of).unwrap_or_default();
    if starts.is_none() {
        vaults.clone_from(&used);
    }
    // Of several assignments in a shell the last one counts.
    if let Some(index) = used
        .last()
        .and_then(|used| vaults.iter().position(|vault| vault == used))
    {
        vaults.swap(0, index);
    }
    let mut seen = Vec::new();
    vaults.retain(|vault| {
        let is_new = !seen.contains(vault);
        seen.push(vault.clone());
        is_new
    });
    vaults
}

/// What only its owner can take apart.
fn own_words(old: &Old) -> Vec<String> {
    let file = old.file.display();
    let does = old.does;
    let mut words: Vec<String> = old
        .blocks
        .iter()
        .filter(|block| block.is_changed)
        .map(|Block { first, last, .. }| {
            format!(
                "lines {first} to {last} of {file} {does}, and others among them do more: \
                 take out what split-ssh does now, then run this again"
            )
        })
        .collect();
    if let Some(why) = old.whole.unfit {
        words.push(format!(
            "{file} {why}, so it is left alone: take out {}, which {does}, then run this again",
            lines(&old.blocks)
        ));
    }
    words
}

fn take_out(old: &Old) -> Change {
    Change::Edit {
        file: old.file.clone(),
        text: shell::without(&old.whole.text, &old.blocks),
        why: format!("take out {}, which {}", lines(&old.blocks), old.does),
    }
}

fn lines(blocks: &[Block]) -> String {
    let all = blocks.iter();
    let all: Vec<String> = all
        .map(|Block { first, last, .. }| format!("{first} to {last}"))
        .collect();
    format!("lines {}", all.join(" and "))
}

/// Our client is switched on by naming its vault.
pub fn name_vault(place: &Machine, vault: &str) -> Option<Change> {
    (!place.has(VAULT_FILE)).then(|| Change::Write {
        file: place.at(VAULT_FILE),
        text: format!("{vault}\n"),
        why: "switches our client on and names its vault".to_owned(),
    })
}

/// Several vaults have a socket each; the first one's is what SSH_AUTH_SOCK leads to.
fn name_vaults(place: &Machine, vaults: &[String], part: &mut Part) {
    let file = place.paths.config.join("client.toml");
    let entries = vaults.iter();
    let text: String = entries
        .map(|vault| format!("[[vault]]\nname = \"{vault}\"\nqube = \"{vault}\"\n\n"))
        .collect();
    if file.exists() {
        part.changes.clear();
        part.by_hand.push(format!(
            "see that {} has a [[vault]] for each of {}, take out the lines of the old clients, \
             then run this again",
            file.display(),
            vaults.join(", ")
        ));
        return;
    }
    part.changes.push(Change::Write {
        file,
        text: text.trim_end().to_owned() + "\n",
        why: "names the vaults, each with a socket of its own".to_owned(),
    });
    part.changes
        .extend(vaults.first().and_then(|vault| name_vault(place, vault)));
    for vault in vaults {
        let socket = format!(".split-ssh/{vault}.sock");
        let socket = place.paths.home.join(socket);
        part.changes.extend(keep_socket(place, vault, socket));
    }
}

/// Programs and scripts that know the old socket find ours there.
fn keep_socket(place: &Machine, vault: &str, target: PathBuf) -> Option<Change> {
    let link = place.paths.home.join(format!(".SSH_AGENT_{vault}"));
    let is_done = fs::read_link(&link).is_ok_and(|found| found == target);
    (!is_done).then(|| Change::Link {
        link,
        target,
        why: "so that whatever knows the old socket finds ours".to_owned(),
    })
}
