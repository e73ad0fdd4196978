//! The questions of the queue: which requests share one, and which is shown next.

use crate::caller::Caller;
use crate::facts::{Facts, Moment};
use crate::permit::Inquiry;
use crate::question::{Details, QuestionId, SECONDS_FROM_ARRIVAL, SECONDS_FROM_SHOWN, Subject};
use crate::scope::Scope;

/// Questions of one qube that are listed; the rest are held back until there is room, so that
/// no qube fills the list.
pub const LISTED_PER_CALLER: usize = 4;

/// One waiting request. Never reused.
pub type Ticket = u64;

/// Questions in order of arrival.
#[derive(Debug, Default)]
pub(super) struct QueuedQuestions {
    pub(super) last_id: QuestionId,
    pub(super) questions: Vec<QueuedQuestion>,
    last_served: Option<Caller>,
}

/// One question and the requests that share it; there is always at least one.
#[derive(Debug)]
pub(super) struct QueuedQuestion {
    pub(super) id: QuestionId,
    /// Of the first request; the others equal it in all that is shown.
    pub(super) subject: Subject,
    /// Boot seconds.
    pub(super) shown_at: Option<u64>,
    pub(super) requests: Vec<QueuedRequest>,
    /// Requests that ever shared it, gone ones included, so that the number only grows.
    pub(super) joined: usize,
}

#[derive(Debug)]
pub(super) struct QueuedRequest {
    pub(super) ticket: Ticket,
    /// Its number among those that ever shared the question, from 0.
    place: usize,
    arrived: u64,
    pub(super) inquiry: Inquiry,
}

/// Whether two requests may share a question: they agree in all that it shows, and are of a kind that leaves an approval.
fn may_share(one: &Subject, other: &Subject) -> bool {
    let same_content = match (&one.details, &other.details) {
        (Details::Login { .. }, Details::Login { .. }) => true,
        (
            Details::Sshsig {
                hash_algorithm,
                hash,
                ..
            },
            Details::Sshsig {
                hash_algorithm: other_algorithm,
                hash: other_hash,
                ..
            },
        ) => (hash_algorithm, hash) == (other_algorithm, other_hash),
        _ => false,
    };
    same_content
        && Scope::of(&one.facts).is_some()
        && one.facts == other.facts
        // An old and a renewed certificate look alike but for this.
        && one.key_validity == other.key_validity
        && one.rule == other.rule
        && one.reason == other.reason
        && one.remember == other.remember
}

impl QueuedRequest {
    pub(super) fn new(ticket: Ticket, inquiry: Inquiry, now: Moment) -> Self {
        Self {
            ticket,
            place: 0,
            arrived: now.boot,
            inquiry,
        }
    }

    /// The session id of a login.
    pub(super) fn session(&self) -> Option<&[u8]> {
        self.inquiry.subject().details.session_id()
    }

    /// It has waited too long since it arrived.
    pub(super) fn is_late(&self, now: Moment) -> bool {
        self.seconds_left(now) == 0
    }

    fn seconds_left(&self, now: Moment) -> u64 {
        (self.arrived + SECONDS_FROM_ARRIVAL).saturating_sub(now.boot)
    }
}

impl QueuedQuestion {
    pub(super) fn caller(&self) -> &Caller {
        &self.subject.facts.caller
    }

    /// Seconds until all of it is over.
    pub(super) fn seconds_left(&self, now: Moment) -> u64 {
        let each = self.requests.iter();
        let last = each.map(|request| request.seconds_left(now)).max();
        last.unwrap_or(0).min(self.seconds_from_shown(now))
    }

    fn seconds_from_shown(&self, now: Moment) -> u64 {
        match self.shown_at {
            Some(at) => (at + SECONDS_FROM_SHOWN).saturating_sub(now.boot),
            None => u64::MAX,
        }
    }

    /// Takes the requests out that were there when `seen` of them were shown.
    pub(super) fn take_seen(&mut self, seen: usize) -> Vec<QueuedRequest> {
        let all = std::mem::take(&mut self.requests);
        let (taken, left) = all.into_iter().partition(|request| request.place < seen);
        self.requests = left;
        taken
    }
}

impl QueuedQuestions {
    pub(super) fn find(&self, id: QuestionId) -> Option<&QueuedQuestion> {
        self.questions.iter().find(|queued| queued.id == id)
    }

    pub(super) fn find_mut(&mut self, id: QuestionId) -> Option<&mut QueuedQuestion> {
        self.questions.iter_mut().find(|queued| queued.id == id)
    }

    pub(super) fn requests_of(&self, caller: &Caller) -> usize {
        let questions = self.questions.iter();
        let theirs = questions.filter(|queued| queued.caller() == caller);
        theirs.map(|queued| queued.requests.len()).sum()
    }

    /// Queues a request; says the question that it joined, if there was one for it.
    pub(super) fn join(&mut self, mut request: QueuedRequest) -> Option<QuestionId> {
        let subject = request.inquiry.subject();
        let same = |queued: &&mut QueuedQuestion| may_share(&queued.subject, subject);
        if let Some(queued) = self.questions.iter_mut().find(same) {
            request.place = queued.joined;
            queued.joined += 1;
            queued.requests.push(request);
            return Some(queued.id);
        }
        self.last_id += 1;
        self.questions.push(QueuedQuestion {
            id: self.last_id,
            subject: subject.clone(),
            shown_at: None,
            requests: vec![request],
            joined: 1,
        });
        None
    }

    pub(super) fn remove(&mut self, id: QuestionId) -> Option<QueuedQuestion> {
        let at = self.questions.iter().position(|queued| queued.id == id)?;
        Some(self.questions.remove(at))
    }

    /// Takes one request out; gives back its question if it was the last to share it.
    pub(super) fn remove_request(&mut self, ticket: Ticket) -> Option<QueuedQuestion> {
        for queued in &mut self.questions {
            queued.requests.retain(|request| request.ticket != ticket);
        }
        let mut questions = self.questions.iter();
        let emptied = questions.position(|queued| queued.requests.is_empty())?;
        Some(self.questions.remove(emptied))
    }

    /// After an answer: what joined too late to be seen becomes a question of its own, with a new id,
    /// so that nothing said of the old one can reach it.
    pub(super) fn requeue(&mut self, id: QuestionId) {
        let Some(mut queued) = self.remove(id) else {
            return;
        };
        if queued.requests.is_empty() {
            return;
        }
        self.last_id += 1;
        queued.id = self.last_id;
        queued.shown_at = None;
        queued.joined = queued.requests.len();
        for (place, request) in queued.requests.iter_mut().enumerate() {
            request.place = place;
        }
        self.questions.push(queued);
    }

    /// Questions whose time since they were shown has run out.
    pub(super) fn late_questions(&self, now: Moment) -> Vec<QuestionId> {
        let late = self
            .questions
            .iter()
            .filter(|queued| queued.shown_at.is_some() && queued.seconds_left(now) == 0);
        late.map(|queued| queued.id).collect()
    }

    /// Of each question with a request that has waited too long.
    pub(super) fn facts_of_late_requests(&self, now: Moment) -> Vec<Facts> {
        let late = self.questions.iter();
        late.filter(|queued| queued.requests.iter().any(|request| request.is_late(now)))
            .map(|queued| queued.subject.facts.clone())
            .collect()
    }

    /// Takes out each request for which `settled` has something to say.
    pub(super) fn take_settled<T>(
        &mut self,
        mut settled: impl FnMut(&QueuedQuestion, &QueuedRequest) -> Option<T>,
    ) -> Vec<(QueuedRequest, T)> {
        let mut taken = Vec::new();
        for queued in &mut self.questions {
            for request in std::mem::take(&mut queued.requests) {
                match settled(queued, &request) {
                    Some(said) => taken.push((request, said)),
                    None => queued.requests.push(request),
                }
            }
        }
        self.questions.retain(|queued| !queued.requests.is_empty());
        taken
    }

    /// The first questions of each qube are listed, the rest are held back.
    pub(super) fn is_listed(&self, queued: &QueuedQuestion) -> bool {
        let before = self
            .questions
            .iter()
            .filter(|other| other.id < queued.id && other.caller() == queued.caller());
        before.count() < LISTED_PER_CALLER
    }

    /// The next question to show: qubes take turns in the order of their names, each with its oldest.
    pub(super) fn next_in_turn(&mut self) -> Option<QuestionId> {
        let callers = || self.questions.iter().map(QueuedQuestion::caller);
        let after = |caller: &&Caller| self.last_served.as_ref().is_none_or(|last| *caller > last);
        let next = callers().filter(after).min().or_else(|| callers().min())?;
        let turn = self
            .questions
            .iter()
            .find(|queued| queued.caller() == next)?
            .id;
        self.last_served = Some(next.clone());
        Some(turn)
    }
}
