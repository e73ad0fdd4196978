//! `split-ssh hosts add`: a name for a key that the person brings.

use std::io::{self, Read as _};
use std::path::Path;

use policy::crypto::Crypto as _;
use policy::known_hosts::{KnownHosts, MAX_LINE, Marker, Names, check_name, parse_key};

use super::in_force::{known_by_vault, read_by_vault};
use super::output::{say_table, shown, shown_place, whole};
use crate::input::open;
use crate::output::say;
use common::crypto::Ring;
use common::error::Error;
use common::known_hosts_files::{Files, append, bad_name, read_or_empty};
use common::paths::Paths;
use common::trusted_files;

pub fn run(
    files: &Files,
    paths: &Paths,
    name: &str,
    key: &[String],
    authority: bool,
) -> Result<(), Error> {
    let (algorithm, blob) = read_key(name, key)?;
    let lock = files.lock()?;
    let hosts = files.read()?;
    let fingerprint = Ring.fingerprint(&blob);
    if hosts.known.is_revoked(&blob) {
        return Err(Error::new(format!(
            "the key {fingerprint} is revoked in known hosts"
        )));
    }
    let (names, marker, role) = if authority {
        (check_pattern(name)?, "@cert-authority ", "certified by")
    } else {
        let name = check_name(name).map_err(|rule| bad_name(name, rule))?;
        refuse_label(&hosts.labels, &name)?;
        refuse_other_key(&hosts.known, &name, &algorithm, &blob)?;
        (name, "", "known by")
    };
    let mut file = read_or_empty(&files.own)?;
    append(&mut file, &format!("{marker}{names}"), &algorithm, &blob);
    trusted_files::replace(&files.own, &file)?;
    drop(lock);
    say(format_args!("saved: {} is {role} this key:", shown(&names)));
    say_table(&[[shown(&algorithm), fingerprint.to_string()]]);
    match authority {
        true => read_by_vault(paths),
        false => known_by_vault(paths, &names, &blob),
    }
}

/// `*.example.com` and the like, also in lists.
fn check_pattern(untrusted: &str) -> Result<String, Error> {
    let rule = "a name or a pattern such as *.example.com is expected";
    let names = Names::parse(untrusted.as_bytes()).map_err(|rule| bad_name(untrusted, rule))?;
    let is_odd = untrusted.starts_with(['@', '#', '-']) || untrusted.contains(char::is_whitespace);
    match names.is_hashed() || is_odd {
        true => Err(bad_name(untrusted, rule)),
        false => Ok(names.to_string()),
    }
}

fn read_key(name: &str, key: &[String]) -> Result<(String, Vec<u8>), Error> {
    let given = key.join(" ");
    let hint = format!(
        "copy the whole line, `ssh-ed25519 AAAA…`, or the file; `split-ssh hosts add '{}' -` reads a line that you paste",
        whole(name)
    );
    // A type, or a key without its type, names no file.
    let is_key = given.contains(' ') || given.starts_with("ssh-") || given.starts_with("AAAA");
    let (text, source) = match read_file(&given) {
        Ok(contents) => (contents, shown(&given)),
        Err(_) if is_key => (given.into_bytes(), "the key".to_owned()),
        Err(error) => return Err(Error::io("read", Path::new(&shown(&given)), &error).hint(hint)),
    };
    if text.len() > MAX_LINE {
        return Err(Error::new(format!("{source} is too long for a public key")).hint(hint));
    }
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let mut word = || words.next().unwrap_or_default();
    let (algorithm, encoded) = (word(), word());
    parse_key(algorithm, encoded).map_err(|what| {
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        let what = match algorithm.starts_with(b"AAAA") {
            true => "its type is missing: a key is TYPE BASE64",
            false if encoded.is_empty() => "only its type is here: a key is TYPE BASE64",
            // What people lose is the end of a line.
            false if encoded.iter().all(is_base64) && !what.contains("type") => "it is not whole",
            false => what,
        };
        Error::new(format!("{source}: {what}")).hint(hint)
    })
}

/// Reads no more than shows that it is too long.
fn read_file(path: &str) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    open(Path::new(path))?
        .take(MAX_LINE as u64 + 1)
        .read_to_end(&mut contents)?;
    Ok(contents)
}

fn refuse_label(labels: &KnownHosts, name: &str) -> Result<(), Error> {
    if !labels.knows(name, &Ring) {
        return Ok(());
    }
    let what = format!("{name} is a label already, typed into a prompt");
    Err(Error::new(what).hint(format!(
        "let rules see it: `split-ssh hosts trust {name}`; or forget it: `split-ssh hosts remove {name}`"
    )))
}

/// A host may have a key of each type; two of one type are a host that changed, or two hosts.
fn refuse_other_key(
    known: &KnownHosts,
    name: &str,
    algorithm: &str,
    blob: &[u8],
) -> Result<(), Error> {
    let entries = known.entries_for(name, &Ring).into_iter();
    let mut same_type = entries
        .filter(|entry| entry.line.marker == Marker::Plain && entry.line.algorithm == algorithm);
    let Some(entry) = same_type.next() else {
        return Ok(());
    };
    let place = shown_place(&entry.place);
    if entry.line.key == blob || same_type.any(|other| other.line.key == blob) {
        let what = format!("{name} is known by this key already, see {place}");
        return Err(Error::new(what));
    }
    let other = Ring.fingerprint(&entry.line.key);
    let what = format!("{name} is known by another key of this type, {other} in {place}");
    Err(Error::new(what).hint(format!(
        "if the host has a new key, forget the old one, then add this again: `split-ssh hosts remove '{name}'`"
    )))
}
