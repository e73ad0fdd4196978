//! A waiting question as a terminal shows it.

use std::fmt::Write as _;

use policy::display;
use policy::question::{Class, Mark, Offer, Question, Row, length_in_words};

use common::control::Pending;

/// Wide enough for a fingerprint, its mark and its note.
const MAX_TEXT: usize = 96;
const MAX_SENTENCE: usize = 400;

/// The whole question, its last line ended.
pub fn text(pending: &Pending, colour: bool) -> String {
    let question = &pending.question;
    let style = Style::new(colour);
    let mut text = String::new();
    let heading = ascii(&question.heading);
    let _ = writeln!(text, "{}{heading}{}", style.strong, style.end);
    if let Some(warning) = &question.warning {
        let warning = display::prose(warning.as_bytes(), MAX_SENTENCE);
        let _ = writeln!(text, "  {}! {warning}{}", style.alarm, style.end);
    }
    let width = question
        .rows
        .iter()
        .map(|row| row.label.len())
        .max()
        .unwrap_or(0)
        .max(9);
    for row in &question.rows {
        write_row(&mut text, row, width, &style);
    }
    let why = display::prose(question.why.as_bytes(), MAX_SENTENCE);
    let _ = writeln!(text, "  {:<width$}  {why}", "Why");
    let _ = writeln!(text, "  {:<width$}  {}", "Count", count(question));
    text
}

fn write_row(text: &mut String, row: &Row, width: usize, style: &Style) {
    let label = ascii(&row.label);
    let value = match row.class {
        Class::Ascii => ascii(&row.text),
        Class::Prose => display::prose(row.text.as_bytes(), MAX_SENTENCE),
    };
    let (on, off) = if row.stands_out {
        (style.alarm, style.end)
    } else {
        ("", "")
    };
    let _ = write!(text, "  {label:<width$}  {on}{value}{off}");
    if let Some(mark) = row.mark {
        let colour = if mark == Mark::None {
            style.warn
        } else {
            style.good
        };
        let _ = write!(text, "  {colour}[{}]{}", mark.word(), style.end);
    }
    if let Some(note) = &row.note {
        let _ = write!(text, "  {}{}{}", style.dim, ascii(note), style.end);
    }
    text.push('\n');
}

fn count(question: &Question) -> String {
    let same = match question.same {
        0 | 1 => "1 request".to_owned(),
        same => format!("{same} requests of this kind, one answer for all"),
    };
    match question.waiting {
        0 => same,
        1 => format!("{same}; 1 more question waits"),
        waiting => format!("{same}; {waiting} more questions wait"),
    }
}

/// What may be typed to allow it for longer: `5m, 15m`.
pub(super) fn lengths(question: &Question) -> Vec<u64> {
    let lengths = question.offers.iter().filter_map(|offer| match offer {
        Offer::For(seconds) => Some(*seconds),
        _ => None,
    });
    lengths.collect()
}

/// A length as it is typed: `15m`.
pub(super) fn short_length(seconds: u64) -> String {
    const UNITS: [(u64, char); 3] = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    match UNITS
        .iter()
        .find(|(unit, _)| seconds >= *unit && seconds % unit == 0)
    {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// Reads `90s`, `15m`, `1h` or `2d`, in seconds.
///
/// # Errors
/// A sentence that says what is expected.
pub(super) fn parse_length(text: &str) -> Result<u64, String> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(BAD_LENGTH.to_owned()),
    };
    let number = text.get(..text.len() - 1).unwrap_or_default();
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| number.parse::<u64>().ok()).flatten();
    count
        .and_then(|count| count.checked_mul(unit))
        .ok_or_else(|| BAD_LENGTH.to_owned())
}

const BAD_LENGTH: &str = "a length of time is expected, such as 15m or 1h";

/// The sentence after an answer.
pub(super) fn answered(
    question: &Question,
    seconds: Option<u64>,
    allows: bool,
    settled: u64,
) -> String {
    let what = ascii(&question.heading);
    let requests = if settled == 1 {
        String::new()
    } else {
        format!(" ({settled} requests)")
    };
    match (allows, seconds) {
        (true, None) => format!("allowed once: {what}{requests}"),
        (true, Some(seconds)) => {
            format!("allowed for {}: {what}{requests}", length_in_words(seconds))
        }
        (false, _) => format!("denied: {what}{requests}"),
    }
}

pub(super) fn ascii(untrusted: &str) -> String {
    display::ascii(untrusted.as_bytes(), MAX_TEXT)
}

struct Style {
    strong: &'static str,
    dim: &'static str,
    good: &'static str,
    warn: &'static str,
    alarm: &'static str,
    end: &'static str,
}

impl Style {
    fn new(colour: bool) -> Self {
        if !colour {
            return Self {
                strong: "",
                dim: "",
                good: "",
                warn: "",
                alarm: "",
                end: "",
            };
        }
        Self {
            strong: "\x1b[1m",
            dim: "\x1b[2m",
            good: "\x1b[32m",
            warn: "\x1b[33m",
            alarm: "\x1b[1;31m",
            end: "\x1b[0m",
        }
    }
}

#[cfg(test)]
mod tests {
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
        let row = |label: &str, text: &str, mark, note: Option<&str>| Row {
            label: label.to_owned(),
            text: text.to_owned(),
            note: note.map(str::to_owned),
            class: Class::Ascii,
            mark,
            stands_out: false,
        };
        let pending = Pending {
            question: Question {
                id: 3,
                kind: "login".to_owned(),
                heading: "work asks to log in to github.com".to_owned(),
                warning: None,
                rows: vec![
                    row("Qube", "work", None, Some("keyring default")),
                    row("Log in as", "x\n\x1b[2J", Some(Mark::Proven), None),
                ],
                why: "the default asks".to_owned(),
                scope: None,
                offers: vec![Offer::Deny, Offer::Once],
                seconds: 60,
                waiting: 1,
                same: 3,
            },
            seconds_left: 60,
            shown: false,
        };
        let expected = "work asks to log in to github.com
  Qube       work  keyring default
  Log in as  x\\x0a\\x1b[2J  [proven]
  Why        the default asks
  Count      3 requests of this kind, one answer for all; 1 more question waits
";
        assert_eq!(text(&pending, false), expected);
    }
}
