//! The key files of a keyring: which of them its agent cannot have, and why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use policy::crypto::Crypto as _;

use super::finding::Findings;
use crate::key_file::KeyFileProblem;
use common::crypto::Ring;
use common::identities;
use common::keyrings::{KeyringState, LoadState};
use common::trusted_files::quoted;

/// Looks at the keys of `folder`; returns how many have a problem that was told.
pub fn check(check: &str, folder: &Path, keyring: &KeyringState, findings: &mut Findings) -> usize {
    let files = identities::private_keys(folder).unwrap_or_default();
    let lost = lost_keys(folder, &files);
    for file in &lost {
        let file = quoted(file);
        let remedy = format!("see what it is: ls -l {file}; file {file}");
        findings.warn(
            check,
            format!("{file} is no private key, and nothing is loaded from it"),
            remedy,
        );
    }
    let troubles = files
        .iter()
        .filter(|file| !check_one(check, file, keyring, findings));
    lost.len() + troubles.count()
}

/// Files that were meant to be keys, by their name or by the `.pub` beside them, and links that lead nowhere.
fn lost_keys(folder: &Path, keys: &[PathBuf]) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_lost = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_beside = [".pub", ".ssh-add-option"]
            .iter()
            .any(|end| name.ends_with(end));
        let has_public = folder.join(format!("{name}.pub")).exists();
        let is_meant = name.starts_with("id_") || has_public || !path.exists();
        !is_beside && !name.starts_with('.') && is_meant && !path.is_dir() && !keys.contains(path)
    };
    let mut lost: Vec<PathBuf> = paths.filter(is_lost).collect();
    lost.sort();
    lost
}

/// Whether this machine's OpenSSH reads a key without a passphrase: what it can read depends on its version.
fn is_read_by_ssh_keygen(file: &Path) -> bool {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-y", "-P", "", "-f"]).arg(file);
    keygen.stdin(Stdio::null());
    keygen.output().is_ok_and(|output| output.status.success())
}

/// False if a problem was told.
fn check_one(check: &str, file: &Path, keyring: &KeyringState, findings: &mut Findings) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let problem = KeyFileProblem::find(file);
    let is_read = |problem: &KeyFileProblem| {
        *problem == KeyFileProblem::Pkcs8Ed25519 && is_read_by_ssh_keygen(file)
    };
    if let Some(problem) = problem.filter(|problem| !is_read(problem)) {
        let remedy = problem.remedy(file);
        findings.bad(check, format!("{}: {problem}", file.display()), remedy);
        return false;
    }
    let options = match identities::options(file) {
        Ok(options) => options,
        Err(why) => {
            let remedy = "write ssh-add's options on one line, as in a shell";
            findings.bad(check, why, remedy);
            return false;
        }
    };
    let reload = format!("split-ssh reload {}", keyring.name);
    if options.iter().any(|word| word == "-c") {
        findings.warn(
            check,
            format!(
                "{name} is loaded with -c: ssh-agent asks for it by itself, knows neither qube nor server, \
                 and refuses where no ssh-askpass is installed"
            ),
            format!(
                "let the vault's policy ask instead: take -c out of {}; then: {reload}",
                quoted(&file.with_file_name(format!("{name}.ssh-add-option")))
            ),
        );
    }
    let Some(public) = identities::read_public(file, ".pub") else {
        let file = quoted(file);
        findings.warn(
            check,
            format!("{name} has no .pub beside it: nobody can see whether it is loaded"),
            format!("ssh-keygen -y -f {file} > {file}.pub"),
        );
        return false;
    };
    if identities::public_in(file).is_some_and(|inside| inside != public.blob) {
        let file = quoted(file);
        findings.bad(
            check,
            format!("{name}.pub is the public half of another key"),
            format!("ssh-keygen -y -f {file} > {file}.pub"),
        );
        return false;
    }
    let state_of = |blob: &[u8]| {
        let blob = Ring.fingerprint(blob).0;
        let mut keys = keyring.keys.iter();
        keys.find(|key| key.blob == blob).map(|key| key.state)
    };
    let certificate = identities::read_public(file, "-cert.pub");
    match (state_of(&public.blob), certificate) {
        (None, _)
            if keyring
                .keys
                .iter()
                .any(|key| key.state != LoadState::Locked) =>
        {
            findings.warn(check, format!("{name} is not loaded"), reload);
            false
        }
        (None, _) => {
            findings.warn(
                check,
                format!("{name} is not loaded, and the agent lists no key at all: it may be locked (ssh-add -x)"),
                format!(
                    "SSH_AUTH_SOCK={} ssh-add -X, if somebody locked it; else: {reload}",
                    quoted(&keyring.socket)
                ),
            );
            false
        }
        (Some(LoadState::Locked), _) | (Some(_), None) => true,
        (Some(_), Some(certificate)) if state_of(&certificate.blob).is_some() => true,
        (Some(_), Some(_)) => {
            findings.warn(
                check,
                format!("the certificate of {name} is not loaded"),
                reload,
            );
            false
        }
    }
}
