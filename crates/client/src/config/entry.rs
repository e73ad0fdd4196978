//! One `[[vault]]` of `client.toml`: its defaults and its mistakes.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use policy::caller::Keyring;
use serde::Deserialize;
use toml::Spanned;

use super::target::is_target;
use super::vault_config::{Start, TransportConfig, VaultConfig};

/// Longer than a person takes to answer dom0, as the person's own patience goes: sshd's
/// LoginGraceTime is as long.
const DEFAULT_SETUP_SECONDS: u64 = 120;
const MAX_SETUP_SECONDS: u64 = 3600;
/// With two calls at a time qrexec was never seen to lose one.
const DEFAULT_SETUPS: usize = 2;
/// About 40 pending calls exhaust a target's xenstore watches.
const MAX_SETUPS: usize = 16;

/// Above 20 to 25 calls at once a Xen domain's transactions are used up, and set-ups fail.
const DEFAULT_CALLS: usize = 20;
/// A vault has 128 streams for all qubes.
const MAX_CALLS: usize = 100;

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
    pub calls: Option<Spanned<usize>>,
    pub start: Option<Spanned<String>>,
    pub carry: Option<Spanned<bool>>,
    pub remember: Option<Spanned<bool>>,
}

impl VaultEntry {
    pub(super) fn name(&self) -> &str {
        let name = self.name.as_ref().or(self.keyring.as_ref());
        name.map_or("agent", |name| name.get_ref().as_str())
    }

    pub(super) fn is_given(&self) -> bool {
        self.qube.is_some()
            || self.keyring.is_some()
            || self.transport.is_some()
            || self.command.is_some()
            || self.socket.is_some()
            || self.setup_seconds.is_some()
    }

    pub(super) fn change_by(&mut self, flags: Self) {
        if flags.command.is_some() || flags.transport.is_some() {
            self.transport = flags.transport;
            self.command = flags.command.or(self.command.take());
        }
        replace(&mut self.qube, flags.qube);
        replace(&mut self.keyring, flags.keyring);
        replace(&mut self.socket, flags.socket);
        replace(&mut self.setup_seconds, flags.setup_seconds);
    }

    pub(super) fn check(&self, home: &Path) -> Result<VaultConfig, BadValue> {
        let argument = self.argument()?;
        let name = self.name();
        Keyring::from_argument(name).map_err(|bad| {
            let what = bad.to_string().replace(bad.what, "vault's name");
            bad_value(self.name.as_ref(), &what, "it names the socket")
        })?;
        let socket = match &self.socket {
            Some(socket) => absolute(socket, home)?,
            None => home.join(".split-ssh").join(format!("{name}.sock")),
        };
        let seconds = within(
            self.setup_seconds.as_ref(),
            DEFAULT_SETUP_SECONDS,
            MAX_SETUP_SECONDS,
            "setup-seconds",
        )?;
        let set_ups = within(self.setups.as_ref(), DEFAULT_SETUPS, MAX_SETUPS, "setups")?;
        let calls = within(self.calls.as_ref(), DEFAULT_CALLS, MAX_CALLS, "calls")?;
        let carry = self.carry.as_ref().is_none_or(|carry| *carry.get_ref());
        Ok(VaultConfig {
            name: name.to_owned(),
            socket,
            transport: self.transport(home, argument)?,
            set_up_time: Duration::from_secs(seconds),
            set_ups,
            calls,
            start: self.start()?,
            remember: self
                .remember
                .as_ref()
                .is_none_or(|remember| *remember.get_ref())
                && carry,
            carry,
        })
    }

    fn transport(&self, home: &Path, argument: String) -> Result<TransportConfig, BadValue> {
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
                _ => Err(bad_value(
                    self.command.as_ref(),
                    "transport `command` needs a command",
                    "for example command = [\"ssh\", \"box\", \"split-ssh\", \"vault\", \"--stdio\"]",
                )),
            },
            other => Err(bad_value(
                self.transport.as_ref(),
                &format!("there is no transport `{}`", other.escape_debug()),
                "it is `qrexec`, `command` or `unix:/path/of/qrexec.sock`",
            )),
        }
    }

    fn start(&self) -> Result<Start, BadValue> {
        match self.start.as_ref().map(|start| start.get_ref().as_str()) {
            None | Some("on-list") => Ok(Start::OnList),
            Some("on-use") => Ok(Start::OnUse),
            Some("never") => Ok(Start::Never),
            Some(other) => Err(bad_value(
                self.start.as_ref(),
                &format!("`start` is no `{}`", other.escape_debug()),
                "it is \"on-list\", \"on-use\" or \"never\"",
            )),
        }
    }

    /// The service's argument; none is the vault's keyring `default`.
    fn argument(&self) -> Result<String, BadValue> {
        let Some(keyring) = &self.keyring else {
            return Ok(String::new());
        };
        match Keyring::from_argument(keyring.get_ref()) {
            Ok(_) => Ok(keyring.get_ref().clone()),
            Err(bad) => Err(bad_value(
                self.keyring.as_ref(),
                &bad.to_string(),
                "as the folders in the vault's ~/.ssh/identities.d",
            )),
        }
    }

    fn target(&self) -> Result<String, BadValue> {
        let target = self.qube.as_ref().map_or("@default", |qube| qube.get_ref());
        if is_target(target) {
            return Ok(target.to_owned());
        }
        let what = format!("`{}` is no qube's name", target.escape_debug());
        Err(bad_value(
            self.qube.as_ref(),
            &what,
            "leave it out, and dom0's policy names the vault for `@default`",
        ))
    }
}

/// A value that is not valid, and its place in the file.
#[derive(Debug)]
pub(super) struct BadValue {
    pub(super) span: Range<usize>,
    pub(super) what: String,
    pub(super) hint: &'static str,
}

fn bad_value<T>(value: Option<&Spanned<T>>, what: &str, hint: &'static str) -> BadValue {
    BadValue {
        span: value.map_or(0..0, Spanned::span),
        what: what.to_owned(),
        hint,
    }
}

fn absolute(path: &Spanned<PathBuf>, home: &Path) -> Result<PathBuf, BadValue> {
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
    Err(bad_value(Some(path), &what, "start it with / or ~/"))
}

fn within<T: Copy + PartialOrd + From<u8> + std::fmt::Display>(
    value: Option<&Spanned<T>>,
    default: T,
    most: T,
    key: &str,
) -> Result<T, BadValue> {
    match value {
        None => Ok(default),
        Some(value) if *value.get_ref() >= T::from(1) && *value.get_ref() <= most => {
            Ok(*value.get_ref())
        }
        Some(_) => Err(bad_value(
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
