//! What a remembered answer covers, in one line for people.

use std::fmt;

use super::{Covers, Purpose, Scope};
use crate::display;

/// Names and users on this line, in characters; the fingerprint stays whole.
const MAX_SHOWN: usize = 64;

impl fmt::Display for Covers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(scope) => scope.fmt(f),
            Self::Muted(caller) => write!(
                f,
                "{caller}: every question is denied, because you muted it"
            ),
            Self::CooledDown(caller) => {
                write!(f, "{caller}: every question is denied, after too many noes")
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes: &[u8]| display::ascii(bytes, MAX_SHOWN);
        write!(
            f,
            "{} with key {} ({}): ",
            self.caller,
            shown(&self.key_comment),
            self.keyring
        )?;
        match &self.purpose {
            Purpose::Login {
                user,
                host,
                host_names,
                proof,
                ..
            } => {
                let names = host_names.join(", ");
                write!(
                    f,
                    "login {}@{} ({host}, {})",
                    shown(user),
                    shown(names.as_bytes()),
                    proof.word()
                )
            }
            Purpose::Sshsig { namespace } => write!(f, "sign in namespace {}", shown(namespace)),
        }
    }
}
