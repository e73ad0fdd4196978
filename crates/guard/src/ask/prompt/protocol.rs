//! Lines to and from a prompter, as `docs/prompt-protocol.md` says.

use policy::facts::{Kind, Proof};
use policy::question::{
    Answer, Decision, HeadingPart, History, Offer, QubeColor, Question, Risk, Row,
};
use serde::{Deserialize, Serialize};

use super::dialog::Counts;
use super::outcome::PromptOutcome;
use common::control::DecisionWord;

/// The longest line either way, with its newline.
pub(super) const MAX_LINE: usize = 65_536;

#[derive(Serialize)]
struct Ask<'a> {
    v: u8,
    id: String,
    kind: Kind,
    risk: Risk,
    color: Option<QubeColor>,
    heading: &'a [HeadingPart],
    proof: Option<Proof>,
    history: Option<History>,
    warnings: &'a [String],
    facts: &'a [Row],
    details: &'a [Row],
    why: &'a str,
    scope: Option<&'a str>,
    offers: &'a [Offer],
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedShown {
    shown: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedAnswer {
    id: String,
    decision: DecisionWord,
    seconds: Option<u64>,
    name: Option<String>,
    #[serde(default)]
    unanswered: bool,
    same: Option<usize>,
}

/// The question as a line.
pub(super) fn ask(question: &Question) -> Option<Vec<u8>> {
    line(&Ask {
        v: 1,
        id: question.id.to_string(),
        kind: question.kind,
        risk: question.risk,
        color: question.color,
        heading: &question.heading,
        proof: question.proof,
        history: question.history,
        warnings: &question.warnings,
        facts: &question.facts,
        details: &question.details,
        why: &question.why,
        scope: question.scope.as_deref(),
        offers: &question.offers,
        seconds: question.seconds.max(1),
        waiting: question.waiting,
        same: question.same,
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

pub(super) fn is_shown(untrusted_line: &[u8]) -> bool {
    serde_json::from_slice(untrusted_line).is_ok_and(|UntrustedShown { shown }| shown)
}

/// Reads the one answer. What was offered is checked where the question is known to wait.
///
/// # Errors
/// What is wrong with it; the request is denied then.
pub(super) fn answer(untrusted_line: &[u8], question: &Question) -> Result<PromptOutcome, String> {
    let untrusted: UntrustedAnswer = serde_json::from_slice(untrusted_line)
        .map_err(|_| "it answered with something that is no answer".to_owned())?;
    if untrusted.id != question.id.to_string() {
        return Err("it answered another question".to_owned());
    }
    let decision = match (untrusted.decision, untrusted.seconds) {
        (DecisionWord::Deny, None) if untrusted.unanswered => return Ok(PromptOutcome::Nobody),
        (DecisionWord::Deny, None) => Decision::Deny,
        (DecisionWord::Mute, None | Some(policy::remembered::MUTE_SECONDS)) => Decision::Mute,
        (DecisionWord::Once, None) => Decision::Once,
        (DecisionWord::For, Some(seconds)) => Decision::For(seconds),
        _ => return Err("its answer has a length of time that does not fit".to_owned()),
    };
    if untrusted.unanswered {
        return Err("it says both that it was answered and that it was not".to_owned());
    }
    // Without a number, the answer is for the first request alone.
    let same = untrusted.same.unwrap_or(1);
    Ok(PromptOutcome::Answered(Answer {
        decision,
        name: untrusted.name,
        same,
    }))
}
