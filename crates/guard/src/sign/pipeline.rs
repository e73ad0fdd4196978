//! A sign request: intent → facts → judgement → (question → answer) → permit → upstream → record → reply.
//! The one place where a permit is spent.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, KeyFacts, Moment};
use policy::gather::{Gathered, Refusal, RequestContext, gather};
use policy::intent::Intent;
use policy::judgement::{Judgement, Verdict};
use policy::permit::{Judged, Permit};
use policy::queue::DeniedBy;
use policy::record::{DecidedBy, Escaped, Event, Outcome, Record};
use policy::sign_request::ClassifiedRequest;
use wire::request::{Request, SignRequest};
use wire::userauth::UserauthRequest;

use super::listing::{Entry, Listing};
use crate::ask::prompt::Notice;
use crate::ask::questions::Settled;
use crate::intake::connection::{Connection, failure};
use crate::keys::upstream::UpstreamError;
use crate::policy_files::FRESH;
use crate::timestamp;
use common::agent::plain_fingerprint;
use common::clock;
use common::log::line::sha256_hex;

/// How often a request is judged whose policy or known hosts change while it waits.
const MAX_JUDGEMENTS: usize = 4;

impl Connection<'_> {
    /// Answers a sign request, with a record before the reply.
    pub(crate) fn sign(&mut self, untrusted: &SignRequest<'_>) -> Vec<u8> {
        let mut record = self.record(Event::Sign, Outcome::Refused);
        record.request_sha256 = Some(sha256_hex(&Request::Sign(*untrusted).rebuild()));
        let signed = self.judge_and_sign(untrusted, &mut record);
        match &signed {
            Ok(_) => record.outcome = Outcome::Ok,
            Err(refused) => {
                (record.event, record.outcome) = refused.recorded_as();
                // A judgement has left its own reason.
                if !matches!(refused, Refused::Policy) {
                    record.reason = Some(refused.to_string());
                }
            }
        }
        record.time = timestamp();
        // A signature that is not in the log was not given.
        if !self.write(record) {
            return failure();
        }
        signed.unwrap_or_else(|_| failure())
    }

    fn judge_and_sign(
        &mut self,
        untrusted: &SignRequest<'_>,
        record: &mut Record,
    ) -> Result<Vec<u8>, Refused> {
        // Whatever comes of it, the log is to say what was asked.
        let fingerprint = plain_fingerprint(untrusted.key, &self.vault.crypto);
        record.key = Some(fingerprint.to_string());
        let request = ClassifiedRequest::of(*untrusted).map_err(|looks_like| {
            record.looks_like = Some(looks_like);
            Refusal::from(looks_like)
        })?;
        amend(record, |record| record.asked(request.intent()));
        // No key is listed after a failed bind; the log is to say why.
        if self.session.bind_failed() {
            return Err(Refusal::BindFailed.into());
        }
        let Entry {
            facts: key, locked, ..
        } = self.kept_key(untrusted)?;
        let gathered = self.gather(&request, &key)?;
        let now = clock::now();
        amend(record, |record| record.of(gathered.facts(), &now));
        record.label = self
            .policy
            .label_of(&key.fingerprint)
            .map(|label| Escaped::from_bytes(label.as_bytes()));
        if !self.may_see(&key, self.policy.bound_host(&self.session).as_ref()) {
            let denial = self.hidden(gathered.facts(), &now);
            amend(record, |record| record.judged(&denial));
            return Err(Refused::Policy);
        }
        let login = login_of(request.intent(), &key.fingerprint);
        let mut judged_at = (Instant::now(), now);
        let mut judged = self.judge(gathered, &now, login)?;
        for _ in 0..MAX_JUDGEMENTS {
            amend(record, |record| record.judged(judged.judgement()));
            let case = Arc::clone(judged.case());
            let permit = match judged.judgement().verdict() {
                Verdict::Deny => return Err(Refused::Policy),
                Verdict::Allow => judged.permit().map_err(|_| Refused::Policy)?,
                Verdict::Ask => self.ask(judged, record)?,
            };
            if let Some(file) = &locked {
                self.unlock(file, &key)?;
            }
            self.tell_of_touch(case.facts());
            let turn = self.vault.turns.wait(&self.caller);
            match self.still_allowed(permit, &mut judged_at) {
                Ok(permit) => {
                    let reply = self.spend(permit, record)?;
                    drop(turn);
                    self.session.count(login);
                    if case.judgement().notify() {
                        self.vault.notifier.tell(Notice::used(case.facts()));
                    }
                    return Ok(reply);
                }
                Err(again) => judged = again,
            }
        }
        Err(Refused::PolicyKeepsChanging)
    }

    /// The last look before the request leaves: the policy, the known hosts and the hour may have changed since
    /// `judged_at`, while the request waited for the person, a passphrase or its turn.
    fn still_allowed(
        &mut self,
        permit: Permit,
        judged_at: &mut (Instant, Moment),
    ) -> Result<Permit, Judged> {
        let now = (Instant::now(), clock::now());
        let policy = if now.0 - judged_at.0 < FRESH {
            self.vault.policy()
        } else {
            self.vault.policy.as_saved_at(now.0)
        };
        let same_minute = now.1.local_minute == judged_at.1.local_minute;
        if Arc::ptr_eq(&policy, &self.policy) && same_minute {
            return Ok(permit);
        }
        self.policy = policy;
        *judged_at = now;
        self.policy.recheck(permit, &now.1)
    }

    /// A security key blinks, but does not say for whom.
    fn tell_of_touch(&self, facts: &Facts) {
        if facts.key.algorithm.starts_with("sk-") {
            self.vault.notifier.tell(Notice::touch(facts));
        }
    }

    /// Judges the request, counts it against the rule's rate, and holds it against the signatures that this
    /// connection may still be given.
    fn judge(
        &self,
        gathered: Gathered,
        now: &Moment,
        login: Option<(&UserauthRequest<'_>, &Fingerprint)>,
    ) -> Result<Judged, Refused> {
        let has_room = |judgement: &Judgement| self.session.has_room(judgement.signatures(), login);
        let (judged, has_room) = self.policy.judge_and_count(gathered, now, has_room);
        if has_room {
            Ok(judged)
        } else {
            Err(Refused::SignatureLimit(judged.judgement().signatures()))
        }
    }

    /// The key, if the keyring has it, shown to this caller or not.
    fn kept_key(&mut self, untrusted: &SignRequest<'_>) -> Result<Entry, Refused> {
        let find = |listing: &Option<Listing>| listing.as_ref()?.find(untrusted.key).cloned();
        let mut kept = find(&self.listing);
        if kept.is_none() {
            // Never listed on this connection, or a key that has come since.
            self.ask_for_keys()?;
            kept = find(&self.listing);
        }
        kept.ok_or_else(|| Refusal::KeyNotListed.into())
    }

    /// What the policy says of a key that this caller is not shown: no, and by which rule.
    fn hidden(&self, facts: &Facts, now: &Moment) -> Judgement {
        let judgement = self.policy.judge(facts, now);
        let reason = match judgement.rule() {
            Some(_) => Refusal::KeyNotListed.to_string(),
            None => format!("{}: {}", Refusal::KeyNotListed, judgement.reason()),
        };
        judgement.into_denial(reason)
    }

    fn gather(&self, request: &ClassifiedRequest<'_>, key: &KeyFacts) -> Result<Gathered, Refused> {
        let context = RequestContext {
            caller: &self.caller,
            keyring: &self.keyring,
            key,
            request,
            session: &self.session,
        };
        Ok(gather(&context, &|host_key| {
            self.policy.identify(host_key)
        })?)
    }

    /// Asks the person, unless an earlier answer holds; waits as long as the client does.
    fn ask(&self, judged: Judged, record: &mut Record) -> Result<Permit, Refused> {
        let inquiry = judged
            .inquiry(self.forwarded_through(), &self.vault.crypto)
            .map_err(|_| Refused::Policy)?;
        let began = Instant::now();
        let settled = self.vault.questions.ask(inquiry, self.stream.socket());
        record.wait_ms = u64::try_from(began.elapsed().as_millis()).ok();
        match settled {
            Settled::Allowed { yes, by } => {
                record.decided_by = Some(by);
                Ok(yes.permit())
            }
            Settled::Denied { why, by } => {
                record.decided_by = decided_by(&why, by);
                Err(Refused::Person(why))
            }
            Settled::ClientHungUp => {
                record.decided_by = None;
                Err(Refused::ClientHungUp)
            }
            Settled::NoDescriptors => Err(Refused::NoDescriptors),
        }
    }

    /// The hosts of the forwarding binds, nearest first.
    fn forwarded_through(&self) -> Vec<HostIdentity> {
        let forwarding = self
            .session
            .binds()
            .iter()
            .rev()
            .filter(|bind| bind.forwarding);
        forwarding
            .map(|bind| self.policy.identify(&bind.host_key))
            .collect()
    }

    /// Spends the permit.
    fn spend(&mut self, permit: Permit, record: &mut Record) -> Result<Vec<u8>, Refused> {
        let upstream = self.upstream.as_mut().ok_or(UpstreamError::NoKeyring)?;
        let began = Instant::now();
        let reply = upstream.sign(permit);
        record.sign_ms = u64::try_from(began.elapsed().as_millis()).ok();
        Ok(reply?)
    }
}

/// Who denied; nobody, where nobody answered or too many asked.
fn decided_by(why: &DeniedBy, by: DecidedBy) -> Option<DecidedBy> {
    match why {
        DeniedBy::Answer => Some(by),
        DeniedBy::Muted | DeniedBy::CooledDown | DeniedBy::SameLogin => Some(DecidedBy::Remembered),
        DeniedBy::TooMany => Some(DecidedBy::Policy),
        DeniedBy::Nobody
        | DeniedBy::BadAnswer(_)
        | DeniedBy::PrompterFailed(_)
        | DeniedBy::Stopped => None,
    }
}

fn amend(record: &mut Record, with: impl FnOnce(Record) -> Record) {
    let blank = Record::new(record.event, record.outcome, record.time);
    *record = with(std::mem::replace(record, blank));
}

/// Why a sign request got no signature.
enum Refused {
    /// By the judgement that is in the record.
    Policy,
    /// Before the policy was asked.
    Request(Refusal),
    /// The person, an earlier answer, or nobody.
    Person(DeniedBy),
    ClientHungUp,
    NoDescriptors,
    /// This many signatures were given on the connection.
    SignatureLimit(u32),
    PolicyKeepsChanging,
    Upstream(UpstreamError),
}

impl Refused {
    fn recorded_as(&self) -> (Event, Outcome) {
        let event = match self {
            Self::Policy | Self::Request(_) => Event::Sign,
            Self::Person(why) => match why {
                DeniedBy::Answer | DeniedBy::Muted | DeniedBy::CooledDown | DeniedBy::SameLogin => {
                    Event::Sign
                }
                DeniedBy::TooMany => Event::Limit,
                DeniedBy::Nobody
                | DeniedBy::BadAnswer(_)
                | DeniedBy::PrompterFailed(_)
                | DeniedBy::Stopped => Event::NoAnswer,
            },
            Self::ClientHungUp => Event::NoAnswer,
            Self::NoDescriptors | Self::SignatureLimit(_) | Self::PolicyKeepsChanging => {
                Event::Limit
            }
            Self::Upstream(_) => return (Event::Upstream, Outcome::Failed),
        };
        (event, Outcome::Refused)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("the policy denies it"),
            Self::Request(refusal) => write!(f, "{refusal}"),
            Self::Person(why) => write!(f, "{why}"),
            Self::ClientHungUp => f.write_str("the client hung up"),
            Self::NoDescriptors => f.write_str("the vault has no descriptors left"),
            Self::SignatureLimit(limit) => {
                write!(f, "signature limit of this connection reached ({limit})")
            }
            Self::PolicyKeepsChanging => {
                f.write_str("the policy or the known hosts keep changing while the request waits")
            }
            Self::Upstream(error) => write!(f, "{error}"),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Request(refusal)
    }
}

impl From<UpstreamError> for Refused {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

fn login_of<'a>(
    intent: &'a Intent<'_>,
    key: &'a Fingerprint,
) -> Option<(&'a UserauthRequest<'a>, &'a Fingerprint)> {
    match intent {
        Intent::Login(login) => Some((login, key)),
        _ => None,
    }
}
