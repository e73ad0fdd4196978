//! What may happen while the window is open.

use policy::overview::Action;
use policy::question::{Question, QuestionId};

pub(super) enum Input {
    /// What the vault tells, or the log, may be another now.
    Changed,
    /// A question is over.
    Settled(QuestionId),
    Pressed(Action),
    /// The window of a question has ended; with what there is to say of the answer.
    Answered(QuestionId, Option<String>),
    /// The name that was typed is another host's: the question is to be answered again.
    NameTaken(Box<Question>),
    /// The person closed the window; false if it could not be shown.
    WindowClosed(bool),
}
