//! Who asks, and for which keyring. Both come from qrexec (dom0), or from the socket on which a connection came, never
//! from the client's bytes.

use std::fmt;

/// Qubes' own limit for a qube's name, in bytes.
pub const MAX_QUBE_NAME: usize = 31;
/// The official package's limit for a keyring's name, in bytes.
pub const MAX_KEYRING_NAME: usize = 64;
/// The longest name of a caller that is no qube, in bytes: spelled as a keyring's, so that a container's id fits.
pub const MAX_CALLER_NAME: usize = MAX_KEYRING_NAME;
/// The longest caller as it prints, in bytes: a sandbox with the longest name.
pub const MAX_CALLER_TEXT: usize = "sandbox:".len() + MAX_CALLER_NAME;
/// The keyring of a call without an argument.
pub const DEFAULT_KEYRING: &str = "default";

/// Who asks: a qube as dom0 names it, or a caller that did not come by qrexec.
/// The kinds print differently (`work`, `sandbox:dev`, `ssh:laptop`, `local:1000`), so none can equal another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Caller {
    Qube(String),
    /// Whoever connects to the socket that the vault made for this sandbox.
    Sandbox(String),
    Ssh(String),
    Local(u32),
}

/// Why a caller's or a keyring's name was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    pub what: &'static str,
    pub rule: &'static str,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad {}: {}", self.what, self.rule)
    }
}

impl std::error::Error for BadName {}

impl Caller {
    /// Reads a caller as it prints: `NAME`, `sandbox:NAME`, `ssh:NAME` or `local:UID`.
    ///
    /// # Errors
    /// A qube's name outside Qubes' charset `[A-Za-z][A-Za-z0-9_.-]{0,30}`, another name outside
    /// `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`, or a uid not in canonical decimal.
    pub fn parse(untrusted: &str) -> Result<Self, BadName> {
        if let Some(untrusted_name) = untrusted.strip_prefix("sandbox:") {
            return Self::sandbox(untrusted_name);
        }
        if let Some(untrusted_name) = untrusted.strip_prefix("ssh:") {
            return longer_name(untrusted_name, "name of a caller by ssh").map(Self::Ssh);
        }
        if let Some(untrusted_uid) = untrusted.strip_prefix("local:") {
            let uid: u32 = untrusted_uid.parse().map_err(|_| BAD_UID)?;
            let is_canonical = uid.to_string() == untrusted_uid;
            return is_canonical.then_some(Self::Local(uid)).ok_or(BAD_UID);
        }
        qube_name(untrusted).map(Self::Qube)
    }

    /// # Errors
    /// A name outside `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`.
    pub fn sandbox(untrusted_name: &str) -> Result<Self, BadName> {
        longer_name(untrusted_name, "sandbox name").map(Self::Sandbox)
    }

    /// What a sentence calls it that has named it before.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Qube(_) => "this qube",
            Self::Sandbox(_) => "this sandbox",
            Self::Ssh(_) | Self::Local(_) => "this caller",
        }
    }
}

const BAD_UID: BadName = BadName {
    what: "local caller",
    rule: "a uid in plain decimal is expected",
};

fn qube_name(untrusted: &str) -> Result<String, BadName> {
    let starts = untrusted.starts_with(|c: char| c.is_ascii_alphabetic());
    name(untrusted, MAX_QUBE_NAME)
        .filter(|_| starts)
        .ok_or(BadName {
            what: "qube name",
            rule: "a letter, then letters, digits, `_`, `.` and `-`, 31 bytes at most",
        })
}

/// The name of a keyring, or of a caller that is no qube.
fn longer_name(untrusted: &str, what: &'static str) -> Result<String, BadName> {
    name(untrusted, MAX_CALLER_NAME).ok_or(BadName {
        what,
        rule: "a letter or digit, then letters, digits, `_`, `.` and `-`, 64 bytes at most",
    })
}

fn name(untrusted: &str, max: usize) -> Option<String> {
    let starts = untrusted.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_name = starts && untrusted.len() <= max && untrusted.bytes().all(is_of_name);
    is_name.then(|| untrusted.to_owned())
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qube(name) => f.write_str(name),
            Self::Sandbox(name) => write!(f, "sandbox:{name}"),
            Self::Ssh(name) => write!(f, "ssh:{name}"),
            Self::Local(uid) => write!(f, "local:{uid}"),
        }
    }
}

/// The name of a set of keys behind one service argument, `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyring(String);

impl Keyring {
    /// Reads a service argument; the empty one means keyring `default`.
    ///
    /// # Errors
    /// A name outside the official package's charset and length.
    pub fn from_argument(untrusted: &str) -> Result<Self, BadName> {
        if untrusted.is_empty() {
            return Ok(Self(DEFAULT_KEYRING.to_owned()));
        }
        longer_name(untrusted, "keyring name").map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_of_different_kinds_never_print_alike() {
        let container = format!("sandbox:{}", "1f".repeat(32));
        for text in [
            "work",
            "sandbox:work",
            "ssh:work",
            "ssh:1box",
            "local:0",
            "disp1234",
            "a.b_c-d",
            &container,
        ] {
            assert_eq!(Caller::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn names_outside_the_charset_are_refused() {
        for text in [
            "",
            "1work",
            "work dev",
            "wörk",
            "ssh:",
            "sandbox:",
            "sandbox:..",
            "sandbox:a/b",
            "sandbox:ssh:x",
            "Sandbox:x",
            "local:01",
            "local:-1",
            "-x",
            "a/b",
            "a\n",
        ] {
            assert!(Caller::parse(text).is_err(), "{text:?}");
        }
        assert!(Caller::parse(&"a".repeat(31)).is_ok());
        assert!(Caller::parse(&"a".repeat(32)).is_err());
        assert!(Caller::sandbox(&"a".repeat(65)).is_err());
    }

    #[test]
    fn keyrings_follow_the_official_package() {
        assert_eq!(Keyring::from_argument("").unwrap().as_str(), "default");
        assert!(Keyring::from_argument(&"k".repeat(64)).is_ok());
        for text in ["-work", ".work", "a+b", "a b", "../x", &"k".repeat(65)] {
            assert!(Keyring::from_argument(text).is_err(), "{text:?}");
        }
    }
}
