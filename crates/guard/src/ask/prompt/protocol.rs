//! Lines to and from a prompter, as `docs/prompt-protocol.md` says.

use policy::question::protocol::{PrompterAnswer, Shown};
use policy::question::{Answer, Question};
use serde::Serialize;

/// What came of a question.
#[derive(Debug, PartialEq, Eq)]
pub enum PromptOutcome {
    Answered(Answer),
    /// The prompter's time ran out.
    Nobody,
    /// It had been seen, or may have been, and no answer came that counts.
    Failed(String),
    /// [`super::Dialog::withdraw`] was called.
    Withdrawn,
}

/// The longest line either way, with its newline.
pub(super) const MAX_LINE: usize = 65_536;

/// A value as a line; `None` for one that no prompter would take.
pub(super) fn line(value: &impl Serialize) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(value).ok()?;
    line.push(b'\n');
    (line.len() <= MAX_LINE).then_some(line)
}

pub(super) fn is_shown(untrusted_line: &[u8]) -> bool {
    serde_json::from_slice(untrusted_line).is_ok_and(|Shown { shown }| shown)
}

/// Reads the one answer. What was offered is checked where the question is known to wait.
///
/// # Errors
/// What is wrong with it; the request is denied then.
pub(super) fn answer(untrusted_line: &[u8], question: &Question) -> Result<PromptOutcome, String> {
    let untrusted: PrompterAnswer = serde_json::from_slice(untrusted_line)
        .map_err(|_| "it answered with something that is no answer".to_owned())?;
    if untrusted.id != question.id {
        return Err("it answered another question".to_owned());
    }
    let given = untrusted.answer.map(PromptOutcome::Answered);
    Ok(given.unwrap_or(PromptOutcome::Nobody))
}
