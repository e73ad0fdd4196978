//! What the queue says back: what to do, and what became of each request.

use crate::denied_by::DeniedBy;
use crate::permit::Permit;
use crate::question::QuestionId;
use crate::remembered::CoolDown;

use super::queued::Ticket;

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
    /// By an answer of now, or by an approval; see [`Permit::is_remembered`].
    Allowed(Permit),
    Denied(DeniedBy),
}
