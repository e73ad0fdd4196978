//! What a prompter is given, and how it fared.

use std::fmt;

use policy::question::{Answer, Question};

use super::dialog::Dialog;

/// What came of a question.
#[derive(Debug, PartialEq, Eq)]
pub enum PromptOutcome {
    Answered(Answer),
    /// The prompter's time ran out.
    Nobody,
    /// It had been seen, or may have been, and no answer came that counts.
    Failed(String),
    /// [`Dialog::withdraw`] was called.
    Withdrawn,
}

/// How one prompter fared.
#[derive(Debug, PartialEq, Eq)]
pub enum PromptAttempt {
    Finished(PromptOutcome),
    /// Nobody has seen the question; another prompter may show it.
    NotShown(NotShown),
}

/// What a prompter needs of its asker while it shows a question.
pub struct PromptContext<'a> {
    pub question: &'a Question,
    pub dialog: &'a Dialog,
    /// Called once, when the question is on the screen.
    pub shown: &'a dyn Fn(),
}

/// Why nobody has seen a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotShown {
    /// There is no session to show a window in.
    NoSession,
    /// What was tried, and how it failed.
    Failed(String),
}

impl fmt::Display for NotShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession => f.write_str("there is no session to show a window in"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}
