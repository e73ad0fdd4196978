//! `client.toml`: which vaults this qube reaches, and how. Every key is optional.
//!
//! ```toml
//! [[vault]]
//! name = "work"            # the keyring, or "agent"; names the socket
//! qube = "vault"           # @default: dom0 decides
//! keyring = "work"         # none: the vault's keyring `default`
//! transport = "qrexec"     # qrexec | unix:/path/of/qrexec.sock | command
//! command = ["ssh", "box", "split-ssh", "vault", "--stdio", "--from", "laptop"]
//! qrexec = "/usr/bin/qrexec-client-vm"
//! socket = "~/.split-ssh/work.sock"
//! setup-seconds = 120      # longer than a person thinks in dom0
//! setups = 2               # calls in set-up at once
//! calls = 20               # calls that may be open at once; further connections wait
//! start = "on-list"        # what may start the vault: "on-list", "on-use", "never"
//! remember = true          # keep the public keys that it listed
//! carry = true             # many connections in one call, if the vault agrees
//!
//! [merged]                 # all of them behind one socket
//! socket = "~/.split-ssh/merged.sock"
//! list-seconds = 3         # what the slowest vault may delay a list
//! ```

mod entry;
mod qubes;
mod target;
mod vault_config;

pub use entry::VaultEntry;
use target::is_target;
pub use vault_config::{Start, TransportConfig, VaultConfig};

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use entry::BadValue;
use serde::Deserialize;

use common::config::line_and_column;
use common::error::Error;
use common::paths::Paths;
use common::trusted_files;
use qubes::Qubes;

/// The name of the file in its two places.
const FILE: &str = "client.toml";
/// A file for people is far smaller; bounds what a bad link can cost, in bytes.
const MAX_FILE: usize = 256 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    vault: Vec<VaultEntry>,
    merged: Option<MergedEntry>,
}

/// `[merged]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct MergedEntry {
    socket: Option<PathBuf>,
    list_seconds: Option<u64>,
}

/// One socket for all vaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedConfig {
    pub socket: PathBuf,
    /// What the slowest vault may delay a list.
    pub list_time: Duration,
}

/// Programs such as ssh wait for a list before they go on.
const DEFAULT_LIST_SECONDS: u64 = 3;
const MAX_LIST_SECONDS: u64 = 120;

/// A file's text with its name, for errors that say where.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

/// The vaults of `client.toml` (`~/.config/split-ssh/`, or else `/etc/split-ssh/`), or the one
/// vault that [Qubes' settings](qubes) name. `flags` change the vault called `only`, or the only one.
///
/// # Errors
/// A file that cannot be read or does not say what it should, or flags that fit no vault.
pub fn read(
    paths: &Paths,
    only: Option<&str>,
    flags: VaultEntry,
) -> Result<Vec<VaultConfig>, Error> {
    let (source, mut entries) = match find(paths)? {
        None if paths.is_installed() => (None, vec![Qubes::default().vault()?]),
        None => (None, vec![VaultEntry::default()]),
        Some(source) => {
            let entries = parse(&source)?;
            (Some(source), entries)
        }
    };
    if let Some(only) = only {
        entries.retain(|entry| entry.name() == only);
        if entries.is_empty() {
            return Err(Error::new(format!("client.toml has no vault `{only}`"))
                .hint("add a [[vault]] with this name to ~/.config/split-ssh/client.toml"));
        }
    }
    let has_flags = flags.is_given();
    match entries.as_mut_slice() {
        [entry] => entry.change_by(flags),
        _ if has_flags => {
            return Err(Error::new(
                "client.toml has several vaults: which one do the flags change?",
            )
            .hint("add --vault NAME"));
        }
        _ => {}
    }
    let vaults: Result<Vec<_>, _> = entries
        .iter()
        .map(|entry| entry.check(&paths.home))
        .collect();
    let vaults =
        vaults.map_err(|bad| bad.found_in(source.as_ref().filter(|_| !bad.span.is_empty())))?;
    refuse_duplicates(&vaults)?;
    Ok(vaults)
}

/// The `[merged]` of `client.toml`, if it has one.
///
/// # Errors
/// As [`read`].
pub fn read_merged(paths: &Paths) -> Result<Option<MergedConfig>, Error> {
    let Some(source) = find(paths)? else {
        return Ok(None);
    };
    let Some(merged) = parse_file(&source)?.merged else {
        return Ok(None);
    };
    let home = &paths.home;
    let socket = merged.socket.map_or_else(
        || home.join(".split-ssh/merged.sock"),
        |socket| match socket.strip_prefix("~") {
            Ok(rest) => home.join(rest),
            Err(_) => socket,
        },
    );
    let seconds = merged.list_seconds.unwrap_or(DEFAULT_LIST_SECONDS);
    let place = source.path.display();
    if !socket.is_absolute() {
        let what = format!("{place}: [merged]: `socket` is not an absolute path");
        return Err(Error::new(what).hint("start it with / or ~/"));
    }
    if !(1..=MAX_LIST_SECONDS).contains(&seconds) {
        let what =
            format!("{place}: [merged]: `list-seconds` is a number from 1 to {MAX_LIST_SECONDS}");
        return Err(Error::new(what).hint("leave it out for the usual one"));
    }
    Ok(Some(MergedConfig {
        socket,
        list_time: Duration::from_secs(seconds),
    }))
}

/// The file names programs to run: one that others can write is refused.
fn find(paths: &Paths) -> Result<Option<Source>, Error> {
    for folder in [&paths.config, &paths.system_config] {
        let path = folder.join(FILE);
        if let Some(bytes) = trusted_files::read(&path, MAX_FILE)? {
            let text = String::from_utf8(bytes).map_err(|_| {
                Error::new(format!("{}: not UTF-8 text", path.display())).hint("save it as UTF-8")
            })?;
            return Ok(Some(Source { path, text }));
        }
    }
    Ok(None)
}

fn parse(source: &Source) -> Result<Vec<VaultEntry>, Error> {
    let file = parse_file(source)?;
    if file.vault.is_empty() {
        return Ok(vec![VaultEntry::default()]);
    }
    Ok(file.vault)
}

fn parse_file(source: &Source) -> Result<File, Error> {
    toml::from_str(&source.text).map_err(|error| {
        let bad = BadValue {
            span: error.span().unwrap_or_default(),
            what: error.message().replace('\n', ", "),
            hint: "the keys of a [[vault]] are name, qube, keyring, transport, command, qrexec, socket, \
                   setup-seconds, setups, calls, start, remember and carry; those of [merged] are socket and list-seconds",
        };
        bad.found_in(Some(source))
    })
}

fn refuse_duplicates(vaults: &[VaultConfig]) -> Result<(), Error> {
    let (mut names, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    let duplicate = vaults
        .iter()
        .find(|vault| !names.insert(&vault.name) || !sockets.insert(&vault.socket));
    match duplicate {
        None => Ok(()),
        Some(vault) => Err(Error::new(format!(
            "two vaults are called `{}`, or have its socket",
            vault.name
        ))
        .hint("give each [[vault]] of client.toml its own `name`")),
    }
}

impl BadValue {
    fn found_in(&self, source: Option<&Source>) -> Error {
        let place = source.map(|source| {
            let (line, column) = line_and_column(&source.text, self.span.start);
            format!("{}:{line}:{column}: ", source.path.display())
        });
        Error::new(format!("{}{}", place.unwrap_or_default(), self.what)).hint(self.hint)
    }
}

#[cfg(test)]
mod tests;
