//! One `[[vault]]` of `client.toml`, and what it comes to with its defaults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::values::{CommandLine, Count, NO_COMMAND, Name, Target, TransportWord, UserPath};
use crate::transport::Transport;
use common::error::Error;

/// Longer than a person takes to answer dom0, as the person's own patience goes: sshd's
/// LoginGraceTime is as long.
const DEFAULT_SETUP_SECONDS: u16 = 120;
const MAX_SETUP_SECONDS: u16 = 3600;
/// With two calls at a time qrexec was never seen to lose one.
const DEFAULT_SETUPS: u16 = 2;
/// About 40 pending calls exhaust a target's xenstore watches.
const MAX_SETUPS: u16 = 16;

/// Above 20 to 25 calls at once a Xen domain's transactions are used up, and set-ups fail.
const DEFAULT_CALLS: u16 = 20;
/// A vault has 128 streams for all qubes.
const MAX_CALLS: u16 = 100;

/// One `[[vault]]` as it is written; flags fill the same shape.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultEntry {
    pub name: Option<Name>,
    pub qube: Option<Target>,
    pub keyring: Option<Name>,
    pub transport: Option<TransportWord>,
    pub command: Option<CommandLine>,
    pub qrexec: Option<UserPath>,
    pub socket: Option<UserPath>,
    pub setup_seconds: Option<Count<MAX_SETUP_SECONDS>>,
    pub setups: Option<Count<MAX_SETUPS>>,
    pub calls: Option<Count<MAX_CALLS>>,
    pub start: Start,
    pub carry: Option<bool>,
    pub remember: Option<bool>,
}

/// One vault and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultConfig {
    pub name: String,
    pub socket: PathBuf,
    pub transport: Transport,
    pub set_up_time: Duration,
    pub set_ups: usize,
    pub calls: usize,
    /// One call may carry many connections, if the vault agrees.
    pub carry: bool,
    pub start: Start,
    /// The public keys that it listed may be kept.
    pub remember: bool,
}

/// What makes a call that may start a vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Its own socket alone: by the merged one it is asked while a carrying call to it is open.
    Never,
    /// A signature; a list only if no keys are remembered.
    OnUse,
    /// A list.
    #[default]
    OnList,
}

impl VaultEntry {
    pub(super) fn name(&self) -> &str {
        let name = self.name.as_ref().or(self.keyring.as_ref());
        name.map_or("agent", |name| &name.0)
    }

    #[must_use]
    pub(super) fn changed_by(self, flags: Self) -> Self {
        let transport = match &flags.command {
            Some(_) => flags.transport,
            None => flags.transport.or(self.transport),
        };
        Self {
            qube: flags.qube.or(self.qube),
            keyring: flags.keyring.or(self.keyring),
            transport,
            command: flags.command.or(self.command),
            socket: flags.socket.or(self.socket),
            setup_seconds: flags.setup_seconds.or(self.setup_seconds),
            ..self
        }
    }

    pub(super) fn checked(self, home: &Path) -> Result<VaultConfig, Error> {
        let name = self.name().to_owned();
        let socket = match &self.socket {
            Some(socket) => socket.below(home),
            None => home.join(".split-ssh").join(format!("{name}.sock")),
        };
        let carry = self.carry.unwrap_or(true);
        Ok(VaultConfig {
            socket,
            set_up_time: Duration::from_secs(Count::or(self.setup_seconds, DEFAULT_SETUP_SECONDS)),
            set_ups: Count::or(self.setups, DEFAULT_SETUPS),
            calls: Count::or(self.calls, DEFAULT_CALLS),
            start: self.start,
            remember: self.remember.unwrap_or(true) && carry,
            carry,
            transport: self.transport(home)?,
            name,
        })
    }

    fn transport(self, home: &Path) -> Result<Transport, Error> {
        // No argument is the vault's keyring `default`.
        let argument = self.keyring.map_or_else(String::new, |keyring| keyring.0);
        let word = self.transport.unwrap_or(match self.command {
            Some(_) => TransportWord::Command,
            None => TransportWord::Qrexec,
        });
        Ok(match word {
            TransportWord::Unix(path) => Transport::Unix {
                path: path.below(home),
                argument,
            },
            TransportWord::Qrexec => Transport::Qrexec {
                program: self.qrexec.map(|program| program.below(home)),
                target: self
                    .qube
                    .map_or_else(|| "@default".to_owned(), |qube| qube.0),
                argument,
            },
            TransportWord::Command => {
                let no_command =
                    || Error::new(NO_COMMAND).hint("or leave `transport` out: it is `qrexec` then");
                Transport::Command(self.command.ok_or_else(no_command)?)
            }
        })
    }
}
