//! The name of a policy file: dom0 denies every call while one has a name that it does not take.

use std::fmt;

use common::error::Error;

/// The file that our lines go to unless somebody names another: 30 is the user's own number.
pub const USUAL_FILE: &str = "30-user-split-ssh.policy";
/// What the dom0 package brings: it denies what no earlier file allows.
pub const PACKAGED_FILE: &str = "90-split-ssh.policy";
/// Where dom0 reads policy.
pub const POLICY_FOLDER: &str = "/etc/qubes/policy.d";
/// What a policy file's name ends with; other files are not read.
pub const SUFFIX: &str = ".policy";

/// A name that dom0 takes, and that comes before the package's deny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFileName {
    /// A byte outside `0-9a-z_.-`: every call of the system is denied.
    Character(char),
    /// Not read at all.
    NotAPolicy,
    /// Read after the package's deny.
    TooLate,
    /// A path instead of a name.
    Folder,
}

impl FileName {
    /// # Errors
    /// A name that would break dom0, or that would have no effect there.
    pub fn parse(name: &str) -> Result<Self, Error> {
        match problem(name) {
            None => Ok(Self(name.to_owned())),
            Some(bad) => Err(Error::new(format!("`{}`: {bad}", name.escape_debug()))
                .hint(format!("use a name like {USUAL_FILE}"))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with the last part of a path in policy.d, if anything is.
pub fn problem(name: &str) -> Option<BadFileName> {
    if name.contains('/') {
        return Some(BadFileName::Folder);
    }
    if !name.ends_with(SUFFIX) || name.starts_with('.') {
        return Some(BadFileName::NotAPolicy);
    }
    let is_taken = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() || "_.-".contains(c);
    if let Some(bad) = name.chars().find(|c| !is_taken(*c)) {
        return Some(BadFileName::Character(bad));
    }
    (name > PACKAGED_FILE).then_some(BadFileName::TooLate)
}

impl fmt::Display for BadFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(c) => write!(
                f,
                "`{}` in a policy file's name makes dom0 deny every call of the system; \
                 only 0-9, a-z, `_`, `.` and `-` may stand there",
                c.escape_debug()
            ),
            Self::NotAPolicy => f.write_str(
                "dom0 reads only files that end with .policy and do not start with a dot",
            ),
            Self::TooLate => write!(
                f,
                "it is read after {PACKAGED_FILE}, whose deny comes first"
            ),
            Self::Folder => f.write_str("a file's name is wanted, without its folder"),
        }
    }
}
