//! The head of the chain in the journal, which the vault's user cannot rewrite: with it lines that were
//! cut from the log's end are missed, and a chain that was made anew is told from the old one.

use std::path::Path;

use super::journal::{self, Priority};

/// Finds the heads among other messages.
pub const MESSAGE_ID: &str = "6c0f5a0e4f7b4a0c9b0d2f6de3a9c1b7";

/// The last line of the log at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    /// The line's `hash`.
    pub hash: String,
}

/// Notes it in the journal.
pub fn note(head: &Head, file: &Path) {
    journal::note(
        Priority::Info,
        &sentence(head, file),
        &[("MESSAGE_ID", MESSAGE_ID)],
    );
}

/// How the journal says it; what reads heads back compares with it.
pub fn sentence(head: &Head, file: &Path) -> String {
    format!(
        "log head: record {} hash {} in {}",
        head.seq,
        head.hash,
        file.display()
    )
}
