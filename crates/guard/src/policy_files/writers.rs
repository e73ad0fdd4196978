//! Whether somebody is writing a file at this moment: by `inotify(7)`, which tells of every process but only of
//! what happens while a file is watched, and by `/proc`, which tells of any time but only of our own user's processes.

use std::collections::HashSet;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// Files that somebody has written to and not closed since, as far as the kernel tells.
pub struct Writers {
    /// `None`: this system gives us none, and only time tells whether a file is whole.
    inotify: Option<Inotify>,
    writing: HashSet<WatchDescriptor>,
}

impl Writers {
    pub fn new() -> Self {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Self {
            inotify: Inotify::init(flags).ok(),
            writing: HashSet::new(),
        }
    }

    /// Watches these files, whichever exist. One that is watched already stays so.
    pub fn watch(&self, files: &[PathBuf]) {
        let writes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE;
        for file in files {
            if let Some(inotify) = &self.inotify {
                // It may not exist; a look at it follows anyway.
                let _ = inotify.add_watch(file, writes);
            }
        }
    }

    /// Whether a file that was written to since it is watched is not closed yet.
    pub fn has_written(&self) -> bool {
        !self.writing.is_empty()
    }

    /// Readable when there are events to be noted.
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    pub fn note_events(&mut self) {
        let Some(inotify) = &self.inotify else {
            return;
        };
        for event in inotify.read_events().unwrap_or_default() {
            if event.mask.contains(AddWatchFlags::IN_MODIFY) {
                self.writing.insert(event.wd);
            }
            let ended = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_IGNORED;
            if event.mask.intersects(ended) {
                self.writing.remove(&event.wd);
            }
        }
    }
}

/// Whether a process of our own user has one of these files open for writing.
pub fn is_open_for_writing(files: &[PathBuf]) -> bool {
    // As the links of /proc name them; a file that is not there is open nowhere.
    let files: HashSet<PathBuf> = files.iter().flat_map(fs::canonicalize).collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| {
        // Other users' processes, and those that have ended meanwhile, show nothing.
        let open = fs::read_dir(process.path().join("fd"));
        open.into_iter().flatten().flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|file| files.contains(&file))
                && is_for_writing(&process.path().join("fdinfo").join(descriptor.file_name()))
        })
    })
}

/// `flags` of `proc_pid_fdinfo(5)` are octal, as of `open(2)`: the lowest two bits are the access mode, 0 for reading.
fn is_for_writing(info: &Path) -> bool {
    let Ok(text) = fs::read_to_string(info) else {
        return false;
    };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u64::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| flags & 3 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_is_open_for_writing_until_its_writer_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = [folder.path().join("policy.toml")];
        assert!(!is_open_for_writing(&files), "it is not there");
        let writer = File::create(&files[0]).unwrap();
        assert!(is_open_for_writing(&files));
        drop(writer);
        let reader = File::open(&files[0]).unwrap();
        assert!(!is_open_for_writing(&files));
        drop(reader);
    }
}
