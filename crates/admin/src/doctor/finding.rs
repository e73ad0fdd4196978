//! What a check found: one line, and what to do about it.

use policy::display;
use serde::Serialize;

use crate::fold::fit;
use crate::output::counted;
use crate::paint::{GREEN, STRONG_RED, YELLOW, paint};
use common::error::Error;

/// Characters of a finding: room for a path and a reason of the system.
const SHOWN: usize = 500;
/// The longest name of a usual check, `keyring default`.
const NAME_WIDTH: usize = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    Ok,
    Warn,
    Bad,
}

impl CheckState {
    /// In four columns.
    fn word(self) -> String {
        match self {
            Self::Ok => paint(GREEN, "ok  "),
            Self::Warn => paint(YELLOW, "warn"),
            Self::Bad => paint(STRONG_RED, "BAD "),
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
    /// Whose checks come next.
    pub side: &'static str,
    pub all: Vec<Finding>,
}

/// One check, which adds what it finds.
pub struct Check<'f> {
    findings: &'f mut Findings,
    name: String,
}

impl Check<'_> {
    pub fn ok(&mut self, what: impl Into<String>) {
        self.add(CheckState::Ok, &what.into(), None);
    }

    pub fn warn(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(CheckState::Warn, &what.into(), Some(&remedy.into()));
    }

    pub fn bad(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(CheckState::Bad, &what.into(), Some(&remedy.into()));
    }

    /// A configuration that nobody starts with; `start` is how to try again.
    pub fn bad_settings(&mut self, error: &Error, start: &str) {
        let hint = error.next().map(|hint| format!(": {hint}"));
        let remedy = format!("fix the file{}; then: {start}", hint.unwrap_or_default());
        self.bad(error.what(), remedy);
    }

    pub fn add(&mut self, state: CheckState, what: &str, remedy: Option<&str>) {
        let clean = |text: &str| {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            display::ascii(lines.join("; ").as_bytes(), SHOWN)
        };
        self.findings.all.push(Finding {
            side: self.findings.side,
            check: self.name.clone(),
            state,
            what: clean(what),
            remedy: remedy.map(clean),
        });
    }
}

impl Findings {
    pub fn check(&mut self, name: impl Into<String>) -> Check<'_> {
        Check {
            findings: self,
            name: name.into(),
        }
    }

    pub fn is_well(&self) -> bool {
        self.all.iter().all(|one| one.state != CheckState::Bad)
    }

    pub fn to_text(&self) -> String {
        let column = NAME_WIDTH + 10;
        let mut text = String::new();
        let mut side = "";
        for finding in &self.all {
            if finding.side != side {
                side = finding.side;
                text += &format!("{side}\n");
            }
            let word = finding.state.word();
            let what = fit(&finding.what, column, column);
            text += &format!("  {word}  {:<NAME_WIDTH$}  {what}\n", finding.check);
            if let Some(remedy) = &finding.remedy {
                let remedy = fit(remedy, column + 3, column + 3);
                text += &format!("{:column$}-> {remedy}\n", "");
            }
        }
        let of_state = |state| self.all.iter().filter(move |one| one.state == state);
        let count = |state| of_state(state).count();
        text + &match (count(CheckState::Bad), count(CheckState::Warn)) {
            (0, 0) => "nothing is wrong\n".to_owned(),
            (0, warnings) => format!("it works; {warnings} to look at\n"),
            (bad, _) => counted(bad, "problem", "problems") + "\n",
        }
    }
}
