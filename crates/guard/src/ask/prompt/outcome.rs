//! How a question fared with a prompter.

use std::fmt;

use policy::question::Answer;

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

/// Why nobody has seen a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotShown {
    NotInstalled,
    /// There is no session to show a window in.
    NoSession,
    /// How a prompter failed.
    Failed(String),
}

impl fmt::Display for NotShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInstalled => "split-ssh-prompt is not installed",
            Self::NoSession => "there is no session to show a window in",
            Self::Failed(why) => why,
        })
    }
}
