//! The lines that the community guide and henn's scripts have people write into a client's files. Only these, word for
//! word but for the vault's name, are ours to take out.

use std::ops::RangeInclusive;

use policy::caller::Caller;

pub const RC_LOCAL: [&str; 2] = [
    include_str!("documented/guide-rc.local"),
    include_str!("documented/henn-rc.local"),
];
pub const BASHRC: [&str; 2] = [
    include_str!("documented/guide-bashrc"),
    include_str!("documented/henn-bashrc"),
];

/// One client's lines in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// From 1.
    pub lines: RangeInclusive<usize>,
    pub vault: String,
}

/// The blocks of `text` that stand in one of the documents; how lines are indented does not matter.
pub fn find(text: &str, documents: &[&str]) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut blocks = Vec::new();
    for document in documents {
        let documented: Vec<&str> = document.lines().map(str::trim).collect();
        let windows = lines.windows(documented.len()).enumerate();
        blocks.extend(windows.filter_map(|(index, window)| {
            let is_same = |(line, documented): (&&str, &&str)| {
                line == documented || (vault(line).is_some() && vault(documented).is_some())
            };
            let vault = window.iter().find_map(|line| vault(line))?;
            let is_it = window.iter().zip(&documented).all(is_same);
            is_it.then(|| Block {
                lines: index + 1..=index + documented.len(),
                vault: vault.to_owned(),
            })
        }));
    }
    blocks
}

/// The qube that a line gives to `SSH_VAULT_VM`; `None` if it does anything else.
fn vault(line: &str) -> Option<&str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let value = line.strip_prefix("SSH_VAULT_VM=")?;
    let value = value.split_once(" #").map_or(value, |(value, _)| value);
    let name = value.trim().trim_matches(['"', '\'']);
    matches!(Caller::parse(name), Ok(Caller::Qube(_))).then_some(name)
}

/// The text without the blocks, and without the empty lines that they leave at the end.
pub fn without(text: &str, blocks: &[Block]) -> String {
    let is_inside = |number: usize| blocks.iter().any(|block| block.lines.contains(&number));
    let lines = (1..).zip(text.split_inclusive('\n'));
    let left = lines.filter(|(number, _)| !is_inside(*number));
    let mut left: Vec<&str> = left.map(|(_, line)| line).collect();
    while left.last().is_some_and(|line| line.trim().is_empty()) {
        left.pop();
    }
    left.concat()
}
