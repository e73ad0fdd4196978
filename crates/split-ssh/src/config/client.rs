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
//! start = true             # dom0 may start the vault for us
//! keep = false             # one stream per connection
//! ```

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use policy::caller::Keyring;
use serde::Deserialize;
use toml::Spanned;

use super::line_and_column;
use super::qubes::Qubes;
use crate::error::Error;
use crate::paths::Paths;
use crate::trusted_files;

/// The name of the file in its two places.
const FILE: &str = "client.toml";
/// A file for people is far smaller; bounds what a wrong link can cost, in bytes.
const MAX_FILE: usize = 256 * 1024;
/// Longer than a person takes to answer dom0, as the person's own patience goes: sshd's
/// LoginGraceTime is as long.
const DEFAULT_SETUP_SECONDS: u64 = 120;
const MAX_SETUP_SECONDS: u64 = 3600;
/// With two calls at a time qrexec was never seen to lose one.
const DEFAULT_SETUPS: usize = 2;
/// About 40 pending calls exhaust a target's xenstore watches.
const MAX_SETUPS: usize = 16;
/// What qrexec-client-vm keeps of a target's name, in bytes.
const MAX_TARGET: usize = 63;

/// One vault, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultConfig {
    pub name: String,
    pub socket: PathBuf,
    pub transport: TransportConfig,
    pub set_up_time: Duration,
    pub set_ups: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportConfig {
    Qrexec {
        program: Option<PathBuf>,
        target: String,
        argument: String,
    },
    Command {
        program: String,
        arguments: Vec<String>,
    },
    Unix {
        path: PathBuf,
        argument: String,
    },
}

/// One `[[vault]]` as it is written; flags fill the same shape.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultEntry {
    pub name: Option<Spanned<String>>,
    pub qube: Option<Spanned<String>>,
    pub keyring: Option<Spanned<String>>,
    pub transport: Option<Spanned<String>>,
    pub command: Option<Spanned<Vec<String>>>,
    pub qrexec: Option<Spanned<PathBuf>>,
    pub socket: Option<Spanned<PathBuf>>,
    pub setup_seconds: Option<Spanned<u64>>,
    pub setups: Option<Spanned<usize>>,
    pub start: Option<Spanned<bool>>,
    pub keep: Option<Spanned<bool>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    vault: Vec<VaultEntry>,
}

/// A file's text with its name, for errors that say where.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

/// A value that will not do, and where it stands.
#[derive(Debug)]
struct Wrong {
    span: Range<usize>,
    what: String,
    hint: &'static str,
}

/// The vaults of `client.toml` (`~/.config/split-ssh/`, or else `/etc/split-ssh/`), or the one
/// vault that [Qubes' settings](super::qubes) name. `flags` change the vault called `only`, or the only one.
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
    let vaults = vaults
        .map_err(|wrong| wrong.found_in(source.as_ref().filter(|_| !wrong.span.is_empty())))?;
    refuse_twins(&vaults)?;
    Ok(vaults)
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
    let file: File = toml::from_str(&source.text).map_err(|error| {
        let wrong = Wrong {
            span: error.span().unwrap_or_default(),
            what: error.message().replace('\n', ", "),
            hint: "the keys of a [[vault]] are name, qube, keyring, transport, command, qrexec, socket, \
                   setup-seconds, setups, start and keep",
        };
        wrong.found_in(Some(source))
    })?;
    if file.vault.is_empty() {
        return Ok(vec![VaultEntry::default()]);
    }
    Ok(file.vault)
}

fn refuse_twins(vaults: &[VaultConfig]) -> Result<(), Error> {
    let (mut names, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    let twin = vaults
        .iter()
        .find(|vault| !names.insert(&vault.name) || !sockets.insert(&vault.socket));
    match twin {
        None => Ok(()),
        Some(vault) => Err(Error::new(format!(
            "two vaults are called `{}`, or have its socket",
            vault.name
        ))
        .hint("give each [[vault]] of client.toml its own `name`")),
    }
}

impl VaultEntry {
    fn name(&self) -> &str {
        let name = self.name.as_ref().or(self.keyring.as_ref());
        name.map_or("agent", |name| name.get_ref().as_str())
    }

    fn is_given(&self) -> bool {
        self.qube.is_some()
            || self.keyring.is_some()
            || self.transport.is_some()
            || self.command.is_some()
            || self.socket.is_some()
            || self.setup_seconds.is_some()
    }

    fn change_by(&mut self, flags: Self) {
        if flags.command.is_some() || flags.transport.is_some() {
            self.transport = flags.transport;
            self.command = flags.command.or(self.command.take());
        }
        replace(&mut self.qube, flags.qube);
        replace(&mut self.keyring, flags.keyring);
        replace(&mut self.socket, flags.socket);
        replace(&mut self.setup_seconds, flags.setup_seconds);
    }

    fn check(&self, home: &Path) -> Result<VaultConfig, Wrong> {
        let argument = self.argument()?;
        let name = self.name();
        Keyring::from_argument(name).map_err(|bad| {
            let what = bad.to_string().replace(bad.what, "vault's name");
            wrong(self.name.as_ref(), &what, "it names the socket")
        })?;
        let socket = match &self.socket {
            Some(socket) => absolute(socket, home)?,
            None => home.join(".split-ssh").join(format!("{name}.sock")),
        };
        if self.start.as_ref().is_some_and(|start| !start.get_ref()) {
            let hint =
                "a vault that must not be started is dom0's decision: `autostart=no` in its policy";
            return Err(wrong(
                self.start.as_ref(),
                "`start = false` is not for a client to say",
                hint,
            ));
        }
        if self.keep.as_ref().is_some_and(|keep| *keep.get_ref()) {
            let hint = "leave it out: each connection has a stream of its own";
            return Err(wrong(
                self.keep.as_ref(),
                "`keep = true` is not supported yet",
                hint,
            ));
        }
        let seconds = within(
            self.setup_seconds.as_ref(),
            DEFAULT_SETUP_SECONDS,
            MAX_SETUP_SECONDS,
            "setup-seconds",
        )?;
        let set_ups = within(self.setups.as_ref(), DEFAULT_SETUPS, MAX_SETUPS, "setups")?;
        Ok(VaultConfig {
            name: name.to_owned(),
            socket,
            transport: self.transport(home, argument)?,
            set_up_time: Duration::from_secs(seconds),
            set_ups,
        })
    }

    fn transport(&self, home: &Path, argument: String) -> Result<TransportConfig, Wrong> {
        let implied = if self.command.is_some() {
            "command"
        } else {
            "qrexec"
        };
        let transport = self
            .transport
            .as_ref()
            .map_or(implied, |transport| transport.get_ref());
        if let Some(path) = transport.strip_prefix("unix:") {
            let span = self.transport.as_ref().map_or(0..0, Spanned::span);
            let path = absolute(&Spanned::new(span, PathBuf::from(path)), home)?;
            return Ok(TransportConfig::Unix { path, argument });
        }
        match transport {
            "qrexec" => Ok(TransportConfig::Qrexec {
                program: self
                    .qrexec
                    .as_ref()
                    .map(|program| absolute(program, home))
                    .transpose()?,
                target: self.target()?,
                argument,
            }),
            "command" => match self
                .command
                .as_ref()
                .map(|command| command.get_ref().as_slice())
            {
                Some([program, arguments @ ..]) if !program.is_empty() => {
                    Ok(TransportConfig::Command {
                        program: program.clone(),
                        arguments: arguments.to_vec(),
                    })
                }
                _ => Err(wrong(
                    self.command.as_ref(),
                    "transport `command` needs a command",
                    "for example command = [\"ssh\", \"box\", \"split-ssh\", \"vault\", \"--stdio\"]",
                )),
            },
            other => Err(wrong(
                self.transport.as_ref(),
                &format!("there is no transport `{}`", other.escape_debug()),
                "it is `qrexec`, `command` or `unix:/path/of/qrexec.sock`",
            )),
        }
    }

    /// The service's argument; none is the vault's keyring `default`.
    fn argument(&self) -> Result<String, Wrong> {
        let Some(keyring) = &self.keyring else {
            return Ok(String::new());
        };
        match Keyring::from_argument(keyring.get_ref()) {
            Ok(_) => Ok(keyring.get_ref().clone()),
            Err(bad) => Err(wrong(
                self.keyring.as_ref(),
                &bad.to_string(),
                "as the folders in the vault's ~/.ssh/identities.d",
            )),
        }
    }

    fn target(&self) -> Result<String, Wrong> {
        let target = self.qube.as_ref().map_or("@default", |qube| qube.get_ref());
        if is_target(target) {
            return Ok(target.to_owned());
        }
        let what = format!("`{}` is no qube's name", target.escape_debug());
        Err(wrong(
            self.qube.as_ref(),
            &what,
            "leave it out, and dom0's policy names the vault for `@default`",
        ))
    }
}

/// A qube's name, or one of dom0's words for a target (`@default`, `@dispvm:NAME`).
pub(super) fn is_target(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@:".contains(&byte);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@');
    starts && text.len() <= MAX_TARGET && text.bytes().all(is_one)
}

impl Wrong {
    fn found_in(&self, source: Option<&Source>) -> Error {
        let place = source.map(|source| {
            let (line, column) = line_and_column(&source.text, self.span.start);
            format!("{}:{line}:{column}: ", source.path.display())
        });
        Error::new(format!("{}{}", place.unwrap_or_default(), self.what)).hint(self.hint)
    }
}

fn wrong<T>(value: Option<&Spanned<T>>, what: &str, hint: &'static str) -> Wrong {
    Wrong {
        span: value.map_or(0..0, Spanned::span),
        what: what.to_owned(),
        hint,
    }
}

fn absolute(path: &Spanned<PathBuf>, home: &Path) -> Result<PathBuf, Wrong> {
    let written = path.get_ref();
    let full = written
        .strip_prefix("~")
        .map_or_else(|_| written.clone(), |rest| home.join(rest));
    if full.is_absolute() {
        return Ok(full);
    }
    let what = format!(
        "`{}` is not an absolute path",
        written.display().to_string().escape_debug()
    );
    Err(wrong(Some(path), &what, "start it with / or ~/"))
}

fn within<T: Copy + PartialOrd + From<u8> + std::fmt::Display>(
    value: Option<&Spanned<T>>,
    default: T,
    most: T,
    key: &str,
) -> Result<T, Wrong> {
    match value {
        None => Ok(default),
        Some(value) if *value.get_ref() >= T::from(1) && *value.get_ref() <= most => {
            Ok(*value.get_ref())
        }
        Some(_) => Err(wrong(
            value,
            &format!("`{key}` is a number from 1 to {most}"),
            "leave it out for the usual one",
        )),
    }
}

fn replace<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

#[cfg(test)]
mod tests;
