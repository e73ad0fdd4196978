//! Where to look: the system's files below a root, and the user's own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use common::paths::Paths;

/// Scripts and settings that we look into are far smaller, in bytes.
const MAX_FILE: u64 = 256 * 1024;

#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
    pub paths: Paths,
    /// What this session's programs take for their agent.
    pub ssh_auth_sock: Option<PathBuf>,
}

impl Machine {
    pub fn new(root: PathBuf, paths: Paths) -> Self {
        let set = |value: &OsString| !value.is_empty();
        Self {
            root,
            paths,
            ssh_auth_sock: std::env::var_os("SSH_AUTH_SOCK")
                .filter(set)
                .map(PathBuf::from),
        }
    }

    /// A path of the system, below the root.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether this is the system that we run in, and not one below a folder.
    pub fn is_system(&self) -> bool {
        self.root == Path::new("/")
    }

    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.at(path)).is_ok()
    }

    /// The text of a small file; `None` if it cannot be read.
    pub fn text(&self, path: &str) -> Option<String> {
        text_of(&self.at(path))
    }
}

/// The beginning of a small file as text; `None` if it cannot be read.
pub fn text_of(path: &Path) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(MAX_FILE)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether two paths lead to the same thing, or are written the same.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    one == other || (real(one).is_some() && real(one) == real(other))
}
