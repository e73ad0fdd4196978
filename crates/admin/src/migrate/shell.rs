//! The old client's lines in /rw/config/rc.local and ~/.bashrc, as the guide and henn's scripts have them.

use policy::caller::Caller;

const BEGIN: &str = "# SPLIT SSH CONFIGURATION >>>";
const END: &str = "# <<< SPLIT SSH CONFIGURATION";
/// The guide's block has 9 lines; more was added by somebody.
const MAX_LINES: usize = 30;
/// henn's remarks above the lines.
const REMARKS: [&str; 3] = [
    "# Uncomment next line to enable ssh agent forwarding",
    "# Append this to ~/.bashrc for ssh-vault",
    "# Set next line to the ssh key vault",
];

/// Lines `first..=last`, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub first: usize,
    pub last: usize,
    /// `None` where it was switched off by an empty name.
    pub vault: Option<String>,
    /// Whether somebody put other lines in, or the vault's name cannot be told.
    pub is_changed: bool,
}

/// The blocks of old clients, one for each vault.
pub fn find(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut blocks: Vec<Block> = Vec::new();
    loop {
        let done = blocks.last().map_or(0, |block| block.last);
        let rest = lines.get(done..).unwrap_or_default();
        let Some((first, last)) = earlier(marked(rest), unmarked(rest)) else {
            return blocks;
        };
        let inside = rest.get(first..=last).unwrap_or_default();
        let name = inside.iter().find_map(|line| word(assigned(line)?));
        let is_qube = |name: &String| matches!(Caller::parse(name), Ok(Caller::Qube(_)));
        let is_told = name
            .as_ref()
            .is_some_and(|name| name.is_empty() || is_qube(name));
        blocks.push(Block {
            first: done + first + 1,
            last: done + last + 1,
            vault: name.filter(is_qube),
            is_changed: !is_told || !inside.iter().all(|line| is_known(line)),
        });
    }
}

/// The text without the blocks, and without the empty lines that they leave at the end.
pub fn without(text: &str, blocks: &[Block]) -> String {
    let is_inside = |index: &usize| {
        let mut blocks = blocks.iter();
        blocks.any(|block| (block.first..=block.last).contains(&(index + 1)))
    };
    let lines = text.split_inclusive('\n').enumerate();
    let mut left: Vec<&str> = lines
        .filter(|(index, _)| !is_inside(index))
        .map(|(_, line)| line)
        .collect();
    while left.last().is_some_and(|line| line.trim().is_empty()) {
        left.pop();
    }
    left.concat()
}

/// The one that begins earlier; the one with marks if one is in the other.
fn earlier(
    marked: Option<(usize, usize)>,
    other: Option<(usize, usize)>,
) -> Option<(usize, usize)> {
    match (marked, other) {
        (Some(marked), Some(other)) if other.1 < marked.0 => Some(other),
        (Some(marked), _) => Some(marked),
        (None, other) => other,
    }
}

fn marked(lines: &[&str]) -> Option<(usize, usize)> {
    let first = lines.iter().position(|line| *line == BEGIN)?;
    let length = lines
        .iter()
        .skip(first)
        .take(MAX_LINES)
        .position(|line| *line == END)?;
    Some((first, first + length))
}

fn unmarked(lines: &[&str]) -> Option<(usize, usize)> {
    let mut first = lines.iter().position(|line| assigned(line).is_some())?;
    let after = lines.iter().skip(first).take(MAX_LINES);
    let last = first + after.clone().position(|line| *line == "fi")?;
    let names_socket = lines
        .get(first..=last)?
        .iter()
        .any(|line| line.contains(".SSH_AGENT_"));
    if !names_socket {
        return None;
    }
    while let Some(above) = first.checked_sub(1) {
        let line = lines.get(above)?;
        let is_gap = line.is_empty()
            && above
                .checked_sub(1)
                .and_then(|index| lines.get(index))
                .is_some_and(|line| is_remark(line));
        if !is_remark(line) && !is_gap {
            break;
        }
        first = above;
    }
    Some((first, last))
}

fn is_remark(line: &str) -> bool {
    REMARKS.iter().any(|remark| line.starts_with(remark))
}

/// What a line gives to `SSH_VAULT_VM`, as it stands there.
fn assigned(line: &str) -> Option<&str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    line.strip_prefix("SSH_VAULT_VM=")
}

/// The one word that the shell makes of it; `None` if that takes a shell.
fn word(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c));
    let (word, rest) = match quote {
        Some(quote) => text.get(1..)?.split_once(quote)?,
        None => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    };
    let is_over = rest.is_empty()
        || (rest.starts_with(char::is_whitespace)
            && (rest.trim().is_empty() || rest.trim().starts_with('#')));
    (is_over && !word.contains(['$', '`', '\\', '"', '\'', ';'])).then(|| word.to_owned())
}

/// Whether a line is one of those that the documents give.
fn is_known(line: &str) -> bool {
    let exports = |name: &str| {
        line.strip_prefix("export ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.contains(".SSH_AGENT_$SSH_VAULT_VM"))
    };
    line.is_empty()
        || line.starts_with('#')
        || assigned(line).and_then(word).is_some()
        || line == "if [ \"$SSH_VAULT_VM\" != \"\" ]; then"
        || line == "fi"
        || line == "rm -f \"$SSH_SOCK\""
        || exports("SSH_SOCK=")
        || exports("SSH_AUTH_SOCK=")
        || (line.starts_with("sudo -u user /bin/sh -c \"umask 177 && ")
            && line.contains("qrexec-client-vm $SSH_VAULT_VM qubes.SshAgent"))
}
