//! A directory that a test owns.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::unistd::{Uid, User};

/// A home for one test, gone with the last copy of this value. Its path is short: a unix socket's may have 107 bytes.
#[derive(Clone, Debug)]
pub struct World {
    directory: PathBuf,
    /// Removes the directory. `None` if somebody else will.
    _owner: Option<Arc<tempfile::TempDir>>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    pub fn new() -> Self {
        Self::with_prefix("s")
    }

    /// A world whose directory's name begins with `prefix`.
    pub fn with_prefix(prefix: &str) -> Self {
        let owner = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in("/tmp")
            .expect("a temporary directory");
        fs::set_permissions(owner.path(), fs::Permissions::from_mode(0o700))
            .expect("our own directory");
        Self {
            directory: owner.path().to_owned(),
            _owner: Some(Arc::new(owner)),
        }
    }

    /// A world in a directory that is there already and that somebody else removes.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            _owner: None,
        }
    }

    pub fn root(&self) -> &Path {
        &self.directory
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.join(name)
    }

    /// The path of a directory in here, made if need be with mode 0700.
    pub fn directory(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("our own directory");
        path
    }

    /// Writes a file with mode 0600.
    pub fn file(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a directory");
        }
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
        path
    }

    /// Writes a program.
    pub fn script(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_program(&path, text.as_ref(), 0o700);
        path
    }

    /// A command that finds its home here and nothing of the caller's session: no agent, no display, no
    /// configuration.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.directory);
        command
            .env("HOME", &self.directory)
            .env("USER", user_name())
            .env("LOGNAME", user_name());
        command
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

/// Writes a file that is to be run, by another process: one that this process has open for writing, if only in a child
/// that another thread is about to start, can't be run.
pub fn write_program(path: &Path, text: &[u8], mode: u32) {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).expect("a directory");
    }
    let mut writer = Command::new("sh")
        .args(["-c", "cat >\"$0\" && chmod \"$1\" \"$0\""])
        .arg(path)
        .arg(format!("{mode:o}"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut input = writer.stdin.take().expect("a pipe");
    input.write_all(text).expect("the shell reads");
    drop(input);
    assert!(
        writer.wait().expect("our child").success(),
        "{}",
        path.display()
    );
}

/// The name of whoever runs the tests.
pub fn user_name() -> String {
    User::from_uid(Uid::current())
        .ok()
        .flatten()
        .map_or_else(|| "root".to_owned(), |user| user.name)
}
