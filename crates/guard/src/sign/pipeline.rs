//! A sign request: intent → facts → judgement → (question → answer) → permit → upstream → record → reply.
//! The one place where a permit is spent.

use std::sync::Arc;
use std::time::Instant;

use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, KeyFacts, Moment};
use policy::gather::{Asked, Gathered, Refusal, gather};
use policy::intent::Intent;
use policy::judgement::{Judgement, Verdict};
use policy::permit::Permit;
use policy::question::{self, Details};
use policy::record::{Escaped, Event, Outcome, Record};
use wire::key::PublicKey;
use wire::request::{Request, SignRequest};
use wire::userauth::UserauthRequest;

use super::listing::{Entry, Listing};
use crate::ask::prompt::Notice;
use crate::ask::questions::Settled;
use crate::intake::connection::{Connection, failure};
use crate::keys::upstream::UpstreamError;
use crate::timestamp;
use common::agent::plain_fingerprint;
use common::clock;
use common::log::line::sha256_hex;

impl Connection<'_> {
    /// Answers a sign request, with a record before the reply.
    pub(crate) fn sign(&mut self, untrusted: &SignRequest<'_>) -> Vec<u8> {
        let mut record = self.record(Event::Sign, Outcome::Refused);
        record.request_sha256 = Some(sha256_hex(&Request::Sign(*untrusted).rebuild()));
        let signed = self.judge_and_sign(untrusted, &mut record);
        match &signed {
            Ok(_) => record.outcome = Outcome::Ok,
            Err(refused) => {
                record.event = refused.event;
                record.outcome = refused.outcome;
                record.reason.get_or_insert_with(|| refused.reason.clone());
                if refused.overrides {
                    record.reason = Some(refused.reason.clone());
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
        let intent = Intent::classify(untrusted.data, untrusted.key).map_err(|looks_like| {
            record.looks_like = Some(looks_like);
            Refusal::from(looks_like)
        })?;
        amend(record, |record| record.asked(&intent));
        // No key is listed after a failed bind; the log is to say why.
        if self.session.bind_failed() {
            return Err(Refusal::BindFailed.into());
        }
        let Entry {
            facts: key, locked, ..
        } = self.kept_key(untrusted)?;
        let gathered = self.gather(untrusted, &intent, &key)?;
        let now = clock::now();
        amend(record, |record| record.of(&gathered.facts, &now));
        record.label = self
            .policy
            .label_of(&key.fingerprint)
            .map(|label| Escaped::from_bytes(label.as_bytes()));
        if !self.may_see(&key, self.policy.bound_host(&self.session).as_ref()) {
            let judgement = self.hidden(&gathered.facts, &now);
            amend(record, |record| record.judged(&judgement));
            return Err(Refused::by_policy(&judgement));
        }
        let login = login_of(&intent, &key.fingerprint);
        let judgement = self.judge(&gathered.facts, &now, login)?;
        amend(record, |record| record.judged(&judgement));
        let permit = match judgement.verdict {
            Verdict::Deny => None,
            Verdict::Allow => Permit::by_judgement(&judgement, untrusted),
            Verdict::Ask => self.ask(untrusted, &intent, &gathered, &judgement, record)?,
        };
        let Some(permit) = permit else {
            return Err(Refused::by_policy(&judgement));
        };
        if let Some(file) = locked {
            self.unlock(&file, &key)?;
        }
        self.tell_of_touch(&gathered.facts);
        let reply = self.spend(permit, untrusted, record)?;
        self.session.count(login);
        if judgement.notify {
            self.vault.notifier.tell(Notice::used(&gathered.facts));
        }
        Ok(reply)
    }

    /// A security key blinks, but does not say for whom.
    fn tell_of_touch(&self, facts: &Facts) {
        if facts.key.algorithm.starts_with("sk-") {
            self.vault.notifier.tell(Notice::touch(facts));
        }
    }

    /// The policy's word, which counts against the rule's rate, and whether this connection has room for
    /// one more signature.
    fn judge(
        &self,
        facts: &Facts,
        now: &Moment,
        login: Option<(&UserauthRequest<'_>, &Fingerprint)>,
    ) -> Result<Judgement, Refused> {
        let (judgement, has_room) = self.policy.judge_and_count(facts, now, |judgement| {
            self.session.has_room(judgement.signatures, login)
        });
        if !has_room {
            return Err(Refused::limit("this connection has had its signatures"));
        }
        Ok(judgement)
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
        let reason = match judgement.rule {
            Some(_) => Refusal::KeyNotListed.to_string(),
            None => format!("{}: {}", Refusal::KeyNotListed, judgement.reason),
        };
        Judgement {
            verdict: Verdict::Deny,
            reason,
            ..judgement
        }
    }

    fn gather(
        &self,
        untrusted: &SignRequest<'_>,
        intent: &Intent<'_>,
        key: &KeyFacts,
    ) -> Result<Gathered, Refused> {
        let asked = Asked {
            caller: &self.caller,
            keyring: &self.keyring,
            key,
            sign: untrusted,
            intent,
            session: &self.session,
        };
        Ok(gather(&asked, &|host_key| self.policy.identify(host_key))?)
    }

    /// Asks the person, unless an earlier answer holds; waits as long as the client does.
    fn ask(
        &self,
        untrusted: &SignRequest<'_>,
        intent: &Intent<'_>,
        gathered: &Gathered,
        judgement: &Judgement,
        record: &mut Record,
    ) -> Result<Option<Permit>, Refused> {
        let asked = question::Asked {
            connection: self.number,
            facts: gathered.facts.clone(),
            details: Details::of(intent, untrusted.data, &self.vault.crypto),
            via: self.forwarded_through(),
            host_key: gathered.host_key.clone(),
            unverifiable_bind: gathered.unverifiable_bind,
            rule: judgement.rule.clone(),
            reason: judgement.reason.clone(),
            remember: judgement.remember,
        };
        let began = Instant::now();
        let settled = self.vault.questions.ask(asked, self.stream.socket());
        record.wait_ms = u64::try_from(began.elapsed().as_millis()).ok();
        match settled {
            Settled::Yes { yes, by } => {
                record.decided_by = Some(by);
                self.still_asks(gathered)?;
                Ok(Permit::by_answer(judgement, yes, untrusted))
            }
            Settled::No { by, reason } => {
                record.decided_by = Some(by);
                Err(Refused {
                    event: Event::Sign,
                    outcome: Outcome::Refused,
                    reason,
                    overrides: true,
                })
            }
            Settled::NoAnswer { reason } => {
                record.decided_by = None;
                Err(Refused {
                    event: Event::NoAnswer,
                    outcome: Outcome::Refused,
                    reason,
                    overrides: true,
                })
            }
            Settled::TooMany { reason } => Err(Refused::limit(&reason)),
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

    /// The policy and the known hosts may have changed while the question waited. It was counted when it came.
    fn still_asks(&self, gathered: &Gathered) -> Result<(), Refused> {
        let policy = self.vault.policy.as_saved_at(Instant::now());
        if Arc::ptr_eq(&policy, &self.policy) {
            return Ok(());
        }
        let facts = Facts {
            host: gathered.host_key.as_ref().map(|key| policy.identify(key)),
            ..gathered.facts.clone()
        };
        let judgement = policy.judge_unrated(&facts, &clock::now());
        match judgement.verdict {
            Verdict::Deny => Err(Refused::by_policy(&judgement)),
            Verdict::Ask | Verdict::Allow => Ok(()),
        }
    }

    /// Spends the permit.
    fn spend(
        &mut self,
        permit: Permit,
        untrusted: &SignRequest<'_>,
        record: &mut Record,
    ) -> Result<Vec<u8>, Refused> {
        let key = PublicKey::parse(untrusted.key)
            .map_err(|_| Refused::limit("a key that cannot be read"))?;
        let upstream = self.upstream.as_mut().ok_or(UpstreamError::NoKeyring)?;
        let _turn = self.vault.turns.wait(&self.caller);
        let began = Instant::now();
        let reply = upstream.sign(permit, &key, untrusted.flags);
        record.sign_ms = u64::try_from(began.elapsed().as_millis()).ok();
        Ok(reply?)
    }
}

fn amend(record: &mut Record, with: impl FnOnce(Record) -> Record) {
    let blank = Record::new(record.event, record.outcome, record.time);
    *record = with(std::mem::replace(record, blank));
}

/// Why a sign request got no signature.
struct Refused {
    event: Event,
    outcome: Outcome,
    reason: String,
    /// Says more than the judgement's own reason.
    overrides: bool,
}

impl Refused {
    fn by_policy(judgement: &Judgement) -> Self {
        Self {
            event: Event::Sign,
            outcome: Outcome::Refused,
            reason: judgement.reason.clone(),
            overrides: false,
        }
    }

    fn limit(reason: &str) -> Self {
        Self {
            event: Event::Limit,
            outcome: Outcome::Refused,
            reason: reason.to_owned(),
            overrides: true,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            event: Event::Sign,
            outcome: Outcome::Refused,
            reason: refusal.to_string(),
            overrides: true,
        }
    }
}

impl From<UpstreamError> for Refused {
    fn from(error: UpstreamError) -> Self {
        Self {
            event: Event::Upstream,
            outcome: Outcome::Failed,
            reason: error.to_string(),
            overrides: true,
        }
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
