//! Whether somebody is writing a file, by `inotify(7)`, which tells of every process, but only of what happens while a
//! file or its folder is watched. [`common::open_files`] tells of any time, but only of our own user's processes, and of
//! none where the vault's unit has users of its own (`PrivateUsers=`).

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use common::stamps::Stamps;

/// How long a file of a folder that is new may be written without our seeing it: its first block came before we could
/// watch the folder, and the next may take its time.
const UNSEEN_TIME: Duration = Duration::from_secs(10);

/// As many links as Linux follows, path_resolution(7).
const MAX_LINKS: usize = 40;

/// A file, and what it leads to if it is a link, whether that is there or not: whoever saves the target again makes
/// it in the target's folder.
fn with_targets(file: &Path) -> Vec<PathBuf> {
    let next = |link: &PathBuf| Some(link.parent()?.join(fs::read_link(link).ok()?));
    let targets = std::iter::successors(Some(file.to_owned()), next);
    targets.take(MAX_LINKS).collect()
}

/// A file that is watched itself, or one in a folder that is.
type Written = (WatchDescriptor, Option<OsString>);

/// Files that somebody has written to and not closed since, as far as the kernel tells.
pub struct Writers {
    /// `None`: this system gives us none, and only time tells whether a file is whole.
    inotify: Option<Inotify>,
    /// Folders that are watched for some of their files: one that is not there yet is written from its first byte.
    files_in: HashMap<WatchDescriptor, HashSet<OsString>>,
    writing: HashSet<Written>,
    /// Files that were younger than [`UNSEEN_TIME`] when we began to watch their folder, and since when that is.
    unseen: HashMap<Written, Instant>,
    folders: HashSet<WatchDescriptor>,
    /// Whether [`common::open_files`] tells of the writers of such files.
    sees_processes: bool,
}

impl Writers {
    pub fn new(sees_processes: bool) -> Self {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Self {
            inotify: Inotify::init(flags).ok(),
            files_in: HashMap::new(),
            writing: HashSet::new(),
            unseen: HashMap::new(),
            folders: HashSet::new(),
            sees_processes,
        }
    }

    /// Watches these files, and the folders that they are in, whichever exist. What is watched already stays so.
    pub fn watch(&mut self, files: &[PathBuf]) {
        let Some(inotify) = &self.inotify else {
            return;
        };
        let writes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE;
        let ends = AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
        let files: Vec<PathBuf> = files.iter().flat_map(|file| with_targets(file)).collect();
        let mut folders = HashSet::new();
        for file in &files {
            // It may not exist; a look at it follows anyway.
            let _ = inotify.add_watch(file, writes | ends);
            let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
                continue;
            };
            let Ok(watch) = inotify.add_watch(folder, writes | ends) else {
                continue;
            };
            folders.insert(watch);
            // A folder of drop-ins is watched for all that is in it.
            if !files.iter().any(|other| other == folder) {
                self.files_in
                    .entry(watch)
                    .or_default()
                    .insert(name.to_owned());
            }
            let is_young = || {
                let stamps = Stamps::of(std::slice::from_ref(file));
                file.is_file() && !stamps.are_older_than(UNSEEN_TIME)
            };
            if !self.sees_processes && !self.folders.contains(&watch) && is_young() {
                let written = (watch, Some(name.to_owned()));
                self.unseen.insert(written, Instant::now());
            }
        }
        self.folders = folders;
    }

    /// Whether somebody may be writing a file whose first block came before we watched its folder.
    pub fn may_have_missed(&self) -> bool {
        let mut since = self.unseen.values();
        since.any(|since| since.elapsed() < UNSEEN_TIME)
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
            self.note(event);
        }
    }

    fn note(&mut self, event: InotifyEvent) {
        let InotifyEvent { wd, mask, name, .. } = event;
        if mask.contains(AddWatchFlags::IN_IGNORED) {
            self.files_in.remove(&wd);
            self.writing.retain(|(watched, _)| *watched != wd);
            self.unseen.retain(|(watched, _), _| *watched != wd);
            return;
        }
        let is_ours = match (&name, self.files_in.get(&wd)) {
            (Some(name), Some(names)) => names.contains(name),
            _ => true,
        };
        if !is_ours {
            return;
        }
        let written = (wd, name);
        self.unseen.remove(&written);
        if mask.contains(AddWatchFlags::IN_MODIFY) {
            self.writing.insert(written);
        } else {
            // Closed, or another file bears the name now.
            self.writing.remove(&written);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_written_from_its_first_byte_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, drop_ins) = (
            folder.path().join("policy.toml"),
            folder.path().join("policy.d"),
        );
        fs::create_dir(&drop_ins).unwrap();
        let mut writers = Writers::new(true);
        writers.watch(&[policy.clone(), drop_ins.clone()]);
        let mut is_written = || {
            writers.note_events();
            writers.has_written()
        };
        for path in [
            policy.clone(),
            drop_ins.join("10-more.toml"),
            policy.clone(),
        ] {
            let mut file = File::create(&path).unwrap();
            file.write_all(b"half").unwrap();
            assert!(is_written(), "{}", path.display());
            // Another file of the folder that is closed meanwhile.
            fs::write(path.with_extension("other"), "whole").unwrap();
            assert!(is_written());
            drop(file);
            assert!(!is_written());
        }
        let mut unlinked = File::create(&policy).unwrap();
        unlinked.write_all(b"half").unwrap();
        assert!(is_written());
        fs::rename(drop_ins.join("10-more.toml"), &policy).unwrap();
        assert!(!is_written(), "another file has its name");
        fs::write(folder.path().join("unknown"), "half").unwrap();
        assert!(!is_written());
    }

    #[test]
    fn a_file_behind_links_is_written_from_its_first_byte() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, dotfiles) = (folder.path().join("policy.toml"), folder.path().join("dot"));
        fs::create_dir(&dotfiles).unwrap();
        symlink("dot/link", &policy).unwrap();
        symlink("policy", dotfiles.join("link")).unwrap();
        let mut writers = Writers::new(false);
        writers.watch(std::slice::from_ref(&policy));
        let mut file = File::create(dotfiles.join("policy")).unwrap();
        file.write_all(b"half").unwrap();
        writers.note_events();
        assert!(writers.has_written());
        drop(file);
        writers.note_events();
        assert!(!writers.has_written());
    }

    #[test]
    fn a_file_that_came_before_its_folder_was_watched_may_be_half() {
        let folder = tempfile::tempdir().unwrap();
        let drop_ins = folder.path().join("policy.d");
        let file = drop_ins.join("10-more.toml");
        fs::create_dir(&drop_ins).unwrap();
        let mut open = File::create(&file).unwrap();
        open.write_all(b"half").unwrap();
        let files = [drop_ins.clone(), file.clone()];
        for (sees_processes, expected) in [(false, true), (true, false)] {
            let mut writers = Writers::new(sees_processes);
            writers.watch(&files);
            writers.note_events();
            assert_eq!(writers.may_have_missed(), expected);
        }
        let mut writers = Writers::new(false);
        writers.watch(&files);
        drop(open);
        writers.note_events();
        assert!(!writers.may_have_missed(), "it was closed");
        fs::write(drop_ins.join("20-more.toml"), "whole").unwrap();
        writers.watch(&[drop_ins.clone(), file, drop_ins.join("20-more.toml")]);
        writers.note_events();
        assert!(
            !writers.may_have_missed() && !writers.has_written(),
            "seen from the start"
        );
    }
}
