//! The key files of a keyring, `~/.ssh/identities.d/KEYRING/`, laid out as in the official package:
//! private keys, their `.pub` and `-cert.pub` beside them, and ssh-add's options for a key, if any, in
//! `KEY.ssh-add-option`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use wire::reader::Reader;

use crate::askpass;

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

/// A key file with a passphrase, which can be shown before it is loaded because its public half is
/// beside it. One without a passphrase that is not in the agent was taken out by its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    pub private: PathBuf,
    pub blob: Vec<u8>,
    pub comment: Vec<u8>,
}

/// The private keys of `dir` that have a passphrase, with their public halves.
pub fn locked_keys(dir: &Path) -> Vec<KeyFile> {
    let keys = private_keys(dir).unwrap_or_default();
    keys.into_iter()
        .filter(|private| fs::read(private).is_ok_and(|text| has_passphrase(&text)))
        .filter_map(|private| {
            let public = fs::read_to_string(beside(&private, ".pub")).ok()?;
            let mut words = public.trim().splitn(3, ' ');
            let (_algorithm, encoded) = (words.next()?, words.next()?);
            let blob = STANDARD.decode(encoded).ok()?;
            let comment = words.next().unwrap_or_default().as_bytes().to_vec();
            Some(KeyFile {
                private,
                blob,
                comment,
            })
        })
        .collect()
}

/// Adds every key of `dir` that needs no passphrase to the agent on `socket`; returns a line for each
/// that was not added.
pub fn load(dir: &Path, socket: &Path) -> Vec<String> {
    match private_keys(dir) {
        Ok(keys) => keys
            .iter()
            .filter_map(|key| load_said(key, socket))
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => vec![format!("cannot read {}: {error}", dir.display())],
    }
}

fn load_said(key: &Path, socket: &Path) -> Option<String> {
    match load_key(key, socket, None) {
        Ok(()) => None,
        Err(NotLoaded::Locked) => Some(format!(
            "{} has a passphrase: it is asked for when the key is first allowed to sign, or by `split-ssh add`",
            key.display()
        )),
        Err(NotLoaded::Failed(why)) => Some(format!("{} was not loaded: {why}", key.display())),
    }
}

/// Why a key is not in the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLoaded {
    /// It needs a passphrase, or another one.
    Locked,
    Failed(String),
}

/// Adds one key, with the options that its folder gives it.
///
/// # Errors
/// See [`NotLoaded`].
pub fn load_key(key: &Path, socket: &Path, passphrase: Option<&[u8]>) -> Result<(), NotLoaded> {
    let words = options(key).map_err(NotLoaded::Failed)?;
    let output = askpass::ssh_add(&words, key, socket, passphrase)
        .map_err(|error| NotLoaded::Failed(format!("cannot run ssh-add: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    if fs::read(key).is_ok_and(|text| has_passphrase(&text)) {
        return Err(NotLoaded::Locked);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // Above what it says of a file that others can read stands a banner.
    let mut lines = said.lines().filter(|line| !line.starts_with('@'));
    let line = lines.next().unwrap_or("ssh-add failed").trim();
    Err(NotLoaded::Failed(line.to_owned()))
}

/// Whether a private key's text is encrypted: by the cipher's name in OpenSSH's own format (PROTOCOL.key),
/// by a header in the older ones.
fn has_passphrase(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines();
    if lines.next().map(str::trim) != Some("-----BEGIN OPENSSH PRIVATE KEY-----") {
        return text.contains("ENCRYPTED");
    }
    let encoded: String = lines
        .take_while(|line| !line.starts_with('-'))
        .map(str::trim)
        .collect();
    let Ok(bytes) = STANDARD.decode(encoded) else {
        return false;
    };
    let Some(fields) = bytes.strip_prefix(b"openssh-key-v1\0") else {
        return false;
    };
    Reader::new(fields)
        .string("cipher")
        .is_ok_and(|cipher| cipher != b"none")
}

/// `KEY` with something after its name.
fn beside(key: &Path, suffix: &str) -> PathBuf {
    let mut path = key.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The words of `KEY.ssh-add-option`.
pub fn options(key: &Path) -> Result<Vec<String>, String> {
    let path = beside(key, ".ssh-add-option");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn key(dir: &Path, name: &str, words: &[&str]) -> Vec<u8> {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "rsa", "-b", "2048", "-f"])
            .arg(dir.join(name))
            .args(words)
            .status();
        assert!(made.expect("ssh-keygen runs").success());
        fs::read(dir.join(name)).expect("a key")
    }

    #[test]
    fn a_passphrase_is_seen_in_every_format() {
        let dir = tempfile::tempdir().expect("a folder");
        for (index, format) in ["RFC4716", "PEM", "PKCS8"].iter().enumerate() {
            let with = key(
                dir.path(),
                &format!("with{index}"),
                &["-m", format, "-N", "a secret"],
            );
            let without = key(
                dir.path(),
                &format!("without{index}"),
                &["-m", format, "-N", ""],
            );
            assert!(has_passphrase(&with), "{format}");
            assert!(!has_passphrase(&without), "{format}");
        }
        let locked: Vec<PathBuf> = locked_keys(dir.path())
            .into_iter()
            .map(|key| key.private)
            .collect();
        let expected: Vec<PathBuf> = (0..3)
            .map(|index| dir.path().join(format!("with{index}")))
            .collect();
        assert_eq!(locked, expected);
    }
}
