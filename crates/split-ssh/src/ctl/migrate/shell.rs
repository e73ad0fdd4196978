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
    /// Whether somebody put other lines in.
    pub is_changed: bool,
}

/// The first block of an old client.
pub fn find(text: &str) -> Option<Block> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let (first, last) = marked(&lines).or_else(|| unmarked(&lines))?;
    let inside = lines.get(first..=last)?;
    let vault = inside.iter().find_map(|line| value(line));
    let vault = vault.filter(|name| matches!(Caller::parse(name), Ok(Caller::Qube(_))));
    Some(Block {
        first: first + 1,
        last: last + 1,
        vault,
        is_changed: !inside.iter().all(|line| is_known(line)),
    })
}

/// The text without the block, and without the empty lines that it leaves at the end.
pub fn without(text: &str, block: &Block) -> String {
    let kept = text.lines().enumerate().filter(|(index, _)| {
        let number = index + 1;
        number < block.first || number > block.last
    });
    let mut left: Vec<&str> = kept.map(|(_, line)| line).collect();
    while left.last().is_some_and(|line| line.trim().is_empty()) {
        left.pop();
    }
    left.iter().map(|line| format!("{line}\n")).collect()
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
    let mut first = lines.iter().position(|line| value(line).is_some())?;
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

fn value(line: &str) -> Option<String> {
    let value = line.strip_prefix("SSH_VAULT_VM=")?;
    Some(value.trim_matches(['"', '\'']).to_owned())
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
        || value(line).is_some()
        || line == "if [ \"$SSH_VAULT_VM\" != \"\" ]; then"
        || line == "fi"
        || line == "rm -f \"$SSH_SOCK\""
        || exports("SSH_SOCK=")
        || exports("SSH_AUTH_SOCK=")
        || (line.starts_with("sudo -u user /bin/sh -c \"umask 177 && ")
            && line.contains("qrexec-client-vm $SSH_VAULT_VM qubes.SshAgent"))
}
