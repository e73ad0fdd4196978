//! The head of the chain in the journal, which the vault's user cannot rewrite: with it lines that were
//! cut from the log's end are missed, and a chain that was made anew is told from the old one.

use std::path::Path;
use std::process::{Command, Stdio};

use super::journal::{self, Priority};

/// Finds the heads among other messages.
const MESSAGE_ID: &str = "6c0f5a0e4f7b4a0c9b0d2f6de3a9c1b7";
const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Heads that are read back: a week of minutes.
const MAX_HEADS: &str = "10080";

/// The last line of the log at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    /// The line's `hash`.
    pub hash: String,
}

pub fn note(head: &Head, file: &Path) {
    journal::note(
        Priority::Info,
        &sentence(head, file),
        &[("MESSAGE_ID", MESSAGE_ID)],
    );
}

fn sentence(head: &Head, file: &Path) -> String {
    format!(
        "log head: record {} hash {} in {}",
        head.seq,
        head.hash,
        file.display()
    )
}

/// The heads that the journal holds of the log in `file`, as our own user wrote them; empty where there
/// is no journal, or none that we may read.
pub fn noted(file: &Path) -> Vec<Head> {
    let output = Command::new(JOURNALCTL)
        .args([
            "--quiet",
            "--no-pager",
            "--output=cat",
            "--lines",
            MAX_HEADS,
        ])
        .arg(format!("MESSAGE_ID={MESSAGE_ID}"))
        .arg(format!("_UID={}", nix::unistd::geteuid()))
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Ok(output) = output else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| read(line, file)).collect()
}

fn read(line: &str, file: &Path) -> Option<Head> {
    let mut words = line.strip_prefix("log head: record ")?.split(' ');
    let head = Head {
        seq: words.next()?.parse().ok()?,
        hash: words.nth(1)?.to_owned(),
    };
    (sentence(&head, file) == line).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_back_for_its_own_file_only() {
        let head = Head {
            seq: 12,
            hash: "ab".repeat(32),
        };
        let line = sentence(&head, Path::new("/a b/log.jsonl"));
        assert_eq!(read(&line, Path::new("/a b/log.jsonl")), Some(head));
        assert_eq!(read(&line, Path::new("/other/log.jsonl")), None);
        assert_eq!(read("log head: record", Path::new("/")), None);
    }
}
