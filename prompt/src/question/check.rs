//! Bounds and rules for what the vault may ask.

use std::fmt;

use policy::display;

use super::{Decision, HeadingPart, Question, Row, RowClass};

/// A person reads no more; what there is beside goes into the details.
pub(super) const MAX_FACTS: usize = 12;
pub(super) const MAX_DETAILS: usize = 24;
const MAX_WARNINGS: usize = 8;
const MAX_HEADING_PARTS: usize = 12;
const MAX_LABEL: usize = 24;
const MAX_TEXT: usize = 4096;
/// Room for every escape of a text of the greatest length: it is shown whole.
const MAX_SHOWN: usize = MAX_TEXT * 10;
const MAX_NOTE: usize = 120;
/// Plain buttons; menus are windows of their own in Qubes.
const MAX_FOR: usize = 6;
/// A rule with the table for its host.
const MAX_RULE: usize = 2048;
const MAX_FOR_SECONDS: u64 = 7 * 24 * 3600;
const MAX_SECONDS: u64 = 600;
pub(super) const MAX_ATTEMPT: u8 = 3;
const MAX_HEADING: usize = 240;
const MAX_WARNING: usize = 400;
pub(super) const MAX_REASON: usize = 240;
pub(super) const MAX_SUMMARY: usize = 120;
pub(super) const MAX_BODY: usize = 1000;

/// Why a line was not accepted.
#[derive(Debug)]
pub struct BadQuestion(String);

impl fmt::Display for BadQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<serde_json::Error> for BadQuestion {
    fn from(error: serde_json::Error) -> Self {
        Self(format!(
            "the question is not as docs/prompt-protocol.md says: {error}"
        ))
    }
}

pub(super) fn demand(holds: bool, name: &str, rule: &str) -> Result<(), BadQuestion> {
    match holds {
        true => Ok(()),
        false => Err(BadQuestion(format!("bad `{name}` in the question: {rule}"))),
    }
}

pub(super) fn checked_seconds(seconds: u64) -> Result<u64, BadQuestion> {
    demand((1..=MAX_SECONDS).contains(&seconds), "seconds", "1 to 600")?;
    Ok(seconds)
}

/// A sentence of the vault's words and of names; spaces at its parts' edges stay.
pub(super) fn checked_heading(
    untrusted: Vec<HeadingPart>,
) -> Result<Vec<HeadingPart>, BadQuestion> {
    let rule = |holds, rule| demand(holds, "heading", rule);
    let length: usize = untrusted.iter().map(|part| part.text().len()).sum();
    let is_said = untrusted.iter().any(|part| !part.text().trim().is_empty());
    rule(is_said, "some text is expected")?;
    rule(untrusted.len() <= MAX_HEADING_PARTS, "12 parts at most")?;
    rule(length <= MAX_HEADING, "240 bytes at most")?;
    let cleaned = untrusted.into_iter().map(|part| match part {
        HeadingPart::Words(words) => {
            let inner = display::prose(words.as_bytes(), MAX_HEADING);
            let space = |is_there: bool| if is_there { " " } else { "" };
            let (before, after) = (words.starts_with(' '), words.ends_with(' '));
            HeadingPart::Words(format!("{}{inner}{}", space(before), space(after)))
        }
        HeadingPart::Name(name) => HeadingPart::Name(display::ascii(name.as_bytes(), MAX_SHOWN)),
        HeadingPart::Text(text) => HeadingPart::Text(display::text(text.as_bytes(), MAX_SHOWN)),
    });
    Ok(cleaned.collect())
}

pub(super) fn checked_warnings(untrusted: &[String]) -> Result<Vec<String>, BadQuestion> {
    let rule = |holds, rule| demand(holds, "warnings", rule);
    let is_sentence = |text: &String| text.len() <= MAX_WARNING && !text.trim().is_empty();
    rule(untrusted.len() <= MAX_WARNINGS, "8 at most")?;
    rule(untrusted.iter().all(is_sentence), "1 to 400 bytes each")?;
    let cleaned = |text: &String| display::prose(text.as_bytes(), MAX_SHOWN);
    Ok(untrusted.iter().map(cleaned).collect())
}

pub(super) fn checked_rows(untrusted_rows: Vec<Row>, most: usize) -> Result<Vec<Row>, BadQuestion> {
    let is_short = untrusted_rows.len() <= most;
    let rule = "12 facts and 24 details at most";
    demand(is_short, "facts or details", rule)?;
    let note = |note: &str| display::prose(note.as_bytes(), MAX_NOTE);
    let rows = untrusted_rows.into_iter().map(|untrusted| {
        let (label, text) = (untrusted.label.len(), untrusted.text.len());
        demand(label <= MAX_LABEL, "label", "24 bytes at most")?;
        demand(text <= MAX_TEXT, "text", "4096 bytes at most")?;
        let text = match untrusted.class {
            RowClass::Name | RowClass::Whole => {
                display::ascii(untrusted.text.as_bytes(), MAX_SHOWN)
            }
            RowClass::Sentence => display::prose(untrusted.text.as_bytes(), MAX_SHOWN),
            RowClass::Text => display::text(untrusted.text.as_bytes(), MAX_SHOWN),
        };
        Ok(Row {
            label: display::ascii(untrusted.label.as_bytes(), MAX_LABEL),
            text,
            note: untrusted.note.as_deref().map(note),
            ..untrusted
        })
    });
    rows.collect()
}

pub(super) fn check_offers(untrusted: &Question) -> Result<(), BadQuestion> {
    let offers = &untrusted.offers;
    let rule = |holds, rule| demand(holds, "offers", rule);
    rule(
        offers.contains(&Decision::DenyOnce),
        "deny must be one of them",
    )?;
    for lengths in [untrusted.lengths(), untrusted.denial_lengths()] {
        rule(lengths.len() <= MAX_FOR, "six lengths at most")?;
        let mut lengths = lengths.into_iter();
        let is_length = lengths.all(|seconds| (1..=MAX_FOR_SECONDS).contains(&seconds));
        rule(is_length, "a length is 1 second to 7 days")?;
    }
    let times = |offer| offers.iter().filter(|other| *other == offer).count();
    rule(
        offers.iter().all(|offer| times(offer) == 1),
        "each at most once",
    )
}

/// The rule's lines, each of which the policy's own writer made of printable ASCII.
pub(super) fn checked_policy_rule(untrusted: &Question) -> Result<Option<String>, BadQuestion> {
    let rule = |holds, rule| demand(holds, "rule", rule);
    let is_offered = untrusted.offers.contains(&Decision::AllowAlways);
    let text = untrusted.rule.as_deref();
    rule(text.is_some() || !is_offered, "there if always is offered")?;
    let length = text.map_or(0, str::len);
    rule(length <= MAX_RULE, "2048 bytes at most")?;
    let cleaned = |line: &str| display::ascii(line.as_bytes(), MAX_SHOWN);
    Ok(text.map(|text| text.lines().map(cleaned).collect::<Vec<_>>().join("\n")))
}
