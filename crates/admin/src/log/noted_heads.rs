//! The heads of the log that the journal holds.

use std::path::Path;
use std::process::{Command, Stdio};

use common::log::heads::{Head, MESSAGE_ID, sentence};

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Heads that are read back: a week of minutes.
const MAX_HEADS: &str = "10080";

/// The heads that the journal holds of the log in `file`, as our own user wrote them; empty where there
/// is no journal, or none that we may read.
pub fn noted(file: &Path) -> Vec<Head> {
    let output = Command::new(JOURNALCTL)
        .args(["--quiet", "--no-pager", "--output=cat"])
        .args(["--lines", MAX_HEADS])
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
