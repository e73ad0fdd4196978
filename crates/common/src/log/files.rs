//! Where the log's files are.

use std::path::{Path, PathBuf};

/// Bytes of one file: some 10 000 records, quick to read at once.
pub const MAX_FILE: u64 = 8 * 1024 * 1024;
/// Files kept beside the one that is written: with it at most 72 MiB.
pub const MAX_OLD_FILES: u32 = 8;

const NEWEST_FILE: &str = "log.jsonl";

/// The file that is written.
pub fn newest(folder: &Path) -> PathBuf {
    folder.join(NEWEST_FILE)
}

/// The kept file with this number, 1 the newest.
pub fn kept(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{NEWEST_FILE}.{number}"))
}
