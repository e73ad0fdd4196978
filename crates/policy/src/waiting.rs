//! The requests that wait for a person, as a state machine: events in, actions out. It holds no
//! thread, window or clock; `now` comes with each event.
//!
//! One dialog at a time, taken in turns from qube to qube. Requests that look the same to the person
//! share a question and its answer. Every request that arrives is resolved exactly once.

mod line;
mod outcome;

use crate::facts::Moment;
use crate::grant::{Grants, No};
use crate::question::{Answer, Asked, BadAnswer, Decision, Question, QuestionId, Standing, Yes};

use line::{Line, Request, Waiter};
pub use outcome::{Action, AllowedBy, DeniedBy, Resolution};

/// Questions of one qube that stand in line and are listed; the rest are held back until there is
/// room, so that no qube fills the list.
pub const IN_LINE_PER_CALLER: usize = 4;
/// Requests of one qube that wait, held back ones included; more are refused. Above OpenSSH's and
/// ansible's usual bursts, below the 128 calls that qrexec allows.
pub const MAX_REQUESTS_PER_CALLER: usize = 64;

/// One waiting request. Never reused.
pub type Ticket = u64;

/// Why an answer typed in a terminal was not taken; the question still waits, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// No question of this id waits (any more).
    Over,
    Bad(BadAnswer),
}

/// A question that stands in line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InLine {
    pub question: Question,
    /// Seconds until it is denied.
    pub seconds_left: u64,
    /// Somebody sees it now.
    pub shown: bool,
}

#[derive(Debug, Default)]
pub struct Waiting {
    last_ticket: Ticket,
    line: Line,
    /// The question whose prompter runs, or is about to.
    dialog: Option<QuestionId>,
}

impl Waiting {
    /// A request that the policy wants asked about. Its ticket may be resolved at once.
    pub fn arrive(
        &mut self,
        asked: Asked,
        now: Moment,
        grants: &mut Grants,
    ) -> (Ticket, Vec<Action>) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let request = Request::new(ticket, &asked, now);
        if let Some(recalled) = grants.recall(&asked.facts, asked.remember, request.session(), now)
        {
            return (ticket, vec![Action::Resolve(ticket, recalled.into())]);
        }
        if self.line.requests_of(&asked.facts.caller) >= MAX_REQUESTS_PER_CALLER {
            return (ticket, vec![denied(ticket, DeniedBy::TooMany)]);
        }
        let joined = self.line.join(asked, request);
        // A new question makes the dialog's queue longer; one that joins it makes itself be counted.
        let recounts = self
            .dialog
            .filter(|dialog| joined.is_none_or(|id| id == *dialog));
        let mut actions: Vec<Action> = recounts.map(Action::Recount).into_iter().collect();
        self.show_next(&mut actions);
        (ticket, actions)
    }

    /// The client hung up; its request needs no answer any more and is not resolved.
    pub fn gone(&mut self, ticket: Ticket, now: Moment, grants: &mut Grants) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(emptied) = self.line.remove_request(ticket) {
            if self.dialog == Some(emptied.id) {
                // A qube that opens windows and takes them back is as tiresome as one that asks on.
                let cooled = grants.count_no(emptied.caller(), No::TakenBack, now);
                actions.extend(cooled.map(Action::Notice));
            }
            self.over(emptied.id, &mut actions);
            actions.extend(self.dialog.map(Action::Recount));
            self.go_on(now, grants, &mut actions);
        }
        actions
    }

    /// The person sees the question, in a window or a live view.
    pub fn shown(&mut self, id: QuestionId, now: Moment) {
        if let Some(waiter) = self.line.find_mut(id) {
            waiter.shown_at.get_or_insert(now.boot);
        }
    }

    /// The prompter gave an answer that does not count: a no.
    pub fn prompter_answered_badly(
        &mut self,
        id: QuestionId,
        why: BadAnswer,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        self.deny(id, &DeniedBy::BadAnswer(why), None, now, grants)
    }

    /// The prompter ended without an answer, after it had been seen: a no.
    pub fn prompter_failed(
        &mut self,
        id: QuestionId,
        why: &str,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        self.deny(
            id,
            &DeniedBy::PrompterFailed(why.to_owned()),
            None,
            now,
            grants,
        )
    }

    /// The prompter says that its time ran out.
    pub fn nobody_answered(
        &mut self,
        id: QuestionId,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        self.deny(id, &DeniedBy::Nobody, Some(No::Unanswered), now, grants)
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
        grants: &mut Grants,
    ) -> Result<Vec<Action>, NotTaken> {
        let waiter = self
            .line
            .find(id)
            .filter(|waiter| waiter.seconds_left(now) > 0);
        let waiter = waiter.ok_or(NotTaken::Over)?;
        let question = Question::about(id, &waiter.asked, self.standing(waiter, now));
        question
            .accepts(answer, name_is_taken)
            .map_err(NotTaken::Bad)?;
        Ok(match answer.decision {
            Decision::Deny | Decision::Mute => {
                let by = DeniedBy::Answer {
                    question: id,
                    same: waiter.same(),
                };
                let mut counts_as = Some(No::Denied);
                if answer.decision == Decision::Mute {
                    grants.mute(waiter.caller(), now);
                    counts_as = None;
                }
                self.deny(id, &by, counts_as, now, grants)
            }
            Decision::Once => self.allow(id, answer.same, now, grants),
            Decision::For(seconds) => {
                grants.allow(&waiter.asked, seconds, now);
                self.allow(id, answer.same, now, grants)
            }
        })
    }

    /// Ends what has waited too long. Call it when [`Waiting::seconds_until_tick`] says so, or oftener.
    pub fn tick(&mut self, now: Moment, grants: &mut Grants) -> Vec<Action> {
        let mut actions = Vec::new();
        for id in self.line.late_questions(now) {
            let by = DeniedBy::Nobody;
            self.settle_denied(id, &by, Some(No::Unanswered), now, grants, &mut actions);
        }
        for (ticket, emptied) in self.line.take_late_requests(now) {
            actions.push(denied(ticket, DeniedBy::Nobody));
            if let Some(id) = emptied {
                self.over(id, &mut actions);
            }
        }
        self.go_on(now, grants, &mut actions);
        actions
    }

    /// Seconds until something ends by time.
    pub fn seconds_until_tick(&self, now: Moment) -> Option<u64> {
        self.line
            .iter()
            .map(|waiter| waiter.seconds_until_change(now))
            .min()
    }

    /// Denies what the policy would no longer ask about, after it changed.
    pub fn reconsider(
        &mut self,
        still_asks: impl Fn(&Asked) -> bool,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        let changed = self.line.iter().filter(|waiter| !still_asks(&waiter.asked));
        let changed: Vec<QuestionId> = changed.map(|waiter| waiter.id).collect();
        let mut actions = Vec::new();
        for id in changed {
            self.settle_denied(id, &DeniedBy::Stopped, None, now, grants, &mut actions);
        }
        self.go_on(now, grants, &mut actions);
        actions
    }

    /// Denies all: the vault stops.
    pub fn stop(&mut self, now: Moment, grants: &mut Grants) -> Vec<Action> {
        self.reconsider(|_| false, now, grants)
    }

    /// What the person is to be shown under this id.
    pub fn question(&self, id: QuestionId, now: Moment) -> Option<Question> {
        let waiter = self.line.find(id)?;
        Some(Question::about(
            id,
            &waiter.asked,
            self.standing(waiter, now),
        ))
    }

    /// The request behind a question; the first of those that share it.
    pub fn asked(&self, id: QuestionId) -> Option<&Asked> {
        self.line.find(id).map(|waiter| &waiter.asked)
    }

    /// The questions in line, oldest first, at most [`IN_LINE_PER_CALLER`] of each qube.
    pub fn in_line(&self, now: Moment) -> Vec<InLine> {
        let in_line = self
            .line
            .iter()
            .filter(|waiter| self.line.is_in_line(waiter));
        in_line
            .map(|waiter| InLine {
                question: Question::about(waiter.id, &waiter.asked, self.standing(waiter, now)),
                seconds_left: waiter.seconds_left(now),
                shown: waiter.was_shown(),
            })
            .collect()
    }

    fn standing(&self, waiter: &Waiter, now: Moment) -> Standing {
        Standing {
            seconds_left: waiter.seconds_left(now),
            waiting: self.line.len().saturating_sub(1),
            same: waiter.same(),
        }
    }

    /// Allows those of the question's requests that the person saw; who joined later waits on.
    fn allow(
        &mut self,
        id: QuestionId,
        seen: usize,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(waiter) = self.line.find_mut(id) else {
            return actions;
        };
        grants.count_yes(waiter.caller());
        for ticket in waiter.take_seen(seen) {
            let by = AllowedBy::Answer {
                question: id,
                same: seen,
            };
            let yes = Yes::by_a_person();
            actions.push(Action::Resolve(ticket, Resolution::Allowed { yes, by }));
        }
        self.line.renew(id);
        self.over(id, &mut actions);
        self.go_on(now, grants, &mut actions);
        actions
    }

    fn deny(
        &mut self,
        id: QuestionId,
        by: &DeniedBy,
        counts_as: Option<No>,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        self.settle_denied(id, by, counts_as, now, grants, &mut actions);
        self.go_on(now, grants, &mut actions);
        actions
    }

    /// Denies all of the question's requests, and the rest of their logins.
    fn settle_denied(
        &mut self,
        id: QuestionId,
        by: &DeniedBy,
        counts_as: Option<No>,
        now: Moment,
        grants: &mut Grants,
        actions: &mut Vec<Action>,
    ) {
        let Some(waiter) = self.line.remove(id) else {
            return;
        };
        for request in waiter.requests() {
            if let Some(session_id) = request.session() {
                grants.refuse_session(waiter.caller(), session_id, now);
            }
            actions.push(denied(request.ticket, by.clone()));
        }
        let cooled = counts_as.and_then(|no| grants.count_no(waiter.caller(), no, now));
        actions.extend(cooled.map(Action::Notice));
        self.over(id, actions);
    }

    /// Takes the dialog down if it shows this question.
    fn over(&mut self, id: QuestionId, actions: &mut Vec<Action>) {
        if self.dialog == Some(id) {
            self.dialog = None;
            actions.push(Action::Withdraw(id));
        }
    }

    /// Resolves what an answer has settled beside its own question, and shows the next one.
    fn go_on(&mut self, now: Moment, grants: &mut Grants, actions: &mut Vec<Action>) {
        let recall = |waiter: &Waiter, request: &Request| {
            grants.recall(
                &waiter.asked.facts,
                waiter.asked.remember,
                request.session(),
                now,
            )
        };
        for (ticket, recalled, emptied) in self.line.take_recalled(recall) {
            actions.push(Action::Resolve(ticket, recalled.into()));
            if let Some(id) = emptied {
                self.over(id, actions);
            }
        }
        if !actions.is_empty() {
            actions.extend(self.dialog.map(Action::Recount));
        }
        self.show_next(actions);
    }

    fn show_next(&mut self, actions: &mut Vec<Action>) {
        if self.dialog.is_none() {
            self.dialog = self.line.take_turn();
            actions.extend(self.dialog.map(Action::Show));
        }
    }
}

fn denied(ticket: Ticket, by: DeniedBy) -> Action {
    Action::Resolve(ticket, Resolution::Denied(by))
}

#[cfg(test)]
mod tests;
