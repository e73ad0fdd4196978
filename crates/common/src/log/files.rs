//! Where the log's files are, and how they are opened for reading.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
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

/// The error with the file that it is about.
pub fn with_path(path: &Path, error: &io::Error) -> io::Error {
    let text = format!("{}: {}", path.display(), crate::error::reason(error));
    io::Error::new(error.kind(), text)
}

/// All files that there are, oldest first. They are opened from the newest on: a rotation in between
/// can show one twice, which is dropped here, but hides none.
pub fn open_all(folder: &Path) -> io::Result<Vec<(PathBuf, File)>> {
    let mut opened: Vec<(PathBuf, File)> = Vec::new();
    let mut seen = Vec::new();
    for path in std::iter::once(newest(folder))
        .chain((1..=MAX_OLD_FILES).map(|number| kept(folder, number)))
    {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(with_path(&path, &error)),
        };
        let about = file.metadata()?;
        let identity = (about.dev(), about.ino());
        if !seen.contains(&identity) {
            seen.push(identity);
            opened.push((path, file));
        }
    }
    opened.reverse();
    Ok(opened)
}
