//! What the vault may ask, as `docs/prompt-protocol.md` says. Every line is untrusted until it
//! has been through here: the vault's own parser stands between, but a wrong question must not
//! become a wrong window.

mod check;

use policy::display;
pub use policy::facts::IntentKind;
use policy::question::protocol::{Notification, PassphraseQuestion};
pub use policy::question::{
    Counts, Decision, HeadingPart, QubeColor, Question, Risk, Row, RowClass,
};

pub use check::BadQuestion;
use check::{
    MAX_ATTEMPT, MAX_BODY, MAX_DETAILS, MAX_FACTS, MAX_REASON, MAX_SUMMARY, check_offers,
    checked_heading, checked_policy_rule, checked_rows, checked_seconds, checked_warnings, demand,
};

/// Reads a question. All its texts have passed the sanitizer then.
///
/// # Errors
/// Anything that the protocol does not name, or a value out of its bounds.
pub fn parse(untrusted_line: &[u8]) -> Result<Question, BadQuestion> {
    let untrusted: Question = serde_json::from_slice(untrusted_line)?;
    demand(untrusted.same >= 1, "same", "at least 1")?;
    let says_why = untrusted.risk == Risk::Routine || !untrusted.warnings.is_empty();
    let rule = "a question that is not routine says why";
    demand(says_why, "warnings", rule)?;
    let stands_out = untrusted.details.iter().any(|row| row.stands_out);
    let rule = "what stands out belongs to the facts";
    demand(!stands_out, "details", rule)?;
    check_offers(&untrusted)?;
    let rule = checked_policy_rule(&untrusted)?;
    let why = |text: &String| display::prose(text.as_bytes(), MAX_REASON);
    Ok(Question {
        heading: checked_heading(untrusted.heading)?,
        warnings: checked_warnings(&untrusted.warnings)?,
        facts: checked_rows(untrusted.facts, MAX_FACTS)?,
        details: checked_rows(untrusted.details, MAX_DETAILS)?,
        why: why(&untrusted.why),
        scope: untrusted.scope.as_ref().map(why),
        limit: untrusted.limit.as_ref().map(why),
        rule,
        seconds: checked_seconds(untrusted.seconds)?,
        ..untrusted
    })
}

/// Reads a later line: new counts for this very question.
///
/// # Errors
/// As for [`parse`], or another question's `id`.
pub fn parse_counts(question: &Question, untrusted_line: &[u8]) -> Result<Counts, BadQuestion> {
    let untrusted: Counts = serde_json::from_slice(untrusted_line)?;
    let is_shown = untrusted.id == question.id;
    demand(is_shown, "id", "another question is on the screen")?;
    demand(untrusted.same >= 1, "same", "at least 1")?;
    Ok(untrusted)
}

/// Reads the question for a passphrase.
///
/// # Errors
/// As for [`parse`].
pub fn parse_passphrase(untrusted_line: &[u8]) -> Result<PassphraseQuestion, BadQuestion> {
    let untrusted: PassphraseQuestion = serde_json::from_slice(untrusted_line)?;
    let is_attempt = (1..=MAX_ATTEMPT).contains(&untrusted.attempt);
    demand(is_attempt, "attempt", "1 to 3")?;
    Ok(PassphraseQuestion {
        rows: checked_rows(untrusted.rows, MAX_FACTS)?,
        why: display::prose(untrusted.why.as_bytes(), MAX_REASON),
        seconds: checked_seconds(untrusted.seconds)?,
        ..untrusted
    })
}

/// Reads a notification.
///
/// # Errors
/// As for [`parse`].
pub fn parse_notification(untrusted_line: &[u8]) -> Result<Notification, BadQuestion> {
    let untrusted: Notification = serde_json::from_slice(untrusted_line)?;
    Ok(Notification {
        summary: display::ascii(untrusted.summary.as_bytes(), MAX_SUMMARY),
        body: display::prose(untrusted.body.as_bytes(), MAX_BODY),
        ..untrusted
    })
}

#[cfg(test)]
mod tests;
