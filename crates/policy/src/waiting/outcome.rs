//! What the line of waiting requests says back: what to do, and what became of each request.

use crate::grant::{CoolDown, Recalled};
use crate::question::{BadAnswer, QuestionId, Yes};

use super::Ticket;

/// What the shell has to do, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a prompter for [`Waiting::question`] of this id.
    Show(QuestionId),
    /// Tell the prompter the new counts of its question.
    Recount(QuestionId),
    /// End the prompter, whatever it shows; its question is over.
    Withdraw(QuestionId),
    /// Let the request of this ticket go on.
    Resolve(Ticket, Resolution),
    /// Tell the person.
    Notice(CoolDown),
}

/// What became of one request.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolution {
    Allowed { yes: Yes, by: AllowedBy },
    Denied(DeniedBy),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedBy {
    /// This answer; requests that it served.
    Answer { question: QuestionId, same: usize },
    /// An answer given before, of this number.
    Grant(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeniedBy {
    Answer {
        question: QuestionId,
        same: usize,
    },
    /// Nobody answered in time.
    Nobody,
    BadAnswer(BadAnswer),
    /// The prompter ended without an answer after it had been seen.
    PrompterFailed(String),
    /// The qube is muted.
    Muted,
    /// Too many noes before.
    CooledDown,
    /// Another key of this login was denied.
    SameLogin,
    /// Too many requests of this qube wait already.
    TooMany,
    /// The vault stops, or its policy changed while the request waited.
    Stopped,
}

impl DeniedBy {
    /// The reason in the log and for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Answer { .. } => "denied by the person".to_owned(),
            Self::Nobody => "nobody answered in time".to_owned(),
            Self::BadAnswer(why) => format!("the answer did not count: {why}"),
            Self::PrompterFailed(why) => format!("the prompt failed: {why}"),
            Self::Muted => "the person has muted this qube".to_owned(),
            Self::CooledDown => "too many noes before; this qube cools down".to_owned(),
            Self::SameLogin => "another key of this login was denied".to_owned(),
            Self::TooMany => "too many requests of this qube wait already".to_owned(),
            Self::Stopped => "the question was withdrawn".to_owned(),
        }
    }
}

impl From<Recalled> for Resolution {
    fn from(recalled: Recalled) -> Self {
        match recalled {
            Recalled::Allowed(number) => Self::Allowed {
                yes: Yes::by_a_person(),
                by: AllowedBy::Grant(number),
            },
            Recalled::Muted => Self::Denied(DeniedBy::Muted),
            Recalled::CooledDown => Self::Denied(DeniedBy::CooledDown),
            Recalled::SameLogin => Self::Denied(DeniedBy::SameLogin),
        }
    }
}
