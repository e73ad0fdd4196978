//! The line itself: who waits, who shares a question, whose turn is next.

use crate::caller::Caller;
use crate::facts::Moment;
use crate::grant::Scope;
use crate::judgement::{Remember, RuleRef};
use crate::question::{Asked, Details, QuestionId, SECONDS_FROM_ARRIVAL, SECONDS_FROM_SHOWN};

use super::{IN_LINE_PER_CALLER, Ticket};

/// Questions in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Line {
    last_id: QuestionId,
    waiters: Vec<Waiter>,
    last_served: Option<Caller>,
}

/// One question and the requests that share it; there is always at least one.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) id: QuestionId,
    /// Of the first request; the others equal it in all that is shown.
    pub(super) asked: Asked,
    /// Boot seconds.
    pub(super) shown_at: Option<u64>,
    sameness: Option<Sameness>,
    requests: Vec<Request>,
    /// Requests that ever shared it.
    joined: usize,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) ticket: Ticket,
    /// Its number among those that ever shared the question, from 0.
    place: usize,
    arrived: u64,
    session_id: Option<Vec<u8>>,
}

/// Everything in which two requests must agree to share a question.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sameness {
    scope: Scope,
    /// Of an SSHSIG: algorithm and hash.
    content: Option<(Vec<u8>, Vec<u8>)>,
    rule: Option<RuleRef>,
    reason: String,
    remember: Remember,
}

impl Sameness {
    /// `None` for kinds that leave no grant: each of them is asked about on its own.
    fn of(asked: &Asked) -> Option<Self> {
        let content = match &asked.details {
            Details::Login { .. } => None,
            Details::Sshsig {
                hash_algorithm,
                hash,
            } => Some((hash_algorithm.clone(), hash.clone())),
            Details::Certificate(_) | Details::Sudo { .. } | Details::Raw { .. } => return None,
        };
        Some(Self {
            scope: Scope::of(&asked.facts)?,
            content,
            rule: asked.rule.clone(),
            reason: asked.reason.clone(),
            remember: asked.remember,
        })
    }
}

impl Request {
    pub(super) fn new(ticket: Ticket, asked: &Asked, now: Moment) -> Self {
        let session_id = asked.details.session_id().map(<[u8]>::to_vec);
        Self {
            ticket,
            place: 0,
            arrived: now.boot,
            session_id,
        }
    }

    pub(super) fn session(&self) -> Option<&[u8]> {
        self.session_id.as_deref()
    }

    fn seconds_left(&self, now: Moment) -> u64 {
        (self.arrived + SECONDS_FROM_ARRIVAL).saturating_sub(now.boot)
    }
}

impl Waiter {
    pub(super) fn caller(&self) -> &Caller {
        &self.asked.facts.caller
    }

    pub(super) fn was_shown(&self) -> bool {
        self.shown_at.is_some()
    }

    /// Requests that the answer serves, gone ones included, so that the number only grows.
    pub(super) fn same(&self) -> usize {
        self.joined
    }

    pub(super) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Seconds until all of it is over.
    pub(super) fn seconds_left(&self, now: Moment) -> u64 {
        let last = self
            .requests
            .iter()
            .map(|request| request.seconds_left(now))
            .max();
        last.unwrap_or(0).min(self.seconds_from_shown(now))
    }

    /// Seconds until its first request, or all of it, is over.
    pub(super) fn seconds_until_change(&self, now: Moment) -> u64 {
        let first = self
            .requests
            .iter()
            .map(|request| request.seconds_left(now))
            .min();
        first.unwrap_or(0).min(self.seconds_from_shown(now))
    }

    fn seconds_from_shown(&self, now: Moment) -> u64 {
        match self.shown_at {
            Some(at) => (at + SECONDS_FROM_SHOWN).saturating_sub(now.boot),
            None => u64::MAX,
        }
    }

    /// Takes the requests out that were there when `seen` of them were shown.
    pub(super) fn take_seen(&mut self, seen: usize) -> Vec<Ticket> {
        let all = std::mem::take(&mut self.requests);
        let (taken, left) = all.into_iter().partition(|request| request.place < seen);
        self.requests = left;
        Vec::<Request>::into_iter(taken)
            .map(|request| request.ticket)
            .collect()
    }
}

impl Line {
    #[cfg(test)]
    pub(super) fn last_id(&self) -> QuestionId {
        self.last_id
    }

    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter()
    }

    pub(super) fn find(&self, id: QuestionId) -> Option<&Waiter> {
        self.waiters.iter().find(|waiter| waiter.id == id)
    }

    pub(super) fn find_mut(&mut self, id: QuestionId) -> Option<&mut Waiter> {
        self.waiters.iter_mut().find(|waiter| waiter.id == id)
    }

    pub(super) fn requests_of(&self, caller: &Caller) -> usize {
        let theirs = self
            .waiters
            .iter()
            .filter(|waiter| waiter.caller() == caller);
        theirs.map(|waiter| waiter.requests.len()).sum()
    }

    /// Puts a request in line; says the question that it joined, if there was one for it.
    pub(super) fn join(&mut self, asked: Asked, mut request: Request) -> Option<QuestionId> {
        let sameness = Sameness::of(&asked);
        let same = |waiter: &&mut Waiter| sameness.is_some() && waiter.sameness == sameness;
        if let Some(waiter) = self.waiters.iter_mut().find(same) {
            request.place = waiter.joined;
            waiter.joined += 1;
            waiter.requests.push(request);
            return Some(waiter.id);
        }
        self.last_id += 1;
        let id = self.last_id;
        let requests = vec![request];
        self.waiters.push(Waiter {
            id,
            asked,
            shown_at: None,
            sameness,
            requests,
            joined: 1,
        });
        None
    }

    pub(super) fn remove(&mut self, id: QuestionId) -> Option<Waiter> {
        let at = self.waiters.iter().position(|waiter| waiter.id == id)?;
        Some(self.waiters.remove(at))
    }

    /// Takes one request out; gives back its question if it was the last to share it.
    pub(super) fn remove_request(&mut self, ticket: Ticket) -> Option<Waiter> {
        for waiter in &mut self.waiters {
            waiter.requests.retain(|request| request.ticket != ticket);
        }
        let emptied = self
            .waiters
            .iter()
            .position(|waiter| waiter.requests.is_empty())?;
        Some(self.waiters.remove(emptied))
    }

    /// After an answer: what joined too late to be seen becomes a question of its own, with a new id,
    /// so that nothing said of the old one can reach it.
    pub(super) fn renew(&mut self, id: QuestionId) {
        let Some(mut waiter) = self.remove(id) else {
            return;
        };
        if waiter.requests.is_empty() {
            return;
        }
        self.last_id += 1;
        waiter.id = self.last_id;
        waiter.shown_at = None;
        waiter.joined = waiter.requests.len();
        for (place, request) in waiter.requests.iter_mut().enumerate() {
            request.place = place;
        }
        self.waiters.push(waiter);
    }

    /// Questions whose time since they were shown has run out.
    pub(super) fn late_questions(&self, now: Moment) -> Vec<QuestionId> {
        let late = self
            .waiters
            .iter()
            .filter(|waiter| waiter.was_shown() && waiter.seconds_left(now) == 0);
        late.map(|waiter| waiter.id).collect()
    }

    /// Takes out the requests that have waited too long since they arrived, each with its question if
    /// that is empty now.
    pub(super) fn take_late_requests(&mut self, now: Moment) -> Vec<(Ticket, Option<QuestionId>)> {
        let late = |_: &Waiter, request: &Request| (request.seconds_left(now) == 0).then_some(());
        let taken = self.take_recalled(late);
        taken
            .into_iter()
            .map(|(ticket, (), emptied)| (ticket, emptied))
            .collect()
    }

    /// Takes out each request for which `settled` has something to say.
    pub(super) fn take_recalled<T>(
        &mut self,
        mut settled: impl FnMut(&Waiter, &Request) -> Option<T>,
    ) -> Vec<(Ticket, T, Option<QuestionId>)> {
        let mut taken = Vec::new();
        for waiter in &mut self.waiters {
            for request in std::mem::take(&mut waiter.requests) {
                match settled(waiter, &request) {
                    Some(said) => taken.push((request.ticket, said, None)),
                    None => waiter.requests.push(request),
                }
            }
            if waiter.requests.is_empty() {
                if let Some((_, _, emptied)) = taken.last_mut() {
                    *emptied = Some(waiter.id);
                }
            }
        }
        self.waiters.retain(|waiter| !waiter.requests.is_empty());
        taken
    }

    /// The first questions of each qube stand in line, the rest are held back.
    pub(super) fn is_in_line(&self, waiter: &Waiter) -> bool {
        let before = self
            .waiters
            .iter()
            .filter(|other| other.id < waiter.id && other.caller() == waiter.caller());
        before.count() < IN_LINE_PER_CALLER
    }

    /// The next question to show: qubes take turns in the order of their names, each with its oldest.
    pub(super) fn take_turn(&mut self) -> Option<QuestionId> {
        let callers = || self.waiters.iter().map(Waiter::caller);
        let after = |caller: &&Caller| self.last_served.as_ref().is_none_or(|last| *caller > last);
        let next = callers()
            .filter(after)
            .min()
            .or_else(|| callers().min())?
            .clone();
        let turn = self
            .waiters
            .iter()
            .find(|waiter| *waiter.caller() == next)?
            .id;
        self.last_served = Some(next);
        Some(turn)
    }
}
