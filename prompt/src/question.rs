//! What the vault may ask, as `docs/prompt-protocol.md` says. Every line is untrusted until it
//! has been through here: the vault's own parser stands between, but a wrong question must not
//! become a wrong window.

mod check;

use policy::display;
pub use policy::facts::{Kind, Proof};
pub use policy::question::{Class, HeadingPart, History, Offer, QubeColor, Risk, Row};
use serde::Deserialize;

pub use check::BadQuestion;
use check::{
    MAX_ATTEMPT, MAX_BODY, MAX_DETAILS, MAX_FACTS, MAX_SUMMARY, MAX_WHY, checked_heading,
    checked_id, checked_offers, checked_rows, checked_seconds, checked_warnings, demand,
};

/// How long a mute lasts: the button says so.
pub const MUTE_SECONDS: u64 = 300;

/// One question. All its texts have passed the sanitizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub id: String,
    pub kind: Kind,
    pub risk: Risk,
    pub color: Option<QubeColor>,
    pub heading: Vec<HeadingPart>,
    pub proof: Option<Proof>,
    pub history: Option<History>,
    pub warnings: Vec<String>,
    pub facts: Vec<Row>,
    pub details: Vec<Row>,
    pub why: String,
    pub scope: Option<String>,
    pub offers: Vec<Offer>,
    pub seconds: u64,
    pub counts: Counts,
}

/// What may change while the question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Questions behind this one.
    pub waiting: u32,
    /// Requests that the answer will serve.
    pub same: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassphraseQuestion {
    pub id: String,
    pub rows: Vec<Row>,
    pub why: String,
    pub attempt: u8,
    pub seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub summary: String,
    pub body: String,
    pub urgency: Urgency,
    pub replaces: u32,
    pub seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    Low,
    #[default]
    Normal,
    Critical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedQuestion {
    v: u32,
    id: String,
    kind: Kind,
    risk: Risk,
    color: Option<QubeColor>,
    heading: Vec<HeadingPart>,
    proof: Option<Proof>,
    history: Option<History>,
    #[serde(default)]
    warnings: Vec<String>,
    facts: Vec<Row>,
    #[serde(default)]
    details: Vec<Row>,
    why: String,
    scope: Option<String>,
    offers: Vec<Offer>,
    seconds: u64,
    waiting: Option<u32>,
    same: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedUpdate {
    v: u32,
    id: String,
    waiting: u32,
    same: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedPassphraseQuestion {
    v: u32,
    id: String,
    rows: Vec<Row>,
    why: String,
    attempt: Option<u8>,
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedNotification {
    v: u32,
    summary: String,
    body: String,
    urgency: Option<Urgency>,
    replaces: Option<u32>,
    seconds: Option<u64>,
}

impl Question {
    /// # Errors
    /// Anything that the protocol does not name, or a value out of its bounds.
    pub fn parse(untrusted_line: &[u8]) -> Result<Self, BadQuestion> {
        let untrusted: UntrustedQuestion = serde_json::from_slice(untrusted_line)?;
        let counts = Counts {
            waiting: untrusted.waiting.unwrap_or(0),
            same: untrusted.same.unwrap_or(1),
        };
        demand(counts.same >= 1, "same", "at least 1")?;
        let warnings = checked_warnings(untrusted.warnings)?;
        demand(
            untrusted.risk == Risk::Routine || !warnings.is_empty(),
            "warnings",
            "a question that is not routine says why",
        )?;
        demand(
            untrusted.details.iter().all(|row| !row.stands_out),
            "details",
            "what stands out belongs to the facts",
        )?;
        Ok(Self {
            id: checked_id(untrusted.v, untrusted.id)?,
            kind: untrusted.kind,
            risk: untrusted.risk,
            color: untrusted.color,
            heading: checked_heading(untrusted.heading)?,
            proof: untrusted.proof,
            history: untrusted.history,
            warnings,
            facts: checked_rows(untrusted.facts, MAX_FACTS)?,
            details: checked_rows(untrusted.details, MAX_DETAILS)?,
            why: display::prose(untrusted.why.as_bytes(), MAX_WHY),
            scope: untrusted
                .scope
                .map(|text| display::prose(text.as_bytes(), MAX_WHY)),
            offers: checked_offers(untrusted.offers)?,
            seconds: checked_seconds(untrusted.seconds)?,
            counts,
        })
    }

    /// A later line: new counts for this very question.
    ///
    /// # Errors
    /// As for [`Question::parse`], or another question's `id`.
    pub fn parse_update(&self, untrusted_line: &[u8]) -> Result<Counts, BadQuestion> {
        let untrusted: UntrustedUpdate = serde_json::from_slice(untrusted_line)?;
        demand(
            checked_id(untrusted.v, untrusted.id)? == self.id,
            "id",
            "another question is on the screen",
        )?;
        demand(untrusted.same >= 1, "same", "at least 1")?;
        Ok(Counts {
            waiting: untrusted.waiting,
            same: untrusted.same,
        })
    }

    pub fn offers(&self, offer: Offer) -> bool {
        self.offers.contains(&offer)
    }

    /// The offered lengths in seconds, shortest first.
    pub fn lengths(&self) -> Vec<u64> {
        let mut lengths: Vec<u64> = check::lengths(&self.offers).collect();
        lengths.sort_unstable();
        lengths
    }
}

impl PassphraseQuestion {
    /// # Errors
    /// As for [`Question::parse`].
    pub fn parse(untrusted_line: &[u8]) -> Result<Self, BadQuestion> {
        let untrusted: UntrustedPassphraseQuestion = serde_json::from_slice(untrusted_line)?;
        let attempt = untrusted.attempt.unwrap_or(1);
        demand((1..=MAX_ATTEMPT).contains(&attempt), "attempt", "1 to 3")?;
        Ok(Self {
            id: checked_id(untrusted.v, untrusted.id)?,
            rows: checked_rows(untrusted.rows, MAX_FACTS)?,
            why: display::prose(untrusted.why.as_bytes(), MAX_WHY),
            attempt,
            seconds: checked_seconds(untrusted.seconds)?,
        })
    }
}

impl Notification {
    /// # Errors
    /// As for [`Question::parse`].
    pub fn parse(untrusted_line: &[u8]) -> Result<Self, BadQuestion> {
        let untrusted: UntrustedNotification = serde_json::from_slice(untrusted_line)?;
        demand(untrusted.v == 1, "v", "1 is expected")?;
        Ok(Self {
            summary: display::ascii(untrusted.summary.as_bytes(), MAX_SUMMARY),
            body: display::prose(untrusted.body.as_bytes(), MAX_BODY),
            urgency: untrusted.urgency.unwrap_or_default(),
            replaces: untrusted.replaces.unwrap_or(0),
            seconds: untrusted.seconds.map(checked_seconds).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
