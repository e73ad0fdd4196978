//! Where to look: the system's files below a root, and the user's own.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use common::paths::Paths;
use common::service::SERVICE;

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
        let named = std::env::var_os("SSH_AUTH_SOCK").filter(|value| !value.is_empty());
        Self {
            root,
            paths,
            ssh_auth_sock: named.map(PathBuf::from),
        }
    }

    /// A path of the system, below the root.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A path of ssh_config(5), where `~` and `%d` stand for the home.
    pub fn home_path(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/").or(path.strip_prefix("%d/")) {
            Some(rest) => self.paths.home.join(rest),
            None => PathBuf::from(path),
        }
    }

    /// Whether this is the system that we run in, and not one below a folder.
    pub fn is_system(&self) -> bool {
        self.root == Path::new("/")
    }

    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.at(path)).is_ok()
    }

    /// The files for our service, and for single arguments of it; qrexec uses that of the first of `folders` that has
    /// the name.
    pub fn service_files(&self, folders: &[&str]) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        for path in folders.iter().flat_map(|folder| paths_in(&self.at(folder))) {
            let name = name_of(&path);
            let is_ours = name.split('+').next() == Some(SERVICE);
            if is_ours && !found.iter().any(|other| name_of(other) == name) {
                found.push(path);
            }
        }
        found
    }

    /// The text of a small file; `None` if it cannot be read.
    pub fn text(&self, path: &str) -> Option<String> {
        text_of(&self.at(path))
    }
}

/// What is in a folder, in name order.
pub fn paths_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The last part of a path.
pub fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// The beginning of a small file as text; `None` if it cannot be read.
pub fn text_of(path: &Path) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A line of ssh_config(5): its keyword in small letters, and its values.
pub fn ssh_setting(line: &str) -> (String, Vec<&str>) {
    let is_gap = |c: char| c.is_whitespace() || c == '=' || c == '"';
    let mut words = line.split(is_gap).filter(|word| !word.is_empty());
    let keyword = words.next().unwrap_or_default().to_ascii_lowercase();
    (
        keyword,
        words.take_while(|word| !word.starts_with('#')).collect(),
    )
}

/// Whether two paths lead to the same thing, or are written the same.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    one == other || (real(one).is_some() && real(one) == real(other))
}
