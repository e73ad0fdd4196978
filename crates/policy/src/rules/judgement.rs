//! What the policy says of one request, with its reason and its rule's place.

use std::fmt;

word_enum! {
    /// Allow, ask or deny, strictest last: `max` of two is the stricter.
    pub enum Verdict {
        Allow = "allow",
        Ask = "ask",
        Deny = "deny",
    }
}

/// What says nothing denies.
impl Default for Verdict {
    fn default() -> Self {
        Self::Deny
    }
}

/// Where a rule stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// The policy's word on one request.
///
/// Only [`super::Policy::judge`] makes one that allows or asks: the fields are private to [`crate::rules`], and
/// there is no `Default`, `Clone` or `Deserialize`. Anybody may turn one into a denial, which opens nothing.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) reason: String,
    pub(super) rule: Option<RuleRef>,
    pub(super) remember: Remember,
    pub(super) notify: bool,
    pub(super) log_content: bool,
    pub(super) signatures: u32,
}

impl Judgement {
    /// A denial by the vault itself, where no policy could be asked.
    pub fn denial(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Deny,
            reason: reason.into(),
            rule: None,
            remember: Remember::Never,
            notify: false,
            log_content: false,
            signatures: 1,
        }
    }

    /// A denial for another reason, by the same rule.
    pub fn to_denial(&self, reason: impl Into<String>) -> Self {
        Self {
            rule: self.rule.clone(),
            ..Self::denial(reason)
        }
    }

    /// Whether to allow, to ask the person, or to deny.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// One sentence for people, lower case, no full stop.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The deciding rule. `None` when the default, or a built-in refusal, decided.
    pub fn rule(&self) -> Option<&RuleRef> {
        self.rule.as_ref()
    }

    /// How long the person's answer may be remembered.
    pub fn remember(&self) -> Remember {
        self.remember
    }

    /// Whether the person is told of each signature.
    pub fn notify(&self) -> bool {
        self.notify
    }

    /// Whether the log keeps what the content says.
    pub fn log_content(&self) -> bool {
        self.log_content
    }

    /// Signatures allowed on one connection under this judgement.
    pub fn signatures(&self) -> u32 {
        self.signatures
    }
}

/// The deciding rule's index in the policy, its name if it has one, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    pub index: usize,
    pub name: Option<String>,
    pub place: Place,
}

#[cfg(test)]
impl Judgement {
    /// For tests of what comes after judging: the default asks.
    pub(crate) fn asks_in_tests(rule: Option<RuleRef>, reason: &str, remember: Remember) -> Self {
        Self {
            verdict: Verdict::Ask,
            rule,
            remember,
            ..Self::denial(reason)
        }
    }
}
