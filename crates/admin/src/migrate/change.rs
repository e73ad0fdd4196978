//! One change to one file: whole or not at all, with the old file kept beside the new one.

use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use common::identities::beside;
use nix::unistd::geteuid;

/// Old files of one name that are kept; nobody migrates more often.
const MAX_KEPT: usize = 100;

/// A file or link, in place of whatever has its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    path: PathBuf,
    new: NewContent,
    why: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewContent {
    Text(String),
    LinkTo(PathBuf),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.new {
            NewContent::Text(_) => write!(f, "{path}: {}", self.why),
            NewContent::LinkTo(target) => {
                write!(f, "link {path} to {}: {}", target.display(), self.why)
            }
        }
    }
}

impl Change {
    pub fn new(path: PathBuf, new: NewContent, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { path, new, why }
    }

    /// Returns where the old file is kept, if there was one.
    ///
    /// # Errors
    /// Nothing is changed then, but perhaps the old file has a second name.
    pub fn apply(&self) -> io::Result<Option<PathBuf>> {
        let is_link = matches!(self.new, NewContent::LinkTo(_));
        // The user's dotfiles may be links into a repository.
        let path = match fs::canonicalize(&self.path) {
            Ok(real) if !is_link => real,
            _ => self.path.clone(),
        };
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        // Links and dead sockets hold nothing.
        let old = fs::symlink_metadata(&path).ok();
        let old = old.filter(fs::Metadata::is_file);
        let draft = beside(&path, ".split-ssh-new");
        let _ = fs::remove_file(&draft);
        match &self.new {
            NewContent::LinkTo(target) => symlink(target, &draft)?,
            NewContent::Text(text) => {
                let mode = old.as_ref().map_or(0o644, |old| old.mode() & 0o7777);
                let mut file = OpenOptions::new();
                let mut file = file.write(true).create_new(true).mode(0o600).open(&draft)?;
                file.write_all(text.as_bytes())?;
                file.set_permissions(Permissions::from_mode(mode))?;
                file.sync_all()?;
            }
        }
        if geteuid().is_root() {
            // Root's new files in a user's folder are the user's.
            let owner = match &old {
                Some(old) if !is_link => old.clone(),
                _ => fs::metadata(folder)?,
            };
            lchown(&draft, Some(owner.uid()), Some(owner.gid()))?;
        }
        let kept = match old {
            Some(_) => Some(keep(&path)?),
            None => None,
        };
        fs::rename(draft, &path)?;
        if let Some(kept) = kept.as_ref().filter(|_| is_link) {
            // In qubes-rpc whatever is executable can be called.
            fs::set_permissions(kept, Permissions::from_mode(0o600))?;
        }
        Ok(kept)
    }
}

/// Gives a file the first free name `FILE.before-split-ssh` as well.
fn keep(file: &Path) -> io::Result<PathBuf> {
    for number in 1..MAX_KEPT {
        let kept = match number {
            1 => beside(file, ".before-split-ssh"),
            _ => beside(file, &format!(".before-split-ssh.{number}")),
        };
        match fs::hard_link(file, &kept) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| kept),
        }
    }
    Err(io::Error::other("there are too many old copies beside it"))
}
