//! The requests that wait for a person, as a state machine: events in, actions out. It holds no
//! thread, window or clock; `now` comes with each event.
//!
//! One window at a time, taken in turns from qube to qube. Requests that look the same to the person
//! share a question and its answer. Every request that arrives is resolved exactly once.

mod outcome;
mod queued;

use serde::{Deserialize, Serialize};

use crate::denied_by::DeniedBy;
use crate::facts::{Facts, Moment};
use crate::permit::{Basis, Inquiry};
use crate::question::{
    Answer, BadAnswer, Decision, Question, QuestionId, QuestionProgress, Subject,
};
use crate::remembered::{CountedDenial, RecalledAnswer, RememberedAnswers};

pub use outcome::{Action, Resolution};
pub use queued::{LISTED_PER_CALLER, Ticket};
use queued::{QueuedQuestion, QueuedQuestions, QueuedRequest};

/// Requests of one qube that wait, held back ones included; more are refused. Above OpenSSH's and
/// ansible's usual bursts, below the 128 calls that qrexec allows.
pub const MAX_REQUESTS_PER_CALLER: usize = 64;

/// Why an answer typed in a terminal was not taken; the question still waits, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// No question of this id waits (any more).
    NotWaiting,
    Bad(BadAnswer),
}

/// A question that waits, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingQuestion {
    pub question: Question,
    /// Seconds until it is denied.
    pub seconds_left: u64,
    /// Somebody sees it now.
    pub shown: bool,
}

/// The questions that wait, and the answers that are remembered.
#[derive(Debug, Default)]
pub struct QuestionQueue {
    last_ticket: Ticket,
    queued: QueuedQuestions,
    /// The question whose prompter runs, or is about to.
    window: Option<QuestionId>,
    pub remembered: RememberedAnswers,
    /// What the event at hand has led to so far.
    actions: Vec<Action>,
}

impl QuestionQueue {
    /// A request that the policy wants to ask about. Its ticket may be resolved at once.
    pub fn enqueue(&mut self, inquiry: Inquiry, now: Moment) -> (Ticket, Vec<Action>) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let request = QueuedRequest::new(ticket, inquiry, now);
        let subject = request.inquiry.subject();
        let recalled = self.remembered.recall(subject, request.session(), now);
        if let Some(recalled) = recalled {
            return (ticket, vec![by_recalled(request, recalled)]);
        }
        if self.queued.requests_of(&subject.facts.caller) >= MAX_REQUESTS_PER_CALLER {
            return (ticket, vec![denied(ticket, DeniedBy::TooMany)]);
        }
        let joined = self.queued.join(request);
        // A new question makes the window's queue longer; one that joins it makes itself be counted.
        let recounts = self
            .window
            .filter(|shown| joined.is_none_or(|id| id == *shown));
        self.actions.extend(recounts.map(Action::UpdateCounts));
        self.show_next();
        (ticket, self.take_actions())
    }

    /// The client hung up; its request needs no answer any more and is not resolved.
    pub fn client_disconnected(&mut self, ticket: Ticket, now: Moment) -> Vec<Action> {
        let Some(emptied) = self.queued.remove_request(ticket) else {
            return Vec::new();
        };
        if self.window == Some(emptied.id) {
            // A qube that opens windows and takes them back is as tiresome as one that keeps asking.
            self.count_denial(&emptied.subject.facts, CountedDenial::Withdrawn, now);
        }
        self.close_if_over();
        self.actions.extend(self.window.map(Action::UpdateCounts));
        self.advance(now)
    }

    /// The person sees the question, in a window or a live view.
    pub fn shown(&mut self, id: QuestionId, now: Moment) {
        if let Some(queued) = self.queued.find_mut(id) {
            queued.shown_at.get_or_insert(now.boot);
        }
    }

    /// The prompter ended without an answer that counts, after it had been seen: a no, whatever `why`.
    pub fn end_unanswered(&mut self, id: QuestionId, why: &DeniedBy, now: Moment) -> Vec<Action> {
        let counts_as = (*why == DeniedBy::Nobody).then_some(CountedDenial::Unanswered);
        self.deny(id, why, counts_as, now);
        self.advance(now)
    }

    /// An answer, wherever it was given.
    ///
    /// # Errors
    /// The question is over, or the answer was not offered; it waits on then.
    pub fn answer(
        &mut self,
        id: QuestionId,
        answer: &Answer,
        name_is_taken: impl Fn(&str) -> bool,
        now: Moment,
    ) -> Result<Vec<Action>, AnswerError> {
        let queued = self.queued.find(id);
        let queued = queued.filter(|queued| queued.seconds_left(now) > 0);
        let queued = queued.ok_or(AnswerError::NotWaiting)?;
        let accepted = self.shown_as(queued, now).accepts(answer, name_is_taken);
        accepted.map_err(AnswerError::Bad)?;
        match answer.decision {
            Decision::AllowFor(seconds) => {
                self.remembered.allow(&queued.subject, seconds, now);
            }
            Decision::DenyFor(seconds) => {
                self.remembered.deny(&queued.subject, seconds, now);
            }
            Decision::Mute => {
                self.remembered.mute(queued.caller(), now);
            }
            Decision::AllowOnce | Decision::AllowAlways | Decision::DenyOnce => {}
        }
        if answer.decision.allows() {
            self.allow(id, answer);
        } else {
            let is_once = answer.decision == Decision::DenyOnce;
            let counts_as = is_once.then_some(CountedDenial::Denied);
            self.deny(id, &DeniedBy::Answer, counts_as, now);
        }
        Ok(self.advance(now))
    }

    /// Ends what has waited too long. Call it every second.
    pub fn tick(&mut self, now: Moment) -> Vec<Action> {
        for id in self.queued.late_questions(now) {
            self.deny(id, &DeniedBy::Nobody, Some(CountedDenial::Unanswered), now);
        }
        // Requests that came together for one question go unanswered once.
        for facts in self.queued.facts_of_late_requests(now) {
            self.count_denial(&facts, CountedDenial::Unanswered, now);
        }
        let late = |_: &QueuedQuestion, request: &QueuedRequest| request.is_late(now).then_some(());
        for (request, ()) in self.queued.take_settled(late) {
            self.actions.push(denied(request.ticket, DeniedBy::Nobody));
        }
        self.advance(now)
    }

    /// Denies what the policy would no longer ask about, after it changed.
    pub fn reconsider(
        &mut self,
        still_asks: impl Fn(&Subject) -> bool,
        now: Moment,
    ) -> Vec<Action> {
        let questions = self.queued.questions.iter();
        let changed = questions.filter(|queued| !still_asks(&queued.subject));
        let changed: Vec<QuestionId> = changed.map(|queued| queued.id).collect();
        for id in changed {
            self.deny(id, &DeniedBy::Stopped, None, now);
        }
        self.advance(now)
    }

    /// Denies all: the vault stops.
    pub fn stop(&mut self, now: Moment) -> Vec<Action> {
        self.reconsider(|_| false, now)
    }

    /// What the person is to be shown under this id.
    pub fn question(&self, id: QuestionId, now: Moment) -> Option<Question> {
        Some(self.shown_as(self.queued.find(id)?, now))
    }

    /// The request behind a question; the first of those that share it.
    pub fn subject(&self, id: QuestionId) -> Option<&Subject> {
        self.queued.find(id).map(|queued| &queued.subject)
    }

    /// The questions that wait, oldest first, at most [`LISTED_PER_CALLER`] of each qube.
    pub fn pending(&self, now: Moment) -> Vec<PendingQuestion> {
        let questions = self.queued.questions.iter();
        let listed = questions.filter(|queued| self.queued.is_listed(queued));
        listed
            .map(|queued| PendingQuestion {
                question: self.shown_as(queued, now),
                seconds_left: queued.seconds_left(now),
                shown: queued.shown_at.is_some(),
            })
            .collect()
    }

    fn shown_as(&self, queued: &QueuedQuestion, now: Moment) -> Question {
        let progress = QuestionProgress {
            seconds_left: queued.seconds_left(now),
            waiting: self.queued.questions.len().saturating_sub(1),
            same: queued.joined,
        };
        Question::about(queued.id, &queued.subject, progress)
    }

    /// Allows those of the question's requests that the person saw; who joined later waits on.
    fn allow(&mut self, id: QuestionId, answer: &Answer) {
        let Some(queued) = self.queued.find_mut(id) else {
            return;
        };
        self.remembered.count_approval(queued.caller());
        let named = answer.name.clone().filter(|_| answer.trust);
        for request in queued.take_seen(answer.same) {
            let named = named.clone();
            self.actions.push(allowed(request, Basis::Answer { named }));
        }
        self.queued.requeue(id);
    }

    /// Denies all of the question's requests, and the rest of their logins.
    fn deny(
        &mut self,
        id: QuestionId,
        by: &DeniedBy,
        counts_as: Option<CountedDenial>,
        now: Moment,
    ) {
        let Some(queued) = self.queued.remove(id) else {
            return;
        };
        for request in &queued.requests {
            if let Some(session_id) = request.session() {
                let caller = queued.caller();
                self.remembered.refuse_session(caller, session_id, now);
            }
            self.actions.push(denied(request.ticket, by.clone()));
        }
        if let Some(denial) = counts_as {
            self.count_denial(&queued.subject.facts, denial, now);
        }
    }

    fn count_denial(&mut self, facts: &Facts, denial: CountedDenial, now: Moment) {
        let cooled = self.remembered.count_denial(facts, denial, now);
        self.actions.extend(cooled.map(Action::Notice));
    }

    /// Closes the window if its question is over.
    fn close_if_over(&mut self) {
        let over = self.window.filter(|id| self.queued.find(*id).is_none());
        if let Some(id) = over {
            self.window = None;
            self.actions.push(Action::Close(id));
        }
    }

    /// Resolves what an answer has settled beside its own question, and shows the next one. Gives back all that is to be
    /// done.
    fn advance(&mut self, now: Moment) -> Vec<Action> {
        let remembered = &mut self.remembered;
        let recall = |queued: &QueuedQuestion, request: &QueuedRequest| {
            remembered.recall(&queued.subject, request.session(), now)
        };
        for (request, recalled) in self.queued.take_settled(recall) {
            self.actions.push(by_recalled(request, recalled));
        }
        self.close_if_over();
        if !self.actions.is_empty() {
            self.actions.extend(self.window.map(Action::UpdateCounts));
        }
        self.show_next();
        self.take_actions()
    }

    fn show_next(&mut self) {
        if self.window.is_none() {
            self.window = self.queued.next_in_turn();
            self.actions.extend(self.window.map(Action::Show));
        }
    }

    fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}

fn allowed(request: QueuedRequest, basis: Basis) -> Action {
    let permit = request.inquiry.permit(basis);
    Action::Resolve(request.ticket, Resolution::Allowed(permit))
}

/// What an answer of before means for a request of now.
fn by_recalled(request: QueuedRequest, recalled: RecalledAnswer) -> Action {
    match recalled {
        RecalledAnswer::Approved(_) => allowed(request, Basis::Approval),
        RecalledAnswer::Denied(by) => denied(request.ticket, by),
    }
}

fn denied(ticket: Ticket, by: DeniedBy) -> Action {
    Action::Resolve(ticket, Resolution::Denied(by))
}

#[cfg(test)]
mod tests;
