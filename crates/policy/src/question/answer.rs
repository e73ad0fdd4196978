//! What a person may answer to a question.

use serde::{Deserialize, Serialize};

/// Names a question for as long as the vault runs. Never reused, so a late answer can't meet another
/// question.
pub type QuestionId = u64;

/// Seconds that a mute lasts.
pub const MUTE_SECONDS: u64 = 300;

/// What the person may choose, and what they decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    #[serde(rename = "deny")]
    DenyOnce,
    /// Deny, and what equals it in every shown fact for so many seconds.
    DenyFor(u64),
    /// Deny, and every other question of this qube for five minutes.
    Mute,
    #[serde(rename = "once")]
    AllowOnce,
    /// Allow, and what equals it in every shown fact for so many seconds.
    #[serde(rename = "for")]
    AllowFor(u64),
    /// Allow, and write the rule that the question shows.
    #[serde(rename = "always")]
    AllowAlways,
}

impl Decision {
    pub fn allows(self) -> bool {
        matches!(
            self,
            Self::AllowOnce | Self::AllowFor(_) | Self::AllowAlways
        )
    }
}

/// What came back from a prompt or a terminal, before it is held against the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub decision: Decision,
    /// A name for the host, typed by the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The vault's known hosts are to have the name from now on; else it is a label.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trust: bool,
    /// How many requests the person saw this answer to be for. One that joined later is not covered. Without a number,
    /// the answer is for the first request alone.
    #[serde(default = "one")]
    pub same: usize,
}

pub(super) fn one() -> usize {
    1
}

/// Why an answer does not count. The request is denied then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadAnswer {
    NotOffered,
    /// For no request, or for more than the person can have been shown.
    BadCount,
    /// The label has a character or length that no host name has.
    BadName,
    /// Known hosts or the policy use this name already, for another key.
    NameTaken,
}

impl std::fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotOffered => "the answer was not among those offered",
            Self::BadCount => "the answer is for another number of requests than was shown",
            Self::BadName => "the typed name is not a host name",
            Self::NameTaken => "the typed name already stands for another key",
        })
    }
}

impl std::error::Error for BadAnswer {}
