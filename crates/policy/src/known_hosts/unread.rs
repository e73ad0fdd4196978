//! Lines that cannot be read, and what follows from one that may have been meant to revoke a key.

use std::fmt;

use super::line::BadLine;
use super::names::{Names, host_of_port, is_open};
use crate::crypto::Crypto;
use crate::judgement::Place;

/// A line that was skipped. What one could revoke is refused until somebody corrects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadLine {
    pub place: Place,
    pub bad: BadLine,
}

impl fmt::Display for UnreadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, BadLine { what, .. }) = (&self.place, &self.bad);
        if !self.bad.may_revoke {
            return write!(f, "{place}: {what}; the line is ignored");
        }
        write!(
            f,
            "{place}: a @revoked line cannot be read, {what}; logins at "
        )?;
        match &self.bad.names {
            Some(names @ Names::Patterns(_)) => {
                write!(f, "{names} and at hosts without a name are refused")
            }
            _ => f.write_str("every host that is shown are refused"),
        }
    }
}

impl UnreadLine {
    /// Whether a line that revokes could be about a host with these names. A name that leaves open which it is could be
    /// any.
    pub(super) fn may_be_about(&self, names: &[String], crypto: &dyn Crypto) -> bool {
        let Some(about) = &self.bad.names else {
            return true;
        };
        let is_about = |name: &String| {
            let host = host_of_port(name).unwrap_or(name);
            is_open(name) || about.match_name(name, crypto) || about.match_name(host, crypto)
        };
        names.is_empty() || about.is_hashed() || names.iter().any(is_about)
    }
}
