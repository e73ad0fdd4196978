//! The folder of the log, held by one writer.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use common::error::Error;
use common::log::files::{MAX_OLD_FILES, kept, newest};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::error::{failed, not_safe};

const LOCK: &str = "log.lock";
const OTHERS_WRITE: u32 = 0o022;

/// The folder of a log, held by one writer.
pub(super) struct LockedLogDir {
    folder: PathBuf,
    _lock: Flock<File>,
}

impl LockedLogDir {
    pub(super) fn take(folder: &Path) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| failed("making the folder of", folder, &source))?;
        check(folder)?;
        let path = folder.join(LOCK);
        let file = owned(
            OpenOptions::new().write(true).create(true).truncate(false),
            &path,
        )?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err((_, Errno::EWOULDBLOCK)) => {
                let folder = folder.display();
                let busy = Error::new(format!("another vault writes the log in {folder}"));
                Err(busy.hint("`split-ssh status` shows it"))
            }
            Err((_, errno)) => Err(failed("locking", &path, &errno.into())),
        }
    }

    /// Refuses a folder that others have come to own or write since it was taken: they could put another log there.
    pub(super) fn check(&self) -> Result<(), Error> {
        check(&self.folder)
    }

    pub(super) fn newest(&self) -> PathBuf {
        newest(&self.folder)
    }

    /// The kept file that was written before `log.jsonl`, if any.
    pub(super) fn before_newest(&self) -> Option<PathBuf> {
        (1..=MAX_OLD_FILES)
            .map(|number| kept(&self.folder, number))
            .find(|path| path.exists())
    }

    /// Opens `log.jsonl` for appending, and begins it if need be.
    pub(super) fn open_newest(&self) -> Result<File, Error> {
        owned(
            OpenOptions::new().read(true).append(true).create(true),
            &self.newest(),
        )
    }

    /// Makes room for a new `log.jsonl`. A crash in between leaves a gap in the numbers, which the next
    /// rotation fills.
    pub(super) fn rotate(&self) -> Result<(), Error> {
        let free = (1..=MAX_OLD_FILES)
            .find(|&number| !kept(&self.folder, number).exists())
            .unwrap_or(MAX_OLD_FILES);
        for number in (1..free).rev() {
            self.rename(&kept(&self.folder, number), &kept(&self.folder, number + 1))?;
        }
        self.rename(&self.newest(), &kept(&self.folder, 1))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        fs::rename(from, to).map_err(|source| failed("rotating", from, &source))
    }

    /// Brings renamed and new names to the disk.
    pub(super) fn sync_names(&self) -> Result<(), Error> {
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed("syncing the folder of", &self.folder, &source))
    }
}

fn check(folder: &Path) -> Result<(), Error> {
    let about =
        fs::metadata(folder).map_err(|source| failed("reading the folder of", folder, &source))?;
    check_is_ours(folder, &about)
}

fn check_is_ours(path: &Path, about: &Metadata) -> Result<(), Error> {
    if about.uid() != nix::unistd::geteuid().as_raw() {
        Err(not_safe(path, "it belongs to another user"))
    } else if about.mode() & OTHERS_WRITE != 0 {
        Err(not_safe(path, "others can write it"))
    } else {
        Ok(())
    }
}

fn owned(options: &mut OpenOptions, path: &Path) -> Result<File, Error> {
    let file = options
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)
        .map_err(|source| match source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ELOOP) => not_safe(path, "it is a symbolic link"),
            _ => failed("opening", path, &source),
        })?;
    let about = file
        .metadata()
        .map_err(|source| failed("opening", path, &source))?;
    if !about.is_file() {
        return Err(not_safe(path, "it is no plain file"));
    }
    check_is_ours(path, &about)?;
    Ok(file)
}
