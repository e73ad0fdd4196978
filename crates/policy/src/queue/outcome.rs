//! What the queue says back: what to do, and what became of each request.

use std::fmt;

use crate::permit::Yes;
use crate::question::{BadAnswer, QuestionId};
use crate::remembered::{COOL_DOWN_SECONDS, CoolDown, DENIALS_UNTIL_COOL_DOWN};

use super::Ticket;

/// What the shell has to do, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a prompter for [`super::QuestionQueue::question`] of this id.
    Show(QuestionId),
    /// Tell the prompter the new counts of its question.
    UpdateCounts(QuestionId),
    /// End the prompter; its question is over.
    Close(QuestionId),
    /// Let the request of this ticket go on.
    Resolve(Ticket, Resolution),
    /// Tell the person.
    Notice(CoolDown),
}

/// What became of one request.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolution {
    /// By an answer of now, or by an approval; see [`Yes::is_remembered`].
    Allowed(Yes),
    Denied(DeniedBy),
}

/// Why a request that the policy wanted to ask about gets no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeniedBy {
    /// The person said no.
    Answer,
    /// Nobody answered in time.
    Nobody,
    BadAnswer(BadAnswer),
    /// The prompter ended without an answer after it had been seen.
    PrompterFailed(String),
    /// The qube is muted.
    Muted,
    /// Too many denials before.
    CooledDown,
    /// Another key of this login was denied.
    SameLogin,
    /// The approval was taken back while the request waited for a passphrase or its turn.
    Revoked,
    /// Too many requests of this qube wait already.
    TooMany,
    /// The vault stops, or its policy changed while the request waited.
    Stopped,
}

/// The reason in the log and for people.
impl fmt::Display for DeniedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "you denied it",
            Self::Nobody => "nobody answered in time",
            Self::BadAnswer(why) => return write!(f, "the answer did not count: {why}"),
            Self::PrompterFailed(why) => return write!(f, "the prompt failed: {why}"),
            Self::Muted => "you muted this qube",
            Self::CooledDown => {
                return write!(
                    f,
                    "denied automatically after {DENIALS_UNTIL_COOL_DOWN} denials in a minute; {}-minute pause",
                    COOL_DOWN_SECONDS / 60
                );
            }
            Self::Revoked => "the approval was revoked meanwhile",
            Self::SameLogin => "another key of this login was denied",
            Self::TooMany => "too many requests of this qube wait already",
            Self::Stopped => "the question was withdrawn",
        })
    }
}
