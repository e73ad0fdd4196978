//! What a person is shown before a signature, and what counts as an answer.
//!
//! A question is a sentence, warnings, and plain rows in a fixed order: the facts that decide, and details for a closer
//! look. Every text in it has passed [`crate::display`].

mod answer;
mod caution;
mod compose;
mod content;
mod date;
mod heading;
mod history;
mod names;
pub mod protocol;
mod row;
mod rows;
mod subject;
mod wording;

use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::facts::{IntentKind, Proof};
use crate::known_hosts::check_name;
pub use crate::qube_color::QubeColor;

pub use answer::{Answer, BadAnswer, Decision, MUTE_SECONDS, QuestionId};
pub use compose::{LONGEST, QuestionProgress};
pub(crate) use date::counted;
pub use date::length as length_in_words;
pub use history::{AuthorHistory, History};
pub use protocol::{Counts, Version};
pub use row::{Row, RowClass, own_row};
pub use subject::{CertificateFields, Details, KeyValidity, Subject};
pub use wording::proof_sentence;

/// Seconds from the moment a question is seen until it is denied.
pub const SECONDS_FROM_SHOWN: u64 = 60;
/// Seconds from a request's arrival until it is denied: below sshd's LoginGraceTime of 120.
pub const SECONDS_FROM_ARRIVAL: u64 = 110;
/// The longest label for a host: one that is longer helps nobody to tell hosts apart.
pub const MAX_HOST_LABEL: usize = 63;

/// One question to a person, and the line that a prompter reads; see [`protocol`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub v: Version,
    #[serde(with = "protocol::id_text")]
    pub id: QuestionId,
    pub kind: IntentKind,
    pub risk: Risk,
    /// The caller's, if the policy has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<QubeColor>,
    /// `work-dev wants to log in as git on github.com`
    pub heading: Vec<HeadingPart>,
    /// How sure the destination is, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// What needs a second look, in sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What decides, beyond the heading.
    pub facts: Vec<Row>,
    /// What a closer look needs. Nothing here stands out.
    #[serde(default)]
    pub details: Vec<Row>,
    /// The rule that asks and where it stands, or that the default does.
    pub why: String,
    /// What a longer answer would cover; there if one is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Why an allow cannot be for longer than is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The rule that [`Decision::AllowAlways`] would write, in the policy's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    pub offers: Vec<Decision>,
    /// Beside an allow, the person may type a name for this host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_name: bool,
    /// Time left from the moment it is shown.
    pub seconds: u64,
    /// Other questions that wait behind this one.
    #[serde(default)]
    pub waiting: usize,
    /// Requests that the answer will serve. Counts those that have gone since, so it only grows.
    #[serde(default = "answer::one")]
    pub same: usize,
}

/// How much care a question needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    Routine,
    /// Has a warning that says why.
    Unusual,
    /// The same, where the signature may open more than is shown.
    Dangerous,
}

/// A part of the heading's sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadingPart {
    /// Our own, with the spaces at their edges.
    Words(String),
    /// A qube, user, host or other name, set in bold.
    Name(String),
    /// Words of somebody else, in any script, such as a commit's subject; set in bold, and always the last part.
    Text(String),
}

impl HeadingPart {
    pub fn text(&self) -> &str {
        match self {
            Self::Words(text) | Self::Name(text) | Self::Text(text) => text,
        }
    }
}

impl Question {
    /// The heading as plain text.
    pub fn sentence(&self) -> String {
        self.heading.iter().map(HeadingPart::text).collect()
    }

    /// What a sentence calls the caller, whom the heading names first.
    pub fn caller_noun(&self) -> &'static str {
        let name = self.heading.first().map_or("", HeadingPart::text);
        Caller::parse(name).map_or("this caller", |caller| caller.noun())
    }

    /// What may change while it is shown.
    pub fn counts(&self) -> Counts {
        Counts {
            v: Version,
            id: self.id,
            waiting: self.waiting,
            same: self.same,
        }
    }

    /// The lengths of time that an allow may be for, in seconds, shortest first.
    pub fn lengths(&self) -> Vec<u64> {
        self.offered(|offer| match offer {
            Decision::AllowFor(seconds) => Some(*seconds),
            _ => None,
        })
    }

    /// The same for a deny.
    pub fn denial_lengths(&self) -> Vec<u64> {
        self.offered(|offer| match offer {
            Decision::DenyFor(seconds) => Some(*seconds),
            _ => None,
        })
    }

    fn offered(&self, length: fn(&Decision) -> Option<u64>) -> Vec<u64> {
        let mut lengths: Vec<u64> = self.offers.iter().filter_map(length).collect();
        lengths.sort_unstable();
        lengths
    }

    /// Holds an answer against what was offered.
    ///
    /// # Errors
    /// An answer that was not offered, or a name that no host may be given.
    pub fn accepts(
        &self,
        answer: &Answer,
        name_is_taken: impl Fn(&str) -> bool,
    ) -> Result<(), BadAnswer> {
        if !self.offers.contains(&answer.decision) {
            return Err(BadAnswer::NotOffered);
        }
        if answer.decision.allows() && !(1..=self.same).contains(&answer.same) {
            return Err(BadAnswer::BadCount);
        }
        match &answer.name {
            None if answer.trust => Err(BadAnswer::BadName),
            None => Ok(()),
            Some(_) if !self.takes_name => Err(BadAnswer::NotOffered),
            Some(name) if !is_host_label(name) => Err(BadAnswer::BadName),
            Some(name) if name_is_taken(name) => Err(BadAnswer::NameTaken),
            Some(_) => Ok(()),
        }
    }
}

/// Letters, digits, `.`, `-` and `_`, a letter or digit first; so no pattern, flag or path. None of the
/// words that rules have for hosts without a name.
pub fn is_host_label(untrusted: &str) -> bool {
    untrusted.len() <= MAX_HOST_LABEL
        && untrusted.starts_with(|c: char| c.is_ascii_alphanumeric())
        && untrusted
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && check_name(untrusted).is_ok()
}

#[cfg(test)]
pub(crate) mod tests;
