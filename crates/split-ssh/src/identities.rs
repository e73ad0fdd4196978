//! The key files of a keyring, `~/.ssh/identities.d/KEYRING/`, laid out as in the official package:
//! private keys, their `.pub` and `-cert.pub` beside them, and ssh-add's options for a key, if any, in
//! `KEY.ssh-add-option`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A keyring with more files than this is a folder put there by mistake.
const MAX_FILES: usize = 1000;

/// The folder of a keyring's keys.
pub fn folder(home: &Path, keyring: &str) -> PathBuf {
    home.join(".ssh/identities.d").join(keyring)
}

/// The names under `~/.ssh/identities.d/`, sorted; not all need be valid keyring names.
pub fn keyrings(home: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(home.join(".ssh/identities.d")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// The private keys in a keyring's folder, sorted by name.
///
/// # Errors
/// The folder can't be read.
pub fn private_keys(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut keys: Vec<PathBuf> = fs::read_dir(dir)?
        .take(MAX_FILES)
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_private_key(path))
        .collect();
    keys.sort();
    Ok(keys)
}

fn is_private_key(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let beside =
        name.ends_with(".pub") || name.ends_with(".ssh-add-option") || name.starts_with('.');
    !beside && fs::read(path).is_ok_and(|text| text.starts_with(b"-----BEGIN "))
}

/// Adds every key of `dir` to the agent on `socket`; returns a line for each that was not added.
pub fn load(dir: &Path, socket: &Path) -> Vec<String> {
    let keys = match private_keys(dir) {
        Ok(keys) => keys,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => return vec![format!("cannot read {}: {error}", dir.display())],
    };
    keys.iter()
        .filter_map(|key| add(key, socket).err())
        .collect()
}

fn add(key: &Path, socket: &Path) -> Result<(), String> {
    let mut command = Command::new("ssh-add");
    command.arg("-q").args(options(key)?).arg(key);
    // A passphrase is asked for only when the owner loads the key: never on a start by a call.
    command
        .env("SSH_AUTH_SOCK", socket)
        .env("SSH_ASKPASS_REQUIRE", "never")
        .env_remove("DISPLAY");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run ssh-add: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{} was not loaded: {}",
        key.display(),
        said.lines().next().unwrap_or("ssh-add failed").trim()
    ))
}

/// The words of `KEY.ssh-add-option`.
pub fn options(key: &Path) -> Result<Vec<String>, String> {
    let mut path = key.as_os_str().to_owned();
    path.push(".ssh-add-option");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!(
            "cannot read {}: {error}",
            Path::new(&path).display()
        )),
    }
}
