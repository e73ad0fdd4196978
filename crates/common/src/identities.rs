//! The key files of a keyring, `~/.ssh/identities.d/KEYRING/`, laid out as in the official package:
//! private keys, their `.pub` and `-cert.pub` beside them, and ssh-add's options for a key, if any, in
//! `KEY.ssh-add-option`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use wire::reader::Reader;

use crate::trusted_files;

/// A keyring with more files than this is a folder put there by mistake.
const MAX_FILES: usize = 1000;
/// More than any private key takes, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// What PuTTY's keys begin with.
pub const PUTTY: &str = "PuTTY-User-Key-File-";
/// What keys of ssh.com's programs begin with.
pub const SSH2: &str = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY";

/// The folder of a keyring's keys.
pub fn folder(home: &Path, keyring: &str) -> PathBuf {
    home.join(".ssh/identities.d").join(keyring)
}

/// The names under `~/.ssh/identities.d/`, sorted; not all need be valid keyring names.
pub fn keyrings(home: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(home.join(".ssh/identities.d")) else {
        return Vec::new();
    };
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The private keys in a keyring's folder, sorted by name.
///
/// # Errors
/// The folder can't be read.
pub fn private_keys(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?.take(MAX_FILES).flatten();
    let mut keys: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    keys.retain(|path| is_private_key_file(path));
    keys.sort();
    Ok(keys)
}

/// A file beside its key has another name.
fn is_private_key_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_beside = name.ends_with(".pub") || name.ends_with(".ssh-add-option");
    !is_beside
        && !name.starts_with('.')
        && read_small(path).is_some_and(|bytes| is_private_key(&bytes))
}

/// Whether these are a private key's, also one that ssh-add cannot read: then its owner is to hear of it.
pub fn is_private_key(bytes: &[u8]) -> bool {
    let plain: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&plain);
    let in_pem = text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----");
    in_pem || text.starts_with(PUTTY) || text.contains(SSH2)
}

/// A file that is small enough to be a key.
pub fn read_small(path: &Path) -> Option<Vec<u8>> {
    let is_small = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_FILE);
    is_small.then(|| fs::read(path).ok())?
}

/// A key file with a passphrase, which can be shown before it is loaded because its public half, or its
/// certificate, is beside it. One without a passphrase that is not in the agent was taken out by its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    pub private: PathBuf,
    pub blob: Vec<u8>,
    pub comment: Vec<u8>,
}

/// The private keys of `dir` that have a passphrase, with their public halves, and once more with their
/// certificates.
pub fn locked_keys(dir: &Path) -> Vec<KeyFile> {
    let mut keys = private_keys(dir).unwrap_or_default();
    keys.retain(|private| is_locked(private));
    let halves = |private: &PathBuf| [".pub", "-cert.pub"].map(|end| read_public(private, end));
    keys.iter().flat_map(halves).flatten().collect()
}

/// The certificates of `dir` and their private keys' files.
pub fn certificates(dir: &Path) -> Vec<KeyFile> {
    let keys = private_keys(dir).unwrap_or_default().into_iter();
    keys.filter_map(|private| read_public(&private, "-cert.pub"))
        .collect()
}

/// What `KEY.pub` or `KEY-cert.pub` says of a private key.
pub fn read_public(private: &Path, suffix: &str) -> Option<KeyFile> {
    let public = fs::read_to_string(beside(private, suffix)).ok()?;
    let mut words = public.trim().splitn(3, ' ');
    let (_algorithm, encoded) = (words.next()?, words.next()?);
    let blob = STANDARD.decode(encoded).ok()?;
    let comment = words.next().unwrap_or_default().as_bytes().to_vec();
    Some(KeyFile {
        private: private.to_owned(),
        blob,
        comment,
    })
}

/// Whether a private key's file has a passphrase.
pub(crate) fn is_locked(private: &Path) -> bool {
    fs::read(private).is_ok_and(|text| has_passphrase(&text))
}

/// Whether a private key's text is encrypted: by the cipher's name in OpenSSH's own format, by a header in the older
/// ones.
fn has_passphrase(text: &[u8]) -> bool {
    match openssh_fields(text) {
        None => String::from_utf8_lossy(text).contains("ENCRYPTED"),
        Some(fields) => Reader::new(&fields)
            .string("cipher")
            .is_ok_and(|cipher| cipher != b"none"),
    }
}

/// The public half that stands in a private key's file, where OpenSSH's own format is used.
pub fn public_in(private: &Path) -> Option<Vec<u8>> {
    let fields = openssh_fields(&fs::read(private).ok()?)?;
    let mut fields = Reader::new(&fields);
    for field in ["cipher", "key derivation", "its options"] {
        fields.string(field).ok()?;
    }
    fields.u32("the number of keys").ok()?;
    fields.string("public key").ok().map(<[u8]>::to_vec)
}

/// What follows the magic bytes of OpenSSH's own format (PROTOCOL.key).
fn openssh_fields(text: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(str::trim);
    lines
        .next()
        .filter(|line| *line == "-----BEGIN OPENSSH PRIVATE KEY-----")?;
    let encoded: String = lines.take_while(|line| !line.starts_with('-')).collect();
    let bytes = STANDARD.decode(encoded).ok()?;
    bytes.strip_prefix(b"openssh-key-v1\0").map(<[u8]>::to_vec)
}

/// The path of a file with something after its name.
pub fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The words of `KEY.ssh-add-option`.
pub fn options(key: &Path) -> Result<Vec<String>, String> {
    let path = beside(key, ".ssh-add-option");
    // Half of it could lack the option that limits the key.
    trusted_files::wait_until_saved(&path).map_err(|error| error.plain())?;
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
