//! One change to one file: whole or not at all, with the old file kept beside the new one.

use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// Old files of one name that are kept; nobody migrates more often.
const MAX_KEPT: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// New text for a file that is there.
    Edit {
        file: PathBuf,
        text: String,
        why: String,
    },
    /// A file that is not there yet.
    Write {
        file: PathBuf,
        text: String,
        why: String,
    },
    /// A link, in place of whatever has its name.
    Link {
        link: PathBuf,
        target: PathBuf,
        why: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edit { file, why, .. } => write!(f, "{}: {why}", file.display()),
            Self::Write { file, why, .. } => write!(f, "write {}: {why}", file.display()),
            Self::Link { link, target, why } => {
                write!(f, "link {} to {}: {why}", link.display(), target.display())
            }
        }
    }
}

impl Change {
    /// Returns where the old file is kept, if there was one.
    ///
    /// # Errors
    /// Nothing is changed then, but perhaps a copy is left.
    pub fn apply(&self) -> io::Result<Option<PathBuf>> {
        match self {
            Self::Edit { file, text, .. } => {
                // The user's dotfiles may be links into a repository.
                let file = fs::canonicalize(file)?;
                let kept = keep(&file)?;
                let old = fs::metadata(&file)?;
                let draft = write_draft(&file, text, old.permissions().mode() & 0o7777)?;
                if geteuid().is_root() {
                    lchown(&draft, Some(old.uid()), Some(old.gid()))?;
                }
                fs::rename(draft, &file)?;
                Ok(Some(kept))
            }
            Self::Write { file, text, .. } => {
                make_folder(file)?;
                let draft = write_draft(file, text, 0o644)?;
                give_to_owner_of_folder(&draft)?;
                // Unlike rename(2), link(2) overwrites nothing.
                let made = fs::hard_link(&draft, file);
                fs::remove_file(draft)?;
                made.map(|()| None)
            }
            Self::Link { link, target, .. } => {
                make_folder(link)?;
                let kept = match fs::symlink_metadata(link) {
                    Err(_) => None,
                    Ok(found) if found.is_file() => {
                        let kept = keep(link)?;
                        // In qubes-rpc whatever is executable can be called.
                        fs::set_permissions(&kept, Permissions::from_mode(0o600))?;
                        Some(kept)
                    }
                    // Links and dead sockets hold nothing.
                    Ok(_) => None,
                };
                let draft = draft_of(link);
                let _ = fs::remove_file(&draft);
                symlink(target, &draft)?;
                give_to_owner_of_folder(&draft)?;
                fs::rename(draft, link)?;
                Ok(kept)
            }
        }
    }
}

/// Copies a file to the first free `FILE.before-split-ssh`.
fn keep(file: &Path) -> io::Result<PathBuf> {
    for number in 1..MAX_KEPT {
        let mut name = file.as_os_str().to_owned();
        name.push(".before-split-ssh");
        if number > 1 {
            name.push(format!(".{number}"));
        }
        let kept = PathBuf::from(name);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&kept);
        match made {
            Ok(_) => {
                // Copies the mode as well.
                fs::copy(file, &kept)?;
                if geteuid().is_root() {
                    let old = fs::metadata(file)?;
                    lchown(&kept, Some(old.uid()), Some(old.gid()))?;
                }
                return Ok(kept);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many old copies beside it"))
}

fn write_draft(file: &Path, text: &str, mode: u32) -> io::Result<PathBuf> {
    let draft = draft_of(file);
    let _ = fs::remove_file(&draft);
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    out.write_all(text.as_bytes())?;
    out.set_permissions(Permissions::from_mode(mode))?;
    out.sync_all()?;
    Ok(draft)
}

fn draft_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".split-ssh-new");
    PathBuf::from(name)
}

fn make_folder(file: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut folder = file.parent();
    while let Some(path) = folder.filter(|path| !path.exists()) {
        missing.push(path);
        folder = path.parent();
    }
    for path in missing.into_iter().rev() {
        fs::create_dir(path)?;
        let is_private = path.components().any(|part| part.as_os_str() == ".ssh");
        let mode = if is_private { 0o700 } else { 0o755 };
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        give_to_owner_of_folder(path)?;
    }
    Ok(())
}

/// Root's new files in a user's folder are the user's.
fn give_to_owner_of_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if geteuid().is_root() => {
            let owner = fs::metadata(folder)?;
            lchown(path, Some(owner.uid()), Some(owner.gid()))
        }
        _ => Ok(()),
    }
}
