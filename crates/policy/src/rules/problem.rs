//! What is wrong with a policy, said so that it can be fixed: place, line, caret, hint.

use std::fmt;
use std::ops::Range;

use crate::display;
use crate::judgement::Place;

/// The widest part of a line that is shown beside a problem, in characters.
const SHOWN_WIDTH: usize = 100;

/// One file of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As messages name it.
    pub name: &'a str,
    pub text: &'a str,
    /// The one file that sets `default`; the others are drop-ins.
    pub main: bool,
}

/// Whether a problem makes the policy unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// One problem, at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub place: Place,
    /// In characters, from 1.
    pub column: usize,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The source line, fit to be shown, and a line whose carets mark a part of it.
    excerpt: Option<String>,
}

/// A policy that cannot be used: at least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    pub problems: Vec<Problem>,
}

impl Problem {
    /// An error at `span`, in bytes of the source's text.
    pub(super) fn at(source: Source<'_>, span: Range<usize>, message: impl Into<String>) -> Self {
        let (line, column, excerpt) = locate(source.text, span);
        Self {
            severity: Severity::Error,
            place: Place {
                file: source.name.to_owned(),
                line,
            },
            column,
            message: message.into(),
            hint: None,
            excerpt: Some(excerpt),
        }
    }

    /// A warning at a place whose text is not at hand.
    pub fn warning(place: &Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            place: place.clone(),
            column: 1,
            message: message.into(),
            hint: None,
            excerpt: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An editor does not show, or count, what some put before the text to say that it is UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

fn locate(text: &str, span: Range<usize>) -> (usize, usize, String) {
    let before = text.get(..span.start).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let from_line = text.get(start..).unwrap_or_default();
    let line = from_line.lines().next().unwrap_or_default();
    let marked_to = span.end.saturating_sub(start).min(line.len());
    let head = before.get(start..).unwrap_or_default();
    let marked = line.get(head.len()..marked_to).unwrap_or_default();
    let tail = line.get(head.len() + marked.len()..).unwrap_or_default();
    let head = head.trim_start_matches(BYTE_ORDER_MARK);
    let column = head.chars().count() + 1;
    (
        number,
        column,
        excerpt(number, [head.trim_start(), marked, tail]),
    )
}

/// The line that has these parts, of which carets mark the middle one.
fn excerpt(number: usize, parts: [&str; 3]) -> String {
    let [mut head, marked, tail] = parts.map(shown);
    // A long line is shown from near the caret.
    if head.len() > SHOWN_WIDTH / 2 {
        head = "[cut] ".to_owned();
    }
    let blank = " ".repeat(head.len());
    let mut line = head + &marked + &tail;
    if line.len() > SHOWN_WIDTH + 6 {
        line.truncate(SHOWN_WIDTH);
        line.push_str(" [cut]");
    }
    let room = line.len().saturating_sub(blank.len()).clamp(1, SHOWN_WIDTH);
    let caret = "^".repeat(marked.len().clamp(1, room));
    let margin = " ".repeat(number.to_string().len());
    format!(" {number} | {line}\n {margin} | {blank}{caret}")
}

/// A piece of a source line: its spaces stay, so that the caret stands where it should.
fn shown(text: &str) -> String {
    text.split([' ', '\t'])
        .map(|word| display::ascii(word.as_bytes(), usize::MAX))
        .collect::<Vec<_>>()
        .join(" ")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        let file = display::ascii(self.place.file.as_bytes(), usize::MAX);
        let (line, column) = (self.place.line, self.column);
        write!(f, "{file}:{line}:{column}: {word}{}", self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&problems.join("\n\n"))
    }
}

impl std::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str, marked: &str) -> String {
        let at = text.find(marked).unwrap();
        let source = Source {
            name: "policy.toml",
            text,
            main: true,
        };
        Problem::at(source, at..at + marked.len(), "bad")
            .hint("fix it")
            .to_string()
    }

    #[test]
    fn a_problem_shows_its_line_and_a_caret() {
        let shown = problem("default = \"ask\"\n\n  [[rule]]\n  qub = \"work\"\n", "qub");
        assert_eq!(
            shown,
            "policy.toml:4:3: bad\n 4 | qub = \"work\"\n   | ^^^\n hint: fix it"
        );
    }

    #[test]
    fn a_byte_order_mark_is_not_counted() {
        let shown = problem("\u{feff}default = 1", "1");
        assert!(
            shown.starts_with("policy.toml:1:11: bad\n 1 | default = 1\n"),
            "{shown}"
        );
    }

    #[test]
    fn what_could_disturb_a_terminal_is_spelled_out_and_the_caret_stays_right() {
        let shown = problem("x = \"\u{1b}[2J\"  y\u{202e}\tz", "z");
        assert!(
            shown.contains("| x = \"\\x1b[2J\"  y\\u{202e} z\n"),
            "{shown}"
        );
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines[1].find(" z").map(|at| at + 1),
            lines[2].find('^'),
            "{shown}"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("{}MARK{}", "a ".repeat(200), " b".repeat(200));
        let shown = problem(&text, "MARK");
        assert!(shown.lines().all(|line| line.len() < 125), "{shown}");
        assert!(shown.contains("| [cut] MARK b b"), "{shown}");
        assert!(shown.contains("|       ^^^^\n"), "{shown}");
    }

    #[test]
    fn any_span_is_survived() {
        let text = "a = 1\nb = é\n";
        let source = Source {
            name: "p",
            text,
            main: true,
        };
        for start in 0..20 {
            for end in start..20 {
                let _ = Problem::at(source, start..end, "bad").to_string();
            }
        }
        assert_eq!(
            Problem::at(source, text.len()..text.len(), "bad")
                .place
                .line,
            3
        );
    }
}
