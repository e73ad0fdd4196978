//! Files that decide whom the vault trusts: read only when nobody else can write them, replaced whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::Uid;

use crate::error::Error;
use crate::open_files::is_open_for_writing;
use crate::stamps::Stamps;

/// Write permission for group and others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Reads a file of at most `max` bytes; `None` if there is none.
///
/// # Errors
/// It, or the folder that it is in, belongs to or can be written by somebody else than us and root;
/// it is larger, no regular file, or unreadable.
pub fn read(path: &Path, max: usize) -> Result<Option<Vec<u8>>, Error> {
    let failed = |error: io::Error| Error::io("read", path, &error);
    // A pipe in the file's place must not make us wait for a writer.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let status = file.metadata().map_err(failed)?;
    if !status.is_file() {
        return Err(Error::new(format!("{} is not a file", path.display())));
    }
    refuse_others(path, &status)?;
    // Behind a link, both folders can put another file in its place.
    let target = fs::canonicalize(path).map_err(failed)?;
    let folders = [path.parent(), target.parent()].into_iter().flatten();
    for folder in folders.filter(|folder| !folder.as_os_str().is_empty()) {
        check_folder(folder)?;
    }
    let mut contents = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let read = file.take(limit).read_to_end(&mut contents);
    read.map_err(failed)?;
    if contents.len() > max {
        let what = format!("{} is larger than {max} bytes", path.display());
        return Err(Error::new(what));
    }
    Ok(Some(contents))
}

/// Files that have not changed for this long count as saved whole: programs that save in several goes need less
/// between two of them.
const SETTLE_TIME: Duration = Duration::from_millis(200);
/// Nobody saves a file for longer.
const SAVE_TIME: Duration = Duration::from_secs(5);
/// How often a file that is being saved is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits until a file that decides something is whole: nobody has it open for writing, as far as we can see, and it has
/// not changed for a moment. Half of it can be valid and say less than all of it. A file that does not exist is whole.
///
/// # Errors
/// It goes on changing for five seconds.
pub fn wait_until_saved(path: &Path) -> Result<(), Error> {
    let files = [path.to_owned()];
    let end = Instant::now() + SAVE_TIME;
    let mut seen = Stamps::of(&files);
    let mut since = Instant::now();
    loop {
        let is_old = seen.are_older_than(SETTLE_TIME);
        // By a clock that was set back a file is never old.
        if (is_old || since.elapsed() >= SETTLE_TIME) && !is_open_for_writing(&files) {
            return Ok(());
        }
        if Instant::now() > end {
            let what = format!("{} is being written all the time", path.display());
            let hint = format!("`fuser -v {}` shows what writes it", quoted(path));
            return Err(Error::new(what).hint(hint));
        }
        thread::sleep(POLL_INTERVAL);
        let now = Stamps::of(&files);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
}

/// Refuses a folder in which somebody else could put or replace files.
///
/// # Errors
/// It belongs to or can be written by somebody else than us and root, or cannot be looked at.
pub fn check_folder(folder: &Path) -> Result<(), Error> {
    let status = fs::metadata(folder).map_err(|error| Error::io("read", folder, &error))?;
    refuse_others(folder, &status)
}

fn refuse_others(path: &Path, status: &fs::Metadata) -> Result<(), Error> {
    let (path, us) = (path.display(), Uid::effective());
    let (what, remedy) = if status.uid() != 0 && status.uid() != us.as_raw() {
        ("belongs to another user", format!("sudo chown {us}"))
    } else if status.mode() & WRITABLE_BY_OTHERS != 0 {
        ("can be written by others", "chmod go-w".to_owned())
    } else {
        return Ok(());
    };
    let what = format!("{path} {what}, who could change what the vault trusts");
    Err(Error::new(what).hint(format!("look through it, then: `{remedy} '{path}'`")))
}

/// A folder whose writers wait for each other; unlocked by drop.
pub type Lock = Flock<File>;

/// Waits until no other writer holds `folder`, which is made if it is missing.
///
/// # Errors
/// The folder cannot be made, opened or locked.
pub fn lock(folder: &Path) -> Result<Lock, Error> {
    let failed = |error: io::Error| Error::io("lock", folder, &error);
    make_folder(folder).map_err(failed)?;
    let file = File::open(folder).map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Replaces a file, whose mode stays, or makes it, mode 0600; whoever reads it sees the old contents or the new, never a part.
///
/// # Errors
/// The folder cannot be made, or the file not be written; the old file then stays.
pub fn replace(path: &Path, contents: &[u8]) -> Result<(), Error> {
    write(path, contents, true).map_err(|error| Error::io("write", path, &error))
}

/// The same for what we made and can make again: its mode is 0600 whatever it was, and when the machine crashes, it may be
/// lost.
///
/// # Errors
/// As [`replace`].
pub fn replace_unsynced(path: &Path, contents: &[u8]) -> io::Result<()> {
    write(path, contents, false)
}

fn write(path: &Path, contents: &[u8], is_synced: bool) -> io::Result<()> {
    // A link from a dotfiles folder stays a link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = folder.join(name);
    let old = fs::metadata(&target).ok().filter(|_| is_synced);
    let mode = old.map_or(0o600, |old| old.mode() & 0o777);
    let written = write_new(&temporary, contents, mode, is_synced)
        .and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The name itself survives a crash only once the folder is on disk.
    match is_synced {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

fn write_new(path: &Path, contents: &[u8], mode: u32, is_synced: bool) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(contents)?;
    match is_synced {
        true => file.sync_all(),
        false => Ok(()),
    }
}

/// A path as one word of a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn files_that_others_can_write_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        assert_eq!(read(&path, 9).unwrap(), None);
        replace(&path, b"ssh").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&path, 3).unwrap().as_deref(), Some(&b"ssh"[..]));
        assert!(
            read(&path, 2)
                .unwrap_err()
                .to_string()
                .contains("larger than 2 bytes")
        );
        for mode in [0o620, 0o602] {
            chmod(&path, mode);
            assert!(
                read(&path, 9)
                    .unwrap_err()
                    .to_string()
                    .contains("can be written by others")
            );
        }
        chmod(&path, 0o644);
        read(&path, 9).unwrap();
        chmod(dir.path(), 0o777);
        assert!(
            read(&path, 9)
                .unwrap_err()
                .to_string()
                .contains("can be written by others")
        );
    }

    /// Also one that takes its time between two blocks.
    #[test]
    fn a_file_that_is_open_for_writing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.toml");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"first").unwrap();
        let writer = thread::spawn(move || {
            thread::sleep(SETTLE_TIME * 3);
            file.write_all(b"second").unwrap();
        });
        wait_until_saved(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "firstsecond");
        writer.join().unwrap();
    }

    /// A writer that saves in several goes is waited for; what it wrote before it paused is not the file.
    #[test]
    fn a_file_that_is_being_written_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.toml");
        wait_until_saved(&path).unwrap();
        fs::write(&path, "first").unwrap();
        let writer = thread::spawn({
            let path = path.clone();
            move || {
                for part in ["second", "third"] {
                    thread::sleep(SETTLE_TIME / 4);
                    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
                    file.write_all(part.as_bytes()).unwrap();
                }
            }
        });
        wait_until_saved(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "firstsecondthird");
        writer.join().unwrap();
    }

    #[test]
    fn a_pipe_or_folder_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(
            read(&pipe, 9)
                .unwrap_err()
                .to_string()
                .contains("is not a file")
        );
        assert!(read(dir.path(), 9).is_err());
    }

    #[test]
    fn a_link_stays_a_link_and_nothing_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        replace(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        chmod(&target, 0o640);
        replace(&link, b"newer").unwrap();
        assert_eq!(fs::metadata(&target).unwrap().mode() & 0o777, 0o640);
    }
}
