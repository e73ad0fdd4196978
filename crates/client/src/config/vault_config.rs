//! What `client.toml` says of one vault, once it is checked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::status::TransportKind;
use common::service::service_with;

/// One vault and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultConfig {
    pub name: String,
    pub socket: PathBuf,
    pub transport: TransportConfig,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Its own socket alone: by the merged one it is asked while a carrying call to it is open.
    Never,
    /// A signature; a list only if no keys are remembered.
    OnUse,
    /// A list.
    #[default]
    OnList,
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

impl TransportConfig {
    pub fn kind(&self) -> TransportKind {
        match self {
            Self::Qrexec { .. } => TransportKind::Qrexec,
            Self::Command { .. } => TransportKind::Command,
            Self::Unix { .. } => TransportKind::Unix,
        }
    }
}

impl fmt::Display for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qrexec {
                target, argument, ..
            } => write!(f, "qrexec to {target}, {}", service_with(argument)),
            Self::Command { program, .. } => write!(f, "command {program}"),
            Self::Unix { path, argument } => {
                write!(
                    f,
                    "unix socket {}, {}",
                    path.display(),
                    service_with(argument)
                )
            }
        }
    }
}
