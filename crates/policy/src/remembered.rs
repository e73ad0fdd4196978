//! Answers that are remembered. An *approval* allows what equals the question in every shown fact. A
//! *denial* refuses the rest of the same login, a muted qube, what the person denied for a while, or a qube that was denied too often. They are
//! in memory only: gone when the vault stops.

pub(crate) mod denial_counter;
mod denied_purpose;
mod denied_request;
mod words;

use std::collections::VecDeque;

use crate::caller::Caller;
use crate::denied_by::DeniedBy;
use crate::facts::{Facts, Moment};
use crate::judgement::Remember;
use crate::question::{MUTE_SECONDS, Subject};
use crate::scope::Scope;

use denial_counter::DenialCounter;
pub use denial_counter::{
    COOL_DOWN_SECONDS, CoolDown, CountedDenial, DENIAL_WINDOW_SECONDS, DENIALS_UNTIL_COOL_DOWN,
    PURPOSES_UNTIL_COOL_DOWN,
};
pub use denied_purpose::DeniedPurpose;
pub use denied_request::DeniedRequest;

/// Far more than a person gives; the one that expires first makes room.
const MAX_REMEMBERED: usize = 1024;
/// Refused logins that are remembered; the oldest makes room.
const MAX_REFUSED_SESSIONS: usize = 256;
/// How long a refused login stays refused, in seconds: longer than any server waits for one to finish.
const REFUSED_SESSION_SECONDS: u64 = 600;

/// When a remembered answer expires. It is counted by the boot clock and by the wall clock, and the first to run out
/// counts: neither suspending the machine nor setting its clock back prolongs an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    boot: u64,
    unix: u64,
}

impl Expiry {
    pub fn after(now: Moment, seconds: u64) -> Self {
        Self {
            boot: now.boot.saturating_add(seconds),
            unix: now.unix.saturating_add(seconds),
        }
    }

    /// Seconds left by the clock that runs out first; 0 = expired.
    pub fn left(self, now: Moment) -> u64 {
        self.boot
            .saturating_sub(now.boot)
            .min(self.unix.saturating_sub(now.unix))
    }

    pub fn is_past(self, now: Moment) -> bool {
        self.left(now) == 0
    }
}

/// One remembered answer, as `split-ssh approvals` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAnswer {
    /// Never reused.
    pub number: u64,
    pub answer: RememberedAnswer,
    pub given: Moment,
    pub expiry: Expiry,
    pub uses: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RememberedAnswer {
    /// Allows what has this scope.
    Approval(Box<Scope>),
    /// The person denied such requests for a while.
    Denial(Box<DeniedRequest>),
    /// The person muted this qube: its questions are denied.
    Mute(Caller),
    /// This qube was denied for one purpose too often, or for too many purposes.
    CoolDown(CoolDown),
}

impl RememberedAnswer {
    /// Whether it is a denial of such a request; `number` is its own.
    fn denies(&self, subject: &Subject, number: u64) -> Option<DeniedBy> {
        let facts = &subject.facts;
        let (covers, by) = match self {
            Self::Approval(_) => return None,
            Self::Denial(denied) => (
                **denied == DeniedRequest::of(subject),
                DeniedBy::Earlier(number),
            ),
            Self::Mute(caller) => (*caller == facts.caller, DeniedBy::Muted),
            Self::CoolDown(cool_down) => {
                let purpose = cool_down.purpose.as_deref();
                let covers = cool_down.caller == facts.caller
                    && purpose.is_none_or(|purpose| *purpose == DeniedPurpose::of(facts));
                (covers, DeniedBy::CooledDown)
            }
        };
        covers.then_some(by)
    }

    /// Whether it is an approval of this scope.
    fn approves(&self, scope: &Scope) -> bool {
        matches!(self, Self::Approval(approved) if **approved == *scope)
    }

    /// Those of the request that was answered, if the answer is for requests like it.
    pub fn facts(&self) -> Option<&Facts> {
        match self {
            Self::Approval(scope) => Some(scope.facts()),
            Self::Denial(denied) => Some(&denied.facts),
            Self::Mute(_) | Self::CoolDown(_) => None,
        }
    }

    /// An approval; else a denial.
    pub fn is_approval(&self) -> bool {
        matches!(self, Self::Approval(_))
    }
}

/// What an earlier answer decides for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecalledAnswer {
    /// The number of the approval.
    Approved(u64),
    Denied(DeniedBy),
}

#[derive(Debug, Default)]
pub struct RememberedAnswers {
    last_number: u64,
    remembered: Vec<ListedAnswer>,
    refused_sessions: VecDeque<RefusedSession>,
    denials: DenialCounter,
}

#[derive(Debug)]
struct RefusedSession {
    caller: Caller,
    session_id: Vec<u8>,
    expiry: Expiry,
}

impl RememberedAnswers {
    /// The earlier answer that decides a request which the policy asks about. `session_id` is its own, if it is a
    /// login: it may be another one than the question's. An answer that is found counts one use.
    pub fn recall(
        &mut self,
        subject: &Subject,
        session_id: Option<&[u8]>,
        now: Moment,
    ) -> Option<RecalledAnswer> {
        self.forget_expired(now);
        let caller = &subject.facts.caller;
        for entry in &mut self.remembered {
            let Some(by) = entry.answer.denies(subject, entry.number) else {
                continue;
            };
            entry.uses = entry.uses.saturating_add(1);
            if let (DeniedBy::Earlier(_), Some(session_id)) = (&by, session_id) {
                self.refuse_session(caller, session_id, now);
            }
            return Some(RecalledAnswer::Denied(by));
        }
        let refused = self.refused_sessions.iter().any(|refused| {
            refused.caller == *caller && Some(refused.session_id.as_slice()) == session_id
        });
        if refused {
            return Some(RecalledAnswer::Denied(DeniedBy::SameLogin));
        }
        // The rule may have become stricter since the answer was given.
        let Remember::UpTo(longest) = subject.remember else {
            return None;
        };
        let scope = Scope::of(&subject.facts)?;
        let entry = self.remembered.iter_mut().find(|entry| {
            entry.answer.approves(&scope) && !Expiry::after(entry.given, longest).is_past(now)
        })?;
        entry.uses = entry.uses.saturating_add(1);
        Some(RecalledAnswer::Approved(entry.number))
    }

    /// Whether an earlier answer is about such requests.
    pub fn knows(&mut self, subject: &Subject, now: Moment) -> bool {
        let scope = Scope::of(&subject.facts);
        self.list(now)
            .iter()
            .any(|ListedAnswer { answer, number, .. }| {
                scope.as_ref().is_some_and(|scope| answer.approves(scope))
                    || answer.denies(subject, *number).is_some()
            })
    }

    /// Whether the person muted this qube.
    pub(crate) fn is_muted(&mut self, caller: &Caller, now: Moment) -> bool {
        let muted = RememberedAnswer::Mute(caller.clone());
        self.list(now).iter().any(|entry| entry.answer == muted)
    }

    /// The number of the approval of these facts, if one is still remembered.
    pub fn approval(&mut self, facts: &Facts, now: Moment) -> Option<u64> {
        let scope = Scope::of(facts)?;
        let mut listed = self.list(now).iter();
        let found = listed.find(|entry| entry.answer.approves(&scope));
        found.map(|entry| entry.number)
    }

    /// Remembers an approval for `seconds`. Some requests leave none, see [`Scope::of`].
    pub(crate) fn allow(&mut self, subject: &Subject, seconds: u64, now: Moment) -> Option<u64> {
        let scope = Scope::of(&subject.facts)?;
        self.forget_answers_to(subject);
        Some(self.push(RememberedAnswer::Approval(Box::new(scope)), seconds, now))
    }

    /// Denies requests like this one for `seconds`.
    pub(crate) fn deny(&mut self, subject: &Subject, seconds: u64, now: Moment) -> u64 {
        self.forget_answers_to(subject);
        let denied = Box::new(DeniedRequest::of(subject));
        self.push(RememberedAnswer::Denial(denied), seconds, now)
    }

    /// The last answer counts alone.
    fn forget_answers_to(&mut self, subject: &Subject) {
        let scope = Scope::of(&subject.facts);
        let denial = RememberedAnswer::Denial(Box::new(DeniedRequest::of(subject)));
        self.remembered.retain(|entry| {
            let is_approval = scope
                .as_ref()
                .is_some_and(|scope| entry.answer.approves(scope));
            !is_approval && entry.answer != denial
        });
    }

    /// Denies every question of `caller` for five minutes.
    pub(crate) fn mute(&mut self, caller: &Caller, now: Moment) -> u64 {
        let muted = RememberedAnswer::Mute(caller.clone());
        self.remembered.retain(|entry| entry.answer != muted);
        self.push(muted, MUTE_SECONDS, now)
    }

    /// After a denial the next keys of the same login are refused without a question.
    pub(crate) fn refuse_session(&mut self, caller: &Caller, session_id: &[u8], now: Moment) {
        if self.refused_sessions.len() >= MAX_REFUSED_SESSIONS {
            self.refused_sessions.pop_front();
        }
        self.refused_sessions.push_back(RefusedSession {
            caller: caller.clone(),
            session_id: session_id.to_vec(),
            expiry: Expiry::after(now, REFUSED_SESSION_SECONDS),
        });
    }

    /// Counts a denial; enough of them begin a cool-down.
    pub(crate) fn count_denial(
        &mut self,
        facts: &Facts,
        denial: CountedDenial,
        now: Moment,
    ) -> Option<CoolDown> {
        let purpose = DeniedPurpose::of(facts);
        let cool_down = self.denials.count(&facts.caller, &purpose, denial, now)?;
        let answer = RememberedAnswer::CoolDown(cool_down.clone());
        self.push(answer, COOL_DOWN_SECONDS, now);
        Some(cool_down)
    }

    /// Forgets this qube's denials: the person is there and trusts it.
    pub(crate) fn count_approval(&mut self, caller: &Caller) {
        self.denials.forget(caller);
    }

    /// The number of the answer that was remembered last; 0 if there was none.
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    /// The remembered answers, oldest first.
    pub fn list(&mut self, now: Moment) -> &[ListedAnswer] {
        self.forget_expired(now);
        &self.remembered
    }

    /// Whether there is an approval.
    pub fn has_approvals(&mut self, now: Moment) -> bool {
        let mut listed = self.list(now).iter();
        listed.any(|entry| entry.answer.is_approval())
    }

    /// Forgets one remembered answer. `None` if there is none of this number.
    pub fn revoke(&mut self, number: u64) -> Option<ListedAnswer> {
        self.remove_where(|entry| entry.number == number).pop()
    }

    /// Forgets all of them and says which there were.
    pub fn revoke_all(&mut self) -> Vec<ListedAnswer> {
        self.refused_sessions.clear();
        std::mem::take(&mut self.remembered)
    }

    /// Forgets the approvals and keeps the denials: for a locked screen. Says which were forgotten.
    pub fn revoke_approvals(&mut self) -> Vec<ListedAnswer> {
        self.remove_where(|entry| entry.answer.is_approval())
    }

    /// After a change of policy: keeps the answers to requests that the new policy would still ask about.
    /// Says which were forgotten.
    pub fn keep(&mut self, would_still_ask: impl Fn(&Facts) -> bool) -> Vec<ListedAnswer> {
        self.remove_where(|entry| {
            let facts = entry.answer.facts();
            facts.is_some_and(|facts| !would_still_ask(facts))
        })
    }

    fn remove_where(&mut self, is_removed: impl Fn(&ListedAnswer) -> bool) -> Vec<ListedAnswer> {
        let (removed, kept) = std::mem::take(&mut self.remembered)
            .into_iter()
            .partition(is_removed);
        self.remembered = kept;
        removed
    }

    fn push(&mut self, answer: RememberedAnswer, seconds: u64, now: Moment) -> u64 {
        self.forget_expired(now);
        if self.remembered.len() >= MAX_REMEMBERED {
            let entries = self.remembered.iter().enumerate();
            let first_to_end = entries.min_by_key(|(_, entry)| entry.expiry.left(now));
            if let Some(index) = first_to_end.map(|(index, _)| index) {
                self.remembered.remove(index);
            }
        }
        self.last_number += 1;
        self.remembered.push(ListedAnswer {
            number: self.last_number,
            answer,
            given: now,
            expiry: Expiry::after(now, seconds),
            uses: 0,
        });
        self.last_number
    }

    fn forget_expired(&mut self, now: Moment) {
        self.remembered.retain(|entry| !entry.expiry.is_past(now));
        self.refused_sessions
            .retain(|refused| !refused.expiry.is_past(now));
    }
}

#[cfg(test)]
mod tests;
