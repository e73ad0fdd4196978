//! Lines that cannot be read, and what follows from one that may have been meant to revoke a key.

use std::fmt;

use super::names::{Names, host_of_port, is_open};
use crate::crypto::Crypto;
use crate::judgement::Place;

/// A line that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub place: Place,
    pub what: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; the line is ignored", self.place, self.what)
    }
}

/// A `@revoked` line that cannot be read. What it could revoke is refused until somebody corrects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRevocation {
    pub place: Place,
    pub what: &'static str,
    /// The hosts that the line speaks of, if that much can be read; else it could be any.
    pub names: Option<Names>,
}

impl fmt::Display for UnreadableRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: a @revoked line cannot be read, {}; ",
            self.place, self.what
        )?;
        match &self.names {
            Some(names @ Names::Patterns(_)) => {
                write!(
                    f,
                    "logins at {names} and at hosts without a name are refused"
                )
            }
            _ => f.write_str("logins at every host that is shown are refused"),
        }
    }
}

impl UnreadableRevocation {
    /// Whether the line could be about a host with these names. A name that leaves open which it is could be any.
    pub(super) fn may_revoke(&self, names: &[String], crypto: &dyn Crypto) -> bool {
        let Some(about) = &self.names else {
            return true;
        };
        let is_about = |name: &String| {
            let host = host_of_port(name).unwrap_or(name);
            is_open(name) || about.match_name(name, crypto) || about.match_name(host, crypto)
        };
        names.is_empty() || about.is_hashed() || names.iter().any(is_about)
    }
}
