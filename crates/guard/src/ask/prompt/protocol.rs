//! Lines to and from a prompter, as `docs/prompt-protocol.md` says.

use std::borrow::Cow;

use policy::question::{Answer, Decision, Offer, Question, Row};
use serde::{Deserialize, Serialize};

use super::{Counts, Outcome};
use common::control::DecisionWord;

/// The longest line either way, with its newline.
pub(super) const MAX_LINE: usize = 65_536;

#[derive(Serialize, Deserialize)]
struct Ask<'a> {
    v: u8,
    id: String,
    kind: Cow<'a, str>,
    heading: Cow<'a, str>,
    warning: Option<Cow<'a, str>>,
    rows: Cow<'a, [Row]>,
    why: Cow<'a, str>,
    scope: Option<Cow<'a, str>>,
    offers: Cow<'a, [Offer]>,
    seconds: u64,
    waiting: usize,
    same: usize,
}

#[derive(Serialize)]
struct Recount {
    v: u8,
    id: String,
    waiting: usize,
    same: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedShown {
    shown: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedAnswer {
    id: String,
    decision: DecisionWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unanswered: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same: Option<usize>,
}

/// The question as a line.
pub(super) fn ask(question: &Question) -> Option<Vec<u8>> {
    line(&Ask {
        v: 1,
        id: question.id.to_string(),
        kind: Cow::Borrowed(&question.kind),
        heading: Cow::Borrowed(&question.heading),
        warning: question.warning.as_deref().map(Cow::Borrowed),
        rows: Cow::Borrowed(&question.rows),
        why: Cow::Borrowed(&question.why),
        scope: question.scope.as_deref().map(Cow::Borrowed),
        offers: Cow::Borrowed(&question.offers),
        seconds: question.seconds.max(1),
        waiting: question.waiting,
        same: question.same,
    })
}

/// The question of a line, for a prompter of ours. It comes from the vault, which has cleaned it.
///
/// # Errors
/// A line that the vault does not write.
pub(super) fn question(line: &[u8]) -> Result<Question, String> {
    let bad = |_| "this is no question".to_owned();
    let ask: Ask<'static> = serde_json::from_slice(line).map_err(bad)?;
    Ok(Question {
        id: ask
            .id
            .parse()
            .map_err(|_| "its number is none".to_owned())?,
        kind: ask.kind.into_owned(),
        heading: ask.heading.into_owned(),
        warning: ask.warning.map(Cow::into_owned),
        rows: ask.rows.into_owned(),
        why: ask.why.into_owned(),
        scope: ask.scope.map(Cow::into_owned),
        offers: ask.offers.into_owned(),
        seconds: ask.seconds,
        waiting: ask.waiting,
        same: ask.same,
    })
}

/// New counts as a line.
pub(super) fn recount(question: &Question, counts: Counts) -> Option<Vec<u8>> {
    let Counts { waiting, same } = counts;
    line(&Recount {
        v: 1,
        id: question.id.to_string(),
        waiting,
        same,
    })
}

/// `None` for a line that no prompter would take.
fn line(value: &impl Serialize) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(value).ok()?;
    line.push(b'\n');
    (line.len() <= MAX_LINE).then_some(line)
}

/// What says that the question is on the screen.
pub(super) fn shown() -> Option<Vec<u8>> {
    line(&UntrustedShown { shown: true })
}

/// An answer as a line; `None` is nobody's.
pub(super) fn answered(question: &Question, answer: Option<&Answer>) -> Option<Vec<u8>> {
    let (decision, seconds) = match answer.map(|answer| answer.decision) {
        None | Some(Decision::Deny) => (DecisionWord::Deny, None),
        Some(Decision::Mute) => (DecisionWord::Mute, None),
        Some(Decision::Once) => (DecisionWord::Once, None),
        Some(Decision::For(seconds)) => (DecisionWord::For, Some(seconds)),
    };
    line(&UntrustedAnswer {
        id: question.id.to_string(),
        decision,
        seconds,
        name: answer.and_then(|answer| answer.name.clone()),
        unanswered: answer.is_none(),
        same: answer.map(|answer| answer.same),
    })
}

pub(super) fn is_shown(untrusted_line: &[u8]) -> bool {
    serde_json::from_slice(untrusted_line).is_ok_and(|UntrustedShown { shown }| shown)
}

/// Reads the one answer. What was offered is checked where the question is known to wait.
///
/// # Errors
/// What is wrong with it; the request is denied then.
pub(super) fn answer(untrusted_line: &[u8], question: &Question) -> Result<Outcome, String> {
    let untrusted: UntrustedAnswer = serde_json::from_slice(untrusted_line)
        .map_err(|_| "it answered with something that is no answer".to_owned())?;
    if untrusted.id != question.id.to_string() {
        return Err("it answered another question".to_owned());
    }
    let decision = match (untrusted.decision, untrusted.seconds) {
        (DecisionWord::Deny, None) if untrusted.unanswered => return Ok(Outcome::Nobody),
        (DecisionWord::Deny, None) => Decision::Deny,
        (DecisionWord::Mute, None | Some(policy::grant::MUTE_SECONDS)) => Decision::Mute,
        (DecisionWord::Once, None) => Decision::Once,
        (DecisionWord::For, Some(seconds)) => Decision::For(seconds),
        _ => return Err("its answer has a length of time that does not fit".to_owned()),
    };
    if untrusted.unanswered {
        return Err("it says both that it was answered and that it was not".to_owned());
    }
    // Without a number, the answer is for the first request alone.
    let same = untrusted.same.unwrap_or(1);
    Ok(Outcome::Answered(Answer {
        decision,
        name: untrusted.name,
        same,
    }))
}
