//! A waiting question as a terminal shows it.

use std::fmt::Write as _;

use policy::display;
use policy::question::{
    Decision, HeadingPart, LONGEST, MUTE_SECONDS, Question, Risk, Row, RowClass, length_in_words,
    proof_sentence,
};

use crate::paint::{DIM, STRONG, STRONG_RED, YELLOW, paint};
use common::control::PendingQuestion;

/// Wide enough for a fingerprint, its mark and its note.
const MAX_TEXT: usize = 96;
pub(super) const MAX_SENTENCE: usize = 400;

/// The whole question, its last line ended.
pub(crate) fn text(pending: &PendingQuestion) -> String {
    let question = &pending.question;
    let tint = match question.risk {
        Risk::Routine => DIM,
        Risk::Unusual => YELLOW,
        Risk::Dangerous => STRONG_RED,
    };
    let heading = heading(question);
    let risk = paint(tint, &format!("[{}]", question.risk.word()));
    let mut text = format!("{heading}  {risk}\n");
    for warning in &question.warnings {
        let warning = display::prose(warning.as_bytes(), MAX_SENTENCE);
        let _ = writeln!(text, "  {}", paint(tint, &format!("! {warning}")));
    }
    let proof = question.proof.map(|proof| proof_sentence(proof).to_owned());
    let history = question.history;
    let history = history.and_then(|history| history.sentence(question.kind));
    for sentence in [proof, history].into_iter().flatten() {
        let _ = writeln!(text, "  {sentence}");
    }
    let rows = || question.facts.iter().chain(&question.details);
    let widest = rows().map(|row| row.label.len()).max();
    let width = widest.unwrap_or(0).max(9);
    for row in rows() {
        let _ = writeln!(text, "  {:<width$}  {}", ascii(&row.label), value(row));
    }
    let why = display::prose(question.why.as_bytes(), MAX_SENTENCE);
    let _ = writeln!(text, "  {:<width$}  {why}", "Why asked");
    let _ = writeln!(text, "  {:<width$}  {}", "Count", count(question));
    text
}

fn heading(question: &Question) -> String {
    let parts = question.heading.iter().map(|part| match part {
        HeadingPart::Words(words) => without_controls(words),
        HeadingPart::Name(name) => paint(STRONG, &ascii(name)),
        HeadingPart::Text(text) => {
            let text = display::text(text.as_bytes(), MAX_SENTENCE);
            paint(STRONG, &text)
        }
    });
    parts.collect()
}

/// Our own words, with the spaces at their edges.
fn without_controls(words: &str) -> String {
    words
        .chars()
        .filter(|c| (' '..='~').contains(c))
        .take(MAX_SENTENCE)
        .collect()
}

/// The row's text, and what is noted beside it.
fn value(row: &Row) -> String {
    let mut value = match row.class {
        RowClass::Name => ascii(&row.text),
        RowClass::Sentence => display::prose(row.text.as_bytes(), MAX_SENTENCE),
        RowClass::Text => display::text(row.text.as_bytes(), usize::MAX),
        // To be read to its end: the terminal wraps it.
        RowClass::Whole => display::ascii(row.text.as_bytes(), usize::MAX),
    };
    if row.stands_out {
        value = paint(STRONG_RED, &value);
    }
    let note = row.note.as_ref();
    let note = note.map(|note| format!("  {}", paint(DIM, &ascii(note))));
    value + &note.unwrap_or_default()
}

fn count(question: &Question) -> String {
    let same = match question.same {
        0 | 1 => "1 request".to_owned(),
        same => format!("{same} identical requests; your answer applies to all of them"),
    };
    match question.waiting {
        0 => same,
        1 => format!("{same}; 1 more question waits"),
        waiting => format!("{same}; {waiting} more questions wait"),
    }
}

/// Lengths of time as they are typed, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// A length as it is typed: `15m`, or `stop` for the longest.
pub(super) fn short_length(seconds: u64) -> String {
    let fits = |(_, unit): &&(char, u64)| seconds >= *unit && seconds % unit == 0;
    match UNITS.iter().find(fits) {
        _ if seconds == LONGEST => "stop".to_owned(),
        Some((letter, unit)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// Reads `90s`, `15m`, `1h` or `2d`, in seconds; `stop` is the longest that an answer can last.
///
/// # Errors
/// A sentence that says what is expected.
pub(super) fn parse_length(text: &str) -> Result<u64, String> {
    if text == "stop" {
        return Ok(LONGEST);
    }
    let length = UNITS.iter().find_map(|(letter, unit)| {
        let number = text.strip_suffix(*letter)?;
        // Without a sign, which u64 would take.
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        let count = number.parse::<u64>().ok().filter(|_| is_plain)?;
        count.checked_mul(*unit)
    });
    length.ok_or_else(|| BAD_LENGTH.to_owned())
}

const BAD_LENGTH: &str = "a length of time is expected, such as 15m or 1h, or `stop`: until the vault stops, at most 7 days";

/// The sentence after an answer.
pub(super) fn answered(question: &Question, decision: Decision, settled: u64) -> String {
    let done = match decision {
        Decision::AllowOnce => "allowed once".to_owned(),
        Decision::AllowFor(seconds) => format!("allowed for {}", length_in_words(seconds)),
        Decision::AllowAlways => "allowed".to_owned(),
        Decision::DenyOnce => "denied".to_owned(),
        Decision::DenyFor(seconds) => format!("denied for {}", length_in_words(seconds)),
        Decision::Mute => {
            let length = length_in_words(MUTE_SECONDS);
            let caller = question.caller_noun();
            format!("denied, with everything from {caller} for {length}")
        }
    };
    let what = display::text(question.sentence().as_bytes(), MAX_SENTENCE);
    match settled {
        1 => format!("{done}: {what}"),
        _ => format!("{done}: {what} ({settled} requests)"),
    }
}

pub(super) fn ascii(untrusted: &str) -> String {
    display::ascii(untrusted.as_bytes(), MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use policy::facts::{IntentKind, Proof};
    use policy::question::Version;

    use super::*;

    #[test]
    fn lengths_are_read_as_they_are_written() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3600), ("2d", 172_800)] {
            assert_eq!(parse_length(text), Ok(seconds));
            assert_eq!(short_length(seconds), text);
        }
        for text in [
            "",
            "m",
            "15",
            "-1m",
            "+1m",
            "1.5h",
            "15 m",
            "15M",
            "99999999999999999999s",
            "9999999999999999999d",
        ] {
            assert!(parse_length(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_question_is_a_block_of_plain_rows() {
        let row = |label: &str, text: &str, note: Option<&str>| Row {
            label: label.to_owned(),
            text: text.to_owned(),
            note: note.map(str::to_owned),
            class: RowClass::Name,
            stands_out: false,
        };
        let pending = PendingQuestion {
            question: Question {
                v: Version,
                id: 3,
                kind: IntentKind::Login,
                risk: Risk::Unusual,
                color: None,
                heading: vec![
                    HeadingPart::Name("work".to_owned()),
                    HeadingPart::Words(" wants to log in as ".to_owned()),
                    HeadingPart::Name("x\n\x1b[2J".to_owned()),
                ],
                proof: Some(Proof::Proven),
                history: None,
                warnings: vec!["Look twice.".to_owned()],
                facts: vec![row("Log in as", "x\n\x1b[2J", None)],
                details: vec![row("Your key", "laptop", Some("ssh-ed25519"))],
                why: "No policy rule matches, so you are asked".to_owned(),
                scope: None,
                limit: None,
                rule: None,
                offers: vec![Decision::DenyOnce, Decision::AllowOnce],
                takes_name: false,
                seconds: 60,
                waiting: 1,
                same: 3,
            },
            seconds_left: 60,
            shown: false,
        };
        let expected = "work wants to log in as x\\x0a\\x1b[2J  [Unusual]
  ! Look twice.
  The server proved this destination.
  Log in as  x\\x0a\\x1b[2J
  Your key   laptop  ssh-ed25519
  Why asked  No policy rule matches, so you are asked
  Count      3 identical requests; your answer applies to all of them; 1 more question waits
";
        assert_eq!(text(&pending), expected);
    }
}
