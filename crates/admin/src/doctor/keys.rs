//! The key files of a keyring: which of them its agent cannot have, and why.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use policy::crypto::Crypto as _;

use super::finding::{Check, CheckState};
use super::place::{name_of, paths_in};
use crate::key_file::KeyFileProblem;
use common::crypto::Ring;
use common::identities::{self, KeyFile};
use common::keyrings::{KeyringState, LoadState};
use common::trusted_files::quoted;

/// Looks at the keys of `folder`; returns how many have a problem that was told.
pub fn check(folder: &Path, keyring: &KeyringState, check: &mut Check<'_>) -> usize {
    let files = identities::private_keys(folder).unwrap_or_default();
    let lost = lost_keys(folder, &files);
    for file in &lost {
        let file = quoted(file);
        let remedy = format!("see what it is: ls -l {file}; file {file}");
        let what = format!("{file} is no private key, and nothing is loaded from it");
        check.warn(what, remedy);
    }
    let troubles = files.iter().filter(|file| !is_well(file, keyring, check));
    lost.len() + troubles.count()
}

/// Files that were meant to be keys, by their name or by the `.pub` beside them, and links that lead nowhere.
fn lost_keys(folder: &Path, keys: &[PathBuf]) -> Vec<PathBuf> {
    let is_lost = |path: &PathBuf| {
        let name = name_of(path);
        let is_beside = [".pub", ".ssh-add-option"]
            .iter()
            .any(|end| name.ends_with(end));
        let has_public = folder.join(format!("{name}.pub")).exists();
        let is_meant = name.starts_with("id_") || has_public || !path.exists();
        !is_beside && !name.starts_with('.') && is_meant && !path.is_dir() && !keys.contains(path)
    };
    paths_in(folder).into_iter().filter(is_lost).collect()
}

/// Whether this machine's OpenSSH reads a key without a passphrase: what it can read depends on its version.
fn is_read_by_ssh_keygen(file: &Path) -> bool {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-y", "-P", "", "-f"]).arg(file);
    keygen.stdin(Stdio::null());
    keygen.output().is_ok_and(|output| output.status.success())
}

/// How bad it is, what it is, and the remedy.
type KeyTrouble = (CheckState, String, String);

/// False if a problem was told.
fn is_well(file: &Path, keyring: &KeyringState, check: &mut Check<'_>) -> bool {
    let name = name_of(file);
    let options = identities::options(file);
    if options.iter().flatten().any(|word| word == "-c") {
        let options = quoted(&file.with_file_name(format!("{name}.ssh-add-option")));
        check.warn(
            format!(
                "{name} is loaded with -c: ssh-agent asks for it by itself, knows neither qube nor server, \
                 and refuses where no ssh-askpass is installed"
            ),
            format!(
                "let the vault's policy ask instead: take -c out of {options}; then: split-ssh reload {}",
                keyring.name
            ),
        );
    }
    let remedy = "write ssh-add's options on one line, as in a shell";
    let trouble = of_file(file)
        .or_else(|| Some((CheckState::Bad, options.err()?, remedy.to_owned())))
        .or_else(|| of_public(file))
        .or_else(|| of_loading(file, keyring));
    let Some((state, what, remedy)) = trouble else {
        return true;
    };
    check.add(state, &what, Some(&remedy));
    false
}

fn of_file(file: &Path) -> Option<KeyTrouble> {
    let problem = KeyFileProblem::find(file)?;
    if problem == KeyFileProblem::Pkcs8Ed25519 && is_read_by_ssh_keygen(file) {
        return None;
    }
    let what = format!("{}: {problem}", file.display());
    Some((CheckState::Bad, what, problem.remedy(file)))
}

fn of_public(file: &Path) -> Option<KeyTrouble> {
    let name = name_of(file);
    let is_other = |public: &[u8]| identities::public_in(file).is_some_and(|own| own != public);
    let (state, what) = match identities::read_public(file, ".pub") {
        None => (
            CheckState::Warn,
            format!("{name} has no .pub beside it: nobody can see whether it is loaded"),
        ),
        Some(public) if is_other(&public.blob) => (
            CheckState::Bad,
            format!("{name}.pub is the public half of another key"),
        ),
        Some(_) => return None,
    };
    let file = quoted(file);
    Some((state, what, format!("ssh-keygen -y -f {file} > {file}.pub")))
}

fn of_loading(file: &Path, keyring: &KeyringState) -> Option<KeyTrouble> {
    let name = name_of(file);
    let reload = format!("split-ssh reload {}", keyring.name);
    let state_of = |public: &KeyFile| {
        let blob = Ring.fingerprint(&public.blob).0;
        let mut keys = keyring.keys.iter();
        keys.find(|key| key.blob == blob).map(|key| key.state)
    };
    let certificate = identities::read_public(file, "-cert.pub");
    let lists_any = || {
        keyring
            .keys
            .iter()
            .any(|key| key.state != LoadState::Locked)
    };
    let public = identities::read_public(file, ".pub");
    let (what, remedy) = match public.as_ref().and_then(state_of) {
        Some(LoadState::Locked) => return None,
        Some(_) if certificate.is_some_and(|certificate| state_of(&certificate).is_none()) => {
            (format!("the certificate of {name} is not loaded"), reload)
        }
        Some(_) => return None,
        None if lists_any() => (format!("{name} is not loaded"), reload),
        None => (
            format!(
                "{name} is not loaded, and the agent lists no key at all: it may be locked (ssh-add -x)"
            ),
            format!(
                "SSH_AUTH_SOCK={} ssh-add -X, if somebody locked it; else: {reload}",
                quoted(&keyring.socket)
            ),
        ),
    };
    Some((CheckState::Warn, what, remedy))
}
