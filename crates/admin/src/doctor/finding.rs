//! What a check found: one line, and what to do about it.

use policy::display;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::fold::fold;
use common::error::Error;

/// Characters of a finding: room for a path and a reason of the system.
const SHOWN: usize = 500;
/// The longest name of a usual check, `keyring default`.
const NAME_WIDTH: usize = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    Ok,
    Warn,
    Bad,
}

impl CheckState {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "BAD",
        }
    }

    /// ECMA-48: green, yellow, bold red.
    fn colour(self) -> &'static str {
        match self {
            Self::Ok => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Bad => "\x1b[1;31m",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `vault` or `client`.
    side: &'static str,
    check: String,
    state: CheckState,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Debug, Default)]
pub struct Findings {
    side: &'static str,
    all: Vec<Finding>,
}

impl Findings {
    pub fn begin(&mut self, side: &'static str) {
        self.side = side;
    }

    pub fn ok(&mut self, check: &str, what: impl Into<String>) {
        self.add(check, CheckState::Ok, what.into(), None);
    }

    pub fn warn(&mut self, check: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, CheckState::Warn, what.into(), Some(remedy.into()));
    }

    pub fn bad(&mut self, check: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, CheckState::Bad, what.into(), Some(remedy.into()));
    }

    /// What is wrong is an error's to say, and what to do too, if it knows; else `remedy`.
    pub fn bad_error(&mut self, check: &str, error: &Error, remedy: impl Into<String>) {
        let remedy = error.next().map_or_else(|| remedy.into(), str::to_owned);
        self.bad(check, error.what(), remedy);
    }

    /// A configuration that nobody starts with; `start` is how to try again.
    pub fn bad_settings(&mut self, check: &str, error: &Error, start: &str) {
        let hint = error.next().map(|hint| format!(": {hint}"));
        let remedy = format!("fix the file{}; then: {start}", hint.unwrap_or_default());
        self.bad(check, error.what(), remedy);
    }

    pub fn worst(&self) -> CheckState {
        let states = self.all.iter().map(|finding| finding.state);
        states.max().unwrap_or(CheckState::Ok)
    }

    pub fn add(&mut self, check: &str, state: CheckState, what: String, remedy: Option<String>) {
        let clean = |text: &str| {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            display::ascii(lines.join("; ").as_bytes(), SHOWN)
        };
        self.all.push(Finding {
            side: self.side,
            check: check.to_owned(),
            state,
            what: clean(&what),
            remedy: remedy.map(|remedy| clean(&remedy)),
        });
    }

    /// `to_people`: in lines that end between words.
    pub fn to_text(&self, colour: bool, to_people: bool) -> String {
        let column = NAME_WIDTH + 10;
        let fit = |text: &str, column| match to_people {
            true => fold(text, column, column),
            false => text.to_owned(),
        };
        let mut text = String::new();
        let mut side = "";
        for finding in &self.all {
            if finding.side != side {
                side = finding.side;
                text += &format!("{side}\n");
            }
            let word = format!("{:<4}", finding.state.word());
            let word = if colour {
                format!("{}{word}\x1b[0m", finding.state.colour())
            } else {
                word
            };
            text += &format!(
                "  {word}  {:<NAME_WIDTH$}  {}\n",
                finding.check,
                fit(&finding.what, column)
            );
            if let Some(remedy) = &finding.remedy {
                let remedy = fit(remedy, column + 3);
                text += &format!("{:column$}-> {remedy}\n", "");
            }
        }
        let count = |state| {
            self.all
                .iter()
                .filter(|finding| finding.state == state)
                .count()
        };
        text + &match (count(CheckState::Bad), count(CheckState::Warn)) {
            (0, 0) => "nothing is wrong\n".to_owned(),
            (0, warnings) => format!("it works; {warnings} to look at\n"),
            (bad, _) => match bad {
                1 => "1 problem\n".to_owned(),
                _ => format!("{bad} problems\n"),
            },
        }
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Findings", 2)?;
        object.serialize_field("ok", &(self.worst() != CheckState::Bad))?;
        object.serialize_field("checks", &self.all)?;
        object.end()
    }
}
