//! How a stream ended, in words, and what to do about it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

use super::TransportKind;

/// How one stream, or the attempt to open it, ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", content = "detail", rename_all = "kebab-case")]
pub enum CallOutcome {
    /// The stream was open and ended in the usual way.
    Served,
    /// The client closed before it was answered.
    ClientLeft,
    /// The carrying program exited with this status, not 0.
    Exited(i32),
    /// The carrying program was killed by this signal, not by us.
    Killed(i32),
    /// The vault closed before the client did: in the middle of an answer, before any, or at a bound.
    Cut,
    /// Nobody took the request in this many seconds, twice.
    SetUpTimedOut(u64),
    /// The vault did not reply in this many seconds, and asked nobody.
    NoReply(u64),
    /// Other calls were open, or in set-up, for all the time that this connection had.
    WaitedInVain,
    /// The carrying program, or the socket, could not be reached at all; with the system's words.
    CannotStart(String),
    /// We were asked to stop.
    Stopped,
}

impl From<io::Error> for CallOutcome {
    fn from(error: io::Error) -> Self {
        Self::CannotStart(error.to_string())
    }
}

impl CallOutcome {
    /// What the end of the carrying program says; nothing if it was a success.
    pub fn of_exit(status: ExitStatus) -> Option<Self> {
        match (status.code(), status.signal()) {
            (Some(0), _) => None,
            (Some(code), _) => Some(Self::Exited(code)),
            (None, signal) => Some(Self::Killed(signal.unwrap_or_default())),
        }
    }

    /// Whether anything is wrong that a person may want to know of.
    pub fn is_trouble(&self) -> bool {
        !matches!(self, Self::Served | Self::ClientLeft | Self::Stopped)
    }

    pub fn words(&self, kind: TransportKind) -> String {
        match (self, kind) {
            (Self::Served, _) => "served".to_owned(),
            (Self::ClientLeft, _) => "the client left before it was answered".to_owned(),
            (Self::Exited(code), TransportKind::Qrexec) => match code {
                1 => "qrexec failed in this qube, or the vault's service did (exit 1)".to_owned(),
                125 => "qrexec failed in the vault (exit 125)".to_owned(),
                126 => "refused by dom0 (exit 126)".to_owned(),
                127 => "the vault has no such service (exit 127)".to_owned(),
                255 => "the stream was cut: the vault, or its end of the stream, died (exit 255)"
                    .to_owned(),
                code => format!("the vault's service ended with status {code}"),
            },
            (Self::Exited(code), _) => format!("the command ended with status {code}"),
            (Self::Killed(signal), _) => {
                format!("{} was killed by signal {signal}", kind.program())
            }
            (Self::Cut, _) => "the vault closed the stream".to_owned(),
            (Self::SetUpTimedOut(seconds), _) => {
                format!("nobody took the request in time (twice {seconds} s)")
            }
            (Self::NoReply(seconds), _) => format!("the vault did not reply in {seconds} s"),
            (Self::WaitedInVain, _) => {
                "too many other connections waited, or for too long".to_owned()
            }
            (Self::CannotStart(why), TransportKind::Unix) => format!("cannot connect: {why}"),
            (Self::CannotStart(why), _) => format!("cannot start {}: {why}", kind.program()),
            (Self::Stopped, _) => "split-ssh client was stopped".to_owned(),
        }
    }

    /// What to do next; nothing where nothing is to be done.
    pub fn hint(&self, kind: TransportKind) -> Option<&'static str> {
        Some(match (self, kind) {
            (Self::Exited(126), TransportKind::Qrexec) => {
                "does a file in dom0's /etc/qubes/policy.d allow qubes.SshAgent from this qube, with this keyring? \
                 did the vault start? `split-ssh dom0-policy` prints the lines"
            }
            (Self::Exited(127), TransportKind::Qrexec) => {
                "is split-ssh installed in the vault's template, and does its service run?"
            }
            (Self::Exited(125), TransportKind::Qrexec) => {
                "is `split-ssh vault` running in the vault? `split-ssh doctor` there tells more"
            }
            (Self::Exited(1), TransportKind::Qrexec) => "is this a qube with qrexec running?",
            (Self::Cut, _) => {
                "did `split-ssh vault` end, or was a bound met? `split-ssh log` in the vault tells"
            }
            (Self::Exited(_) | Self::CannotStart(_), TransportKind::Command) => {
                "try the command of client.toml by hand"
            }
            (Self::CannotStart(_), TransportKind::Unix) => "is `split-ssh vault` running?",
            (Self::CannotStart(_), TransportKind::Qrexec) => {
                "is this a qube? elsewhere use --command or --transport unix:PATH"
            }
            (Self::NoReply(_), _) => "is the vault paused, or its machine busy?",
            (Self::SetUpTimedOut(_) | Self::WaitedInVain, TransportKind::Qrexec) => {
                "is a question waiting in dom0? if dom0 never asks, a smaller `setup-seconds` in client.toml helps"
            }
            _ => return None,
        })
    }
}
