//! The requests that wait for a person, as a state machine: events in, actions out. It holds no
//! thread, window or clock; `now` comes with each event.
//!
//! One dialog at a time, taken in turns from qube to qube. Requests that look the same to the person
//! share a question and its answer. Every request that arrives is resolved exactly once.

mod line;

use crate::facts::Moment;
use crate::grant::{CoolDown, Grants, No, Recalled};
use crate::question::{Answer, Asked, BadAnswer, Decision, Question, QuestionId, Standing, Yes};

use line::{Line, Request, Waiter};

/// Questions of one qube that stand in line and are listed; the rest are held back until there is
/// room, so that no qube fills the list.
pub const IN_LINE_PER_CALLER: usize = 4;
/// Requests of one qube that wait, held back ones included; more are refused. Above OpenSSH's and
/// ansible's usual bursts, below the 128 calls that qrexec allows.
pub const MAX_REQUESTS_PER_CALLER: usize = 64;

/// One waiting request. Never reused.
pub type Ticket = u64;

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
        let mut actions = match self.line.join(asked, request) {
            Some(joined) => vec![Action::Recount(joined)],
            None => self.dialog.map(Action::Recount).into_iter().collect(),
        };
        self.show_next(&mut actions);
        (ticket, actions)
    }

    /// The client hung up; its request needs no answer any more and is not resolved.
    pub fn gone(&mut self, ticket: Ticket, now: Moment, grants: &mut Grants) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(emptied) = self.line.remove_request(ticket) {
            if emptied.was_shown() {
                // A qube that flashes windows and takes them back is as tiresome as one that asks on.
                let cooled = grants.count_no(emptied.caller(), No::TakenBack, now);
                actions.extend(cooled.map(Action::Notice));
            }
            self.over(emptied.id, &mut actions);
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

    /// The answer of the prompter that was started for this question. One that does not count is a no.
    pub fn prompter_answered(
        &mut self,
        id: QuestionId,
        answer: &Answer,
        name_is_taken: impl Fn(&str) -> bool,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        match self.answer(id, answer, name_is_taken, now, grants) {
            Ok(actions) => actions,
            Err(NotTaken::Over) => Vec::new(),
            Err(NotTaken::Bad(why)) => self.deny(id, &DeniedBy::BadAnswer(why), None, now, grants),
        }
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
                if answer.decision == Decision::Mute {
                    grants.mute(waiter.caller(), now);
                }
                let by = DeniedBy::Answer {
                    question: id,
                    same: waiter.same(),
                };
                self.deny(id, &by, Some(No::Denied), now, grants)
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
            actions.extend(self.nobody_answered(id, now, grants));
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
        let deny = |id| self.deny(id, &DeniedBy::Stopped, None, now, grants);
        changed.into_iter().flat_map(deny).collect()
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

    /// Denies all of the question's requests, and the rest of their logins.
    fn deny(
        &mut self,
        id: QuestionId,
        by: &DeniedBy,
        counts_as: Option<No>,
        now: Moment,
        grants: &mut Grants,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(waiter) = self.line.remove(id) else {
            return actions;
        };
        for request in waiter.requests() {
            if let Some(session_id) = request.session() {
                grants.refuse_session(waiter.caller(), session_id, now);
            }
            actions.push(denied(request.ticket, by.clone()));
        }
        let cooled = counts_as.and_then(|no| grants.count_no(waiter.caller(), no, now));
        actions.extend(cooled.map(Action::Notice));
        self.over(id, &mut actions);
        self.go_on(now, grants, &mut actions);
        actions
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

#[cfg(test)]
mod tests;
