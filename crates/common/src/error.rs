//! What went wrong, and what to do next, in the person's words.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// An error that ends a command. The first line says what happened and where, the hint what to do next.
#[derive(Debug)]
pub struct Error {
    what: String,
    hint: Option<String>,
    /// Nobody reads any more what we print: `split-ssh log | head` is no failure to tell of.
    silent: bool,
}

impl Error {
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            silent: false,
        }
    }

    /// Standard output did not take what was written.
    pub fn printing(error: &io::Error) -> Self {
        Self {
            silent: error.kind() == io::ErrorKind::BrokenPipe,
            ..Self::new(format!("cannot print: {}", reason(error)))
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Without the program's name, to stand inside other text.
    pub fn plain(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\n hint: {hint}", self.what),
            None => self.what.clone(),
        }
    }

    /// What happened, without what to do next.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do next, if anybody knows.
    pub fn next(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// "cannot VERB PATH: REASON"
    pub fn io(verb: &str, path: &Path, reason: &io::Error) -> Self {
        let why = self::reason(reason);
        Self::new(format!("cannot {verb} {}: {why}", path.display()))
    }

    /// Writes to standard error; a closed standard error is nobody's problem.
    pub fn print(&self) {
        if self.silent {
            return;
        }
        let _ = writeln!(io::stderr(), "{self}");
    }
}

/// The system's sentence without its number: `No such file or directory`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let number = text.rfind(" (os error ");
    number.map_or(text.clone(), |end| text.chars().take(end).collect())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "split-ssh: error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\nsplit-ssh: hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
