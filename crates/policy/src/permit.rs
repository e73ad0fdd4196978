//! The way of one request to the upstream: gathered → judged → (asked about) → permitted.
//!
//! Every step consumes the one before, and each value can be made only here:
//!
//! * [`Judged`], by [`Judged::by`]: a gathered request with the policy's word on it;
//! * [`Inquiry`], by [`Judged::inquiry`]: a request that the policy wants asked about;
//! * [`Permit`]: the leave to sign, which owns the request; by [`Judged::permit`], or by [`crate::queue`], which holds the
//!   inquiry until the person has answered it.
//!
//! Questions, passphrases and queues take time, and the policy or the known hosts may change meanwhile. So
//! [`Permit::recheck`] comes last, right before the request goes to the upstream. The guard's loop is:
//!
//! ```
//! use policy::crypto::Crypto;
//! use policy::facts::{HostIdentity, Moment};
//! use policy::gather::Gathered;
//! use policy::judgement::Verdict;
//! use policy::permit::{Inquiry, Judged, Permit};
//! use policy::rate::RateCounter;
//! use policy::rules::Policy;
//!
//! fn permitted(
//!     gathered: Gathered,
//!     in_force: impl Fn() -> Policy,
//!     identify: &dyn Fn(&[u8]) -> HostIdentity,
//!     now: impl Fn() -> Moment,
//!     ask: impl Fn(Inquiry) -> Option<Permit>,
//!     crypto: &dyn Crypto,
//! ) -> Option<Permit> {
//!     let mut judged = Judged::by(&in_force(), gathered, &now(), &RateCounter::default());
//!     loop {
//!         let permit = match judged.judgement().verdict() {
//!             Verdict::Deny => return None,
//!             Verdict::Allow => judged.permit().ok()?,
//!             Verdict::Ask => ask(judged.inquiry(Vec::new(), &now(), crypto).ok()?)?,
//!         };
//!         // Here the key is unlocked and the request waits for its turn.
//!         match permit.recheck(&in_force(), identify, &now()) {
//!             Ok(permit) => return Some(permit),
//!             Err(changed) => judged = changed, // the policy's word now is another
//!         }
//!     }
//! }
//! ```

use std::sync::Arc;

use crate::crypto::Crypto;
use crate::denied_by::DeniedBy;
use crate::facts::{Facts, HostIdentity, Moment};
use crate::gather::{Gathered, RequestRefusal};
use crate::judgement::{Judgement, Remember, Verdict};
use crate::qube_color::QubeColor;
use crate::question::{History, Subject};
use crate::rate::RateCounter;
use crate::remembered::RememberedAnswers;
use crate::rules::Policy;
use crate::scope::Scope;
use crate::sign_request::OwnedSignRequest;

/// A request and what the policy said of it, to be read: for the record, the question and notifications.
#[derive(Debug, PartialEq, Eq)]
pub struct Case {
    pub gathered: Gathered,
    pub judgement: Judgement,
    color: Option<QubeColor>,
}

impl Case {
    /// What rules looked at.
    pub fn facts(&self) -> &Facts {
        self.gathered.facts()
    }
}

/// A request that was judged. It becomes a permit, an inquiry, or nothing.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    case: Arc<Case>,
}

impl Judged {
    /// Judges a request by the policy in force; see [`Policy::judge`].
    pub fn by(policy: &Policy, gathered: Gathered, moment: &Moment, rates: &RateCounter) -> Self {
        let judgement = policy.judge(gathered.facts(), moment, rates);
        let color = policy.color_of(&gathered.facts().caller);
        Self::new(gathered, judgement, color)
    }

    /// Denies a request without asking a policy.
    pub fn denied(gathered: Gathered, reason: impl Into<String>) -> Self {
        Self::new(gathered, Judgement::denial(reason), None)
    }

    /// The same request, denied because its key is not one that its caller may see; the rule stays named.
    pub fn hidden(self, why: &RequestRefusal) -> Self {
        let judgement = self.judgement();
        let reason = match (why, judgement.rule()) {
            (RequestRefusal::KeyNotListed, None) => format!("{why}: {}", judgement.reason()),
            _ => why.to_string(),
        };
        let judgement = judgement.to_denial(reason);
        Self::new(self.case.gathered.clone(), judgement, self.case.color)
    }

    fn new(gathered: Gathered, judgement: Judgement, color: Option<QubeColor>) -> Self {
        Self {
            case: Arc::new(Case {
                gathered,
                judgement,
                color,
            }),
        }
    }

    /// The request and its judgement, which may outlive this value.
    pub fn case(&self) -> &Arc<Case> {
        &self.case
    }

    /// The policy's word.
    pub fn judgement(&self) -> &Judgement {
        &self.case.judgement
    }

    /// A permit by the policy alone.
    ///
    /// # Errors
    /// The judgement does not allow; nothing has changed.
    pub fn permit(self) -> Result<Permit, Self> {
        match self.judgement().verdict() {
            Verdict::Allow => Ok(Permit {
                case: self.case,
                basis: Basis::Policy,
            }),
            Verdict::Ask | Verdict::Deny => Err(self),
        }
    }

    /// What the person is to be asked, `now`. `via` are the hosts that the request was forwarded through,
    /// nearest first.
    ///
    /// # Errors
    /// The judgement does not ask; nothing has changed.
    pub fn inquiry(
        self,
        via: Vec<HostIdentity>,
        now: &Moment,
        crypto: &dyn Crypto,
    ) -> Result<Inquiry, Self> {
        if self.judgement().verdict() != Verdict::Ask {
            return Err(self);
        }
        let case = &*self.case;
        let (gathered, judgement) = (&case.gathered, &case.judgement);
        let subject = Subject::of(gathered, judgement, case.color, via, now, crypto);
        Ok(Inquiry {
            case: self.case,
            subject,
        })
    }
}

/// A request that the policy wants asked about, on its way to the person.
#[must_use]
#[derive(Debug)]
pub struct Inquiry {
    case: Arc<Case>,
    subject: Subject,
}

impl Inquiry {
    /// What the question will be about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Adds what the log knows of earlier requests like this one, and the rule that would allow such requests from now
    /// on, in the policy's words, to be offered.
    pub fn with(mut self, history: History, rule: Option<String>) -> Self {
        self.subject.history = Some(history);
        self.subject.always = rule;
        self
    }

    /// The person allowed this very request, now or by an approval. Only [`crate::queue`] says so.
    pub(crate) fn permit(self, basis: Basis) -> Permit {
        Permit {
            case: self.case,
            basis,
        }
    }
}

/// What a permit stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    Policy,
    /// The person's answer to the question that this request asked.
    Answer {
        /// The name that the person gave the host for known hosts to have.
        named: Option<String>,
    },
    /// An earlier answer, for all requests of one scope.
    Approval,
}

/// Leave to sign one exact request, which it owns. Sending the request consumes it.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    case: Arc<Case>,
    basis: Basis,
}

impl Permit {
    /// The request and the judgement that it was permitted under.
    pub fn case(&self) -> &Arc<Case> {
        &self.case
    }

    /// Whether it stands on an approval: an earlier answer for all requests of one scope.
    pub fn is_remembered(&self) -> bool {
        self.basis == Basis::Approval
    }

    /// The key, the data and the flags that may be signed.
    pub fn request(&self) -> &OwnedSignRequest {
        self.case.gathered.request()
    }

    /// Holds the permit against the answers that are remembered now: an approval that was taken back, and a qube that
    /// was muted since, end what the person allowed. A permit by the policy alone needs nobody's answer.
    ///
    /// # Errors
    /// Which answer it was.
    pub fn check_answers(
        &self,
        remembered: &mut RememberedAnswers,
        now: Moment,
    ) -> Result<(), DeniedBy> {
        let facts = self.case.facts();
        match &self.basis {
            Basis::Policy => Ok(()),
            _ if remembered.is_muted(&facts.caller, now) => Err(DeniedBy::Muted),
            Basis::Approval if remembered.approval(facts, now).is_none() => Err(DeniedBy::Revoked),
            Basis::Answer { .. } | Basis::Approval => Ok(()),
        }
    }

    /// Spends the permit: the message for the upstream.
    pub fn into_message(self) -> Vec<u8> {
        self.request().message()
    }

    /// Holds the permit against the policy and the known hosts in force now; `identify` names a host key by
    /// the latter. The request was counted against rates when it was judged first, so no rate is used up here.
    ///
    /// The permit stands if the policy now
    /// * allows the request; or
    /// * asks, and the person allowed it in answer to a question that called the host as it is called now; or
    /// * asks, and an approval covers it that this judgement would honour for as long: the same scope, the same
    ///   longest time.
    ///
    /// # Errors
    /// The request as it is judged now: denied, or to be asked about.
    pub fn recheck(
        self,
        policy: &Policy,
        identify: &dyn Fn(&[u8]) -> HostIdentity,
        moment: &Moment,
    ) -> Result<Self, Judged> {
        let gathered = self.case.gathered.named_by(identify);
        let now = Judged::by(policy, gathered, moment, &RateCounter::default());
        let (facts, judgement) = (now.case.facts(), now.judgement());
        let stands = match (judgement.verdict(), &self.basis) {
            (Verdict::Deny, _) | (Verdict::Ask, Basis::Policy) => false,
            (Verdict::Allow, _) => true,
            (Verdict::Ask, Basis::Answer { named }) => {
                is_what_was_shown(self.case.facts(), facts, named.as_deref())
            }
            (Verdict::Ask, Basis::Approval) => {
                let remember = judgement.remember();
                let is_honoured = remember != Remember::Never;
                let same_scope = Scope::of(facts) == Scope::of(self.case.facts());
                is_honoured && remember == self.case.judgement.remember() && same_scope
            }
        };
        if stands { Ok(self) } else { Err(now) }
    }
}

/// Whether a person who was shown a request of the facts `before` has seen what it is `now`. Only the host is
/// named anew. It may have got further names since, or the name that came with the answer.
fn is_what_was_shown(before: &Facts, now: &Facts, named: Option<&str>) -> bool {
    let (Some(before), Some(now)) = (&before.host, &now.host) else {
        return before.host == now.host;
    };
    let is_named_so = before.names.is_empty() && named.is_some_and(|name| now.names == [name]);
    let keeps_names = before.names.is_empty() == now.names.is_empty()
        && before.names.iter().all(|name| now.names.contains(name));
    before.fingerprint == now.fingerprint && before.ca == now.ca && (is_named_so || keeps_names)
}

#[cfg(test)]
impl Inquiry {
    /// For tests of what comes after judging.
    pub(crate) fn in_tests(subject: Subject) -> Self {
        let data = subject.details.session_id().unwrap_or_default();
        let gathered = Gathered::in_tests(data, subject.facts.clone(), subject.host_key.clone());
        let judgement =
            Judgement::asks_in_tests(subject.rule.clone(), &subject.reason, subject.remember);
        Self {
            case: Judged::new(gathered, judgement, None).case,
            subject,
        }
    }
}

#[cfg(test)]
mod tests;
