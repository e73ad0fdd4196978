//! Answers that are remembered: a yes for what equals the question in every shown fact, a no for the
//! rest of the same login, for a muted qube, and for one that has been refused too often. In memory
//! only; gone when the vault stops.

mod noes;
mod scope;
mod words;

use std::collections::VecDeque;

use crate::caller::Caller;
use crate::facts::{Facts, Moment};
use crate::judgement::Remember;
use crate::question::Asked;

use noes::Noes;
pub use noes::{COOL_DOWN_SECONDS, NO_WINDOW_SECONDS, NOES_UNTIL_COOL_DOWN, No};
pub use scope::{Purpose, Scope};

/// Seconds that "deny and mute" lasts.
pub const MUTE_SECONDS: u64 = 300;
/// More are never needed by hand; the one that ends first makes room.
const MAX_GRANTS: usize = 1024;
/// Refused logins that are remembered; the oldest makes room.
const MAX_REFUSED_SESSIONS: usize = 256;
/// How long a refused login stays refused, in seconds: longer than any server waits for one to finish.
const REFUSED_SESSION_SECONDS: u64 = 600;

/// An end that a suspended machine can't stretch and a clock set back can't either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    boot: u64,
    unix: u64,
}

impl Ends {
    pub fn after(now: Moment, seconds: u64) -> Self {
        Self {
            boot: now.boot.saturating_add(seconds),
            unix: now.unix.saturating_add(seconds),
        }
    }

    /// Seconds left by the clock that ends it first; 0 = over.
    pub fn left(self, now: Moment) -> u64 {
        self.boot
            .saturating_sub(now.boot)
            .min(self.unix.saturating_sub(now.unix))
    }

    pub fn is_over(self, now: Moment) -> bool {
        self.left(now) == 0
    }
}

/// One remembered answer, as `split-ssh approvals` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Never reused.
    pub number: u64,
    pub covers: Covers,
    pub given: Moment,
    pub ends: Ends,
    pub uses: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covers {
    /// Allows what has this scope.
    Requests(Box<Scope>),
    /// Denies every question of this qube: the person said so.
    Muted(Caller),
    /// Denies every question of this qube: too many noes in a row.
    CooledDown(Caller),
}

impl Covers {
    pub fn allows(&self) -> bool {
        matches!(self, Self::Requests(_))
    }
}

/// What earlier answers say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// The number of the grant that allows it.
    Allowed(u64),
    Muted,
    CooledDown,
    /// Another key of this login was denied.
    SameLogin,
}

/// A qube is refused without a question for a while; the person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoolDown {
    pub caller: Caller,
    pub seconds: u64,
}

#[derive(Debug, Default)]
pub struct Grants {
    last_number: u64,
    grants: Vec<Grant>,
    refused_sessions: VecDeque<RefusedSession>,
    noes: Noes,
}

#[derive(Debug)]
struct RefusedSession {
    caller: Caller,
    session_id: Vec<u8>,
    ends: Ends,
}

impl Grants {
    /// What earlier answers say of a request that the policy wants asked about and lets be remembered
    /// for so long. `session_id` is a login's. An answer that is found counts one use.
    pub fn recall(
        &mut self,
        facts: &Facts,
        remember: Remember,
        session_id: Option<&[u8]>,
        now: Moment,
    ) -> Option<Recalled> {
        self.forget_what_ended(now);
        let caller = &facts.caller;
        for grant in &mut self.grants {
            let recalled = match &grant.covers {
                Covers::Muted(muted) if muted == caller => Recalled::Muted,
                Covers::CooledDown(cooled) if cooled == caller => Recalled::CooledDown,
                _ => continue,
            };
            grant.uses = grant.uses.saturating_add(1);
            return Some(recalled);
        }
        let refused = self.refused_sessions.iter().any(|refused| {
            refused.caller == *caller && Some(refused.session_id.as_slice()) == session_id
        });
        if refused {
            return Some(Recalled::SameLogin);
        }
        // A rule that has become stricter since the answer rules over the answer.
        let Remember::UpTo(longest) = remember else {
            return None;
        };
        let scope = Scope::of(facts)?;
        let grant = self.grants.iter_mut().find(|grant| {
            matches!(&grant.covers, Covers::Requests(granted) if **granted == scope)
                && !Ends::after(grant.given, longest).is_over(now)
        })?;
        grant.uses = grant.uses.saturating_add(1);
        Some(Recalled::Allowed(grant.number))
    }

    /// Remembers a yes for `seconds`. A request of a kind that leaves no grant leaves none.
    pub(crate) fn allow(&mut self, asked: &Asked, seconds: u64, now: Moment) -> Option<u64> {
        let scope = Scope::of(&asked.facts)?;
        self.grants.retain(
            |grant| !matches!(&grant.covers, Covers::Requests(granted) if **granted == scope),
        );
        Some(self.push(Covers::Requests(Box::new(scope)), seconds, now))
    }

    /// Denies every question of `caller` for five minutes.
    pub(crate) fn mute(&mut self, caller: &Caller, now: Moment) -> u64 {
        self.grants
            .retain(|grant| !matches!(&grant.covers, Covers::Muted(muted) if muted == caller));
        self.push(Covers::Muted(caller.clone()), MUTE_SECONDS, now)
    }

    /// One no is one no: the next keys of this login are refused without a question.
    pub(crate) fn refuse_session(&mut self, caller: &Caller, session_id: &[u8], now: Moment) {
        if self.refused_sessions.len() >= MAX_REFUSED_SESSIONS {
            self.refused_sessions.pop_front();
        }
        self.refused_sessions.push_back(RefusedSession {
            caller: caller.clone(),
            session_id: session_id.to_vec(),
            ends: Ends::after(now, REFUSED_SESSION_SECONDS),
        });
    }

    /// Counts a no; enough of them begin a cool-down.
    pub(crate) fn count_no(&mut self, caller: &Caller, no: No, now: Moment) -> Option<CoolDown> {
        if !self.noes.count(caller, no, now) {
            return None;
        }
        self.push(Covers::CooledDown(caller.clone()), COOL_DOWN_SECONDS, now);
        Some(CoolDown {
            caller: caller.clone(),
            seconds: COOL_DOWN_SECONDS,
        })
    }

    /// A yes shows that the person is there and means well of this qube.
    pub(crate) fn count_yes(&mut self, caller: &Caller) {
        self.noes.forget(caller);
    }

    /// The remembered answers, oldest first.
    pub fn list(&mut self, now: Moment) -> &[Grant] {
        self.forget_what_ended(now);
        &self.grants
    }

    /// Whether a yes is remembered.
    pub fn has_allowed(&mut self, now: Moment) -> bool {
        self.list(now).iter().any(|grant| grant.covers.allows())
    }

    /// Forgets one remembered answer, yes or no. `None` if there is none of this number.
    pub fn revoke(&mut self, number: u64) -> Option<Grant> {
        self.take_out(|grant| grant.number == number).pop()
    }

    /// Forgets all of them and says which there were.
    pub fn revoke_all(&mut self) -> Vec<Grant> {
        self.refused_sessions.clear();
        std::mem::take(&mut self.grants)
    }

    /// Forgets every yes, keeps the noes: for a locked screen. Says which were forgotten.
    pub fn revoke_allowed(&mut self) -> Vec<Grant> {
        self.keep(|_| false)
    }

    /// After a change of policy: keeps the yeses whose requests the new policy would still ask about.
    /// Says which were forgotten.
    pub fn keep(&mut self, would_still_ask: impl Fn(&Scope) -> bool) -> Vec<Grant> {
        self.take_out(|grant| match &grant.covers {
            Covers::Requests(scope) => !would_still_ask(scope),
            Covers::Muted(_) | Covers::CooledDown(_) => false,
        })
    }

    fn take_out(&mut self, ends: impl Fn(&Grant) -> bool) -> Vec<Grant> {
        let (ended, kept) = std::mem::take(&mut self.grants).into_iter().partition(ends);
        self.grants = kept;
        ended
    }

    fn push(&mut self, covers: Covers, seconds: u64, now: Moment) -> u64 {
        self.forget_what_ended(now);
        if self.grants.len() >= MAX_GRANTS {
            let first_to_end = self
                .grants
                .iter()
                .map(|grant| grant.ends.left(now))
                .enumerate();
            if let Some((index, _)) = first_to_end.min_by_key(|(_, left)| *left) {
                self.grants.remove(index);
            }
        }
        self.last_number += 1;
        self.grants.push(Grant {
            number: self.last_number,
            covers,
            given: now,
            ends: Ends::after(now, seconds),
            uses: 0,
        });
        self.last_number
    }

    fn forget_what_ended(&mut self, now: Moment) {
        self.grants.retain(|grant| !grant.ends.is_over(now));
        self.refused_sessions
            .retain(|refused| !refused.ends.is_over(now));
    }
}

#[cfg(test)]
mod tests;
