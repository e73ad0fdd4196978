//! Tells one state of the files from another without reading them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock;

/// One state of a list of files: each one's inode, change time and size, or that it is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(Vec<Option<Stamp>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    /// Seconds and nanoseconds since 1970 of the last change to the file or to what is known of it.
    changed: (i64, i64),
    /// Bytes.
    size: u64,
}

impl Stamps {
    pub fn of(paths: &[PathBuf]) -> Self {
        let stamp = |path: &PathBuf| {
            let found = fs::metadata(path).ok()?;
            Some(Stamp {
                inode: found.ino(),
                changed: (found.ctime(), found.ctime_nsec()),
                size: found.size(),
            })
        };
        Self(paths.iter().map(stamp).collect())
    }

    /// Whether the newest change is at least this old. A clock that was set back makes changes look new.
    pub fn are_older_than(&self, age: Duration) -> bool {
        let now = clock::since_1970();
        let newest = self.0.iter().flatten().map(|stamp| stamp.changed).max();
        newest.is_none_or(|(seconds, nanos)| {
            let seconds = u64::try_from(seconds).unwrap_or(0);
            let nanos = u32::try_from(nanos).unwrap_or(0);
            now.checked_sub(Duration::new(seconds, nanos)) >= Some(age)
        })
    }
}
