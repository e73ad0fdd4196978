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
pub(crate) mod values;

pub use entry::{Start, VaultConfig, VaultEntry};

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use common::config::read_toml;
use common::error::Error;
use common::paths::Paths;
use qubes::Qubes;
use values::{Count, UserPath};

/// The name of the file in its two places.
const FILE: &str = "client.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    vault: Vec<VaultEntry>,
    merged: Option<MergedEntry>,
}

/// `[merged]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct MergedEntry {
    socket: Option<UserPath>,
    list_seconds: Option<Count<MAX_LIST_SECONDS>>,
}

/// Programs such as ssh wait for a list before they go on.
const DEFAULT_LIST_SECONDS: u16 = 3;
const MAX_LIST_SECONDS: u16 = 120;

/// One socket for all vaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedConfig {
    pub socket: PathBuf,
    /// What the slowest vault may delay a list.
    pub list_time: Duration,
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
    let mut entries = match find(paths)? {
        None if paths.is_installed() => vec![Qubes::default().vault()?],
        None => Vec::new(),
        Some(file) => file.vault,
    };
    if entries.is_empty() {
        entries.push(VaultEntry::default());
    }
    if let Some(only) = only {
        entries.retain(|entry| entry.name() == only);
        if entries.is_empty() {
            return Err(Error::new(format!("client.toml has no vault `{only}`"))
                .hint("add a [[vault]] with this name to ~/.config/split-ssh/client.toml"));
        }
    }
    if entries.len() > 1 && flags != VaultEntry::default() {
        return Err(
            Error::new("client.toml has several vaults: which one do the flags change?")
                .hint("add --vault NAME"),
        );
    }
    let vaults: Result<Vec<_>, _> = entries
        .into_iter()
        .map(|entry| entry.changed_by(flags.clone()).checked(&paths.home))
        .collect();
    let vaults = vaults?;
    let (mut names, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    for vault in &vaults {
        if !names.insert(&vault.name) || !sockets.insert(&vault.socket) {
            let what = format!("two vaults are called `{}`, or have its socket", vault.name);
            return Err(Error::new(what).hint("give each [[vault]] of client.toml its own `name`"));
        }
    }
    Ok(vaults)
}

/// The `[merged]` of `client.toml`, if it has one.
///
/// # Errors
/// As [`read`].
pub fn read_merged(paths: &Paths) -> Result<Option<MergedConfig>, Error> {
    let merged = find(paths)?.and_then(|file| file.merged);
    Ok(merged.map(|merged| MergedConfig {
        socket: merged.socket.map_or_else(
            || paths.home.join(".split-ssh/merged.sock"),
            |socket| socket.below(&paths.home),
        ),
        list_time: Duration::from_secs(Count::or(merged.list_seconds, DEFAULT_LIST_SECONDS)),
    }))
}

/// The file names programs to run: one that others can write is refused.
fn find(paths: &Paths) -> Result<Option<File>, Error> {
    for folder in [&paths.config, &paths.system_config] {
        if let Some(file) = read_toml(&folder.join(FILE))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
