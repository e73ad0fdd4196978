//! What the policy says of one request, with its reason and its rule's place.

use std::fmt;

/// Allow, ask or deny, strictest last: `max` of two is the stricter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Allow,
    Ask,
    Deny,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How long a yes or no may be remembered at most, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    Never,
    UpTo(u64),
}

/// The policy's word on one request. Only a permit made from it opens the way to the upstream.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// One sentence for people, lower case, no full stop.
    pub reason: String,
    /// The deciding rule's index in the policy, its name if it has one, and its place.
    /// `None` when the default, or a built-in refusal, decided.
    pub rule: Option<RuleRef>,
    pub remember: Remember,
    pub notify: bool,
    /// Signatures allowed on one connection under this judgement.
    pub signatures: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    pub index: usize,
    pub name: Option<String>,
    pub place: Place,
}
