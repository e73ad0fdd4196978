//! What a person may answer to a question, and how an answer is written.

use serde::{Deserialize, Serialize};

/// Names a question for as long as the vault runs. Never reused, so a late answer can't meet another
/// question.
pub type QuestionId = u64;

/// Seconds that a mute lasts.
pub const MUTE_SECONDS: u64 = 300;

/// What the person may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    Deny,
    /// Deny, and what equals it in every shown fact for so many seconds.
    DenyFor(u64),
    /// Deny, and every other question of this qube for five minutes.
    Mute,
    Once,
    /// Allow, and what equals it in every shown fact for so many seconds.
    For(u64),
    /// Allow, and write the rule that the question shows.
    Always,
    /// Beside an allow: a name for this host, typed by the person. It is a label, or is trusted from now on.
    Name,
}

/// What the person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    DenyOnce,
    /// Deny, and what equals it in every shown fact for so many seconds.
    DenyFor(u64),
    /// Deny, and every other question of this qube for five minutes.
    Mute,
    AllowOnce,
    /// Allow, and what equals it in every shown fact for so many seconds.
    AllowFor(u64),
    /// Allow, and write the rule that the question shows.
    AllowAlways,
}

impl Decision {
    pub fn allows(self) -> bool {
        matches!(
            self,
            Self::AllowOnce | Self::AllowFor(_) | Self::AllowAlways
        )
    }

    /// The offer that this decision takes up.
    pub fn offer(self) -> Offer {
        match self {
            Self::DenyOnce => Offer::Deny,
            Self::DenyFor(seconds) => Offer::DenyFor(seconds),
            Self::Mute => Offer::Mute,
            Self::AllowOnce => Offer::Once,
            Self::AllowFor(seconds) => Offer::For(seconds),
            Self::AllowAlways => Offer::Always,
        }
    }
}

/// What came back from a prompt or a terminal, before it is held against the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AnswerFields", into = "AnswerFields")]
pub struct Answer {
    pub decision: Decision,
    /// A name for the host, typed by the person.
    pub name: Option<String>,
    /// The vault's known hosts are to have the name from now on; else it is a label.
    pub trust: bool,
    /// How many requests the person saw this answer to be for. One that joined later is not covered.
    pub same: usize,
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

/// How a decision is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DecisionWord {
    Deny,
    DenyFor,
    Mute,
    Once,
    For,
    Always,
}

/// [`Answer`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerFields {
    pub(super) decision: DecisionWord,
    /// How long to allow or deny; or how long the mute lasts, which is no choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) trust: bool,
    /// Without a number, the answer is for the first request alone.
    #[serde(default = "one")]
    pub(super) same: usize,
}

pub(super) fn one() -> usize {
    1
}

impl From<Answer> for AnswerFields {
    fn from(answer: Answer) -> Self {
        let (decision, seconds) = match answer.decision {
            Decision::DenyOnce => (DecisionWord::Deny, None),
            Decision::DenyFor(seconds) => (DecisionWord::DenyFor, Some(seconds)),
            Decision::Mute => (DecisionWord::Mute, Some(MUTE_SECONDS)),
            Decision::AllowOnce => (DecisionWord::Once, None),
            Decision::AllowFor(seconds) => (DecisionWord::For, Some(seconds)),
            Decision::AllowAlways => (DecisionWord::Always, None),
        };
        Self {
            decision,
            seconds,
            name: answer.name,
            trust: answer.trust,
            same: answer.same,
        }
    }
}

impl TryFrom<AnswerFields> for Answer {
    type Error = &'static str;

    fn try_from(fields: AnswerFields) -> Result<Self, &'static str> {
        let decision = match (fields.decision, fields.seconds) {
            (DecisionWord::Deny, None) => Decision::DenyOnce,
            (DecisionWord::DenyFor, Some(seconds)) => Decision::DenyFor(seconds),
            (DecisionWord::Mute, None | Some(MUTE_SECONDS)) => Decision::Mute,
            (DecisionWord::Once, None) => Decision::AllowOnce,
            (DecisionWord::For, Some(seconds)) => Decision::AllowFor(seconds),
            (DecisionWord::Always, None) => Decision::AllowAlways,
            _ => return Err("the answer has a length of time that does not fit"),
        };
        Ok(Self {
            decision,
            name: fields.name,
            trust: fields.trust,
            same: fields.same,
        })
    }
}
