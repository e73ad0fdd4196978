//! What is wrong with a policy file or with one of its lines.

use std::fmt;

use common::error::Error;
use policy::display;

/// The worst one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LintSeverity {
    /// dom0 denies every call, or never reads what stands there.
    Broken,
    /// dom0 takes it as it stands, for a qube or user that cannot be.
    Useless,
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintProblem {
    pub severity: LintSeverity,
    /// The file, the line, or both; empty until somebody says which.
    pub place: String,
    pub what: String,
    pub hint: Option<String>,
}

impl LintProblem {
    pub fn new(severity: LintSeverity, what: impl Into<String>) -> Self {
        Self {
            severity,
            place: String::new(),
            what: what.into(),
            hint: None,
        }
    }

    pub fn broken(what: impl Into<String>) -> Self {
        Self::new(LintSeverity::Broken, what)
    }

    pub fn warning(what: impl Into<String>) -> Self {
        Self::new(LintSeverity::Warning, what)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = place.to_string();
        self
    }

    /// A file with a mere warning works.
    pub fn is_error(&self) -> bool {
        self.severity != LintSeverity::Warning
    }
}

/// Words of the file that was checked, which may be anybody's.
fn shown(untrusted: &str) -> String {
    display::text(untrusted.as_bytes(), usize::MAX)
}

impl fmt::Display for LintProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.is_error() {
            true => "error",
            false => "warning",
        };
        write!(f, "{}: {word}: {}", self.place, shown(&self.what))?;
        // Lines for dom0 are to be copied, blanks before them included.
        for (number, line) in self.hint.iter().flat_map(|hint| hint.lines()).enumerate() {
            let words = line.trim_start();
            let blanks = line.len() - words.len();
            let head = if number == 0 { " hint: " } else { "" };
            write!(f, "\n{head}{:blanks$}{}", "", shown(words))?;
        }
        Ok(())
    }
}

impl From<LintProblem> for Error {
    fn from(problem: LintProblem) -> Self {
        let error = Self::new(problem.what);
        match problem.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
