//! A sign request, from its bytes to the agent's reply: the heart of the program.
//!
//! Every step either hands on or refuses. The only way to the upstream is a [`Permit`], which is held against what is
//! in force in the moment before it is spent.

use std::sync::Arc;
use std::time::Instant;

use policy::facts::{Facts, HostIdentity, Moment};
use policy::gather::{self, Gathered, RequestContext};
use policy::judgement::Verdict;
use policy::permit::{Case, Judged, Permit};
use policy::record::{DecidedBy, Event, RecordOutcome};
use policy::sign_request::ClassifiedRequest;
use wire::carry::Note;
use wire::request::SignRequest;

use super::content::SentContent;
use super::key_list::{KeyEntry, KeyList};
use super::listing;
use super::outcome::{SignOutcome, SignRefusal, SignTrace};
use super::session::AgentSession;
use super::unlock::{unlock, wait_for_agent};
use crate::ask::prompt::Notice;
use crate::ask::questions::Settled;
use crate::keys::concurrency::UpstreamWork;
use crate::keys::upstream::UpstreamError;
use crate::policy_files::CACHE_TIME;
use common::clock;
use common::sync::lock;
use common::wait;

/// How often a request is judged whose policy or known hosts change while it waits.
const MAX_JUDGEMENTS: usize = 4;

/// What comes of a sign request. Nothing is recorded or answered here.
pub fn sign<'r>(session: &mut AgentSession<'_>, untrusted: &SignRequest<'r>) -> SignOutcome<'r> {
    let mut trace = SignTrace::of(untrusted, &session.signer.crypto);
    let result = steps(session, untrusted, &mut trace);
    SignOutcome { trace, result }
}

fn steps<'r>(
    session: &mut AgentSession<'_>,
    untrusted: &SignRequest<'r>,
    trace: &mut SignTrace<'r>,
) -> Result<Vec<u8>, SignRefusal> {
    // Whatever comes of this request, the content was sent for it.
    let SentContent {
        pending: content,
        counted: _counted,
        ..
    } = std::mem::take(&mut session.content);
    let request = ClassifiedRequest::of(*untrusted).map_err(gather::RequestRefusal::from)?;
    let request = trace.classified.insert(request).clone();
    session.check_binds()?;
    let key = find_key(session, untrusted)?;
    let context = RequestContext {
        caller: &session.client.caller,
        keyring: &session.client.keyring,
        key: &key.facts,
        request: &request,
        session: &session.session,
    };
    let gathered = gather::gather(&context, content, &|host_key| {
        session.policy.identify(host_key)
    })?;
    let label = session.policy.label_of(&key.facts.fingerprint);
    trace.label = label.map(str::to_owned);

    let mut judged_at = (Instant::now(), clock::now());
    let mut judged = judge(session, &key, &request, gathered, &judged_at.1, trace)?;
    for _ in 0..MAX_JUDGEMENTS {
        let case = Arc::clone(judged.case());
        trace.case = Some((Arc::clone(&case), judged_at.1));
        let permit = match judged.judgement().verdict() {
            Verdict::Deny => return Err(SignRefusal::Policy),
            Verdict::Allow => judged.permit().map_err(|_| SignRefusal::Policy)?,
            Verdict::Ask => ask(session, judged, trace)?,
        };
        make_ready(session, &key, trace.waited.is_some())?;
        tell_of_touch(session, case.facts());
        let turn = session
            .signer
            .keys
            .concurrency
            .wait(&session.client.caller, UpstreamWork::Sign);
        match still_holds(session, permit, &mut judged_at)? {
            Ok(permit) => {
                let reply = spend(session, permit, trace)?;
                drop(turn);
                let login = request.login_with(&key.facts.fingerprint);
                session.session.count(login);
                let past = &session.signer.recorder.past;
                lock(past).authors.add(case.facts());
                tell_of_use(session, &case, trace.decided_by);
                return Ok(reply);
            }
            Err(changed) => {
                // What the person said was of a policy that holds no more.
                trace.decided_by = None;
                judged = changed;
            }
        }
    }
    Err(SignRefusal::PolicyKeepsChanging)
}

/// The key, if the keyring has it, shown to this caller or not.
fn find_key(
    session: &mut AgentSession<'_>,
    untrusted: &SignRequest<'_>,
) -> Result<KeyEntry, SignRefusal> {
    if session.listed(untrusted.key).is_none() {
        // Never listed on this connection, or a key that has come since.
        listing::read_keys(session)?;
    }
    let key = session.listed(untrusted.key).cloned();
    key.ok_or_else(|| gather::RequestRefusal::KeyNotListed.into())
}

/// The policy's word, if the caller may know of the key and its connection has room for a signature more.
fn judge(
    session: &mut AgentSession<'_>,
    key: &KeyEntry,
    request: &ClassifiedRequest<'_>,
    gathered: Gathered,
    now: &Moment,
    trace: &mut SignTrace<'_>,
) -> Result<Judged, SignRefusal> {
    let mut trace_case = |judged: &Judged| trace.case = Some((Arc::clone(judged.case()), *now));
    if let Err(hidden) = session.may_sign_with(&key.facts) {
        trace_case(&session.policy.judge_hidden(gathered, now, &hidden));
        return Err(SignRefusal::Policy);
    }
    let login = request.login_with(&key.facts.fingerprint);
    let (judged, has_room) = session.policy.judge_and_count(gathered, now, |judgement| {
        session.session.has_room(judgement.signatures(), login)
    });
    if !has_room {
        trace_case(&judged);
        return Err(SignRefusal::SignatureLimit(judged.judgement().signatures()));
    }
    Ok(judged)
}

/// Brings the key into its agent, or waits until the owner has: it may be locked, or have been since it was listed.
fn make_ready(
    session: &mut AgentSession<'_>,
    key: &KeyEntry,
    has_asked: bool,
) -> Result<(), SignRefusal> {
    if let Some(file) = &key.locked {
        unlock(session, file, &key.facts)?;
    }
    if has_asked || session.keys.as_ref().is_none_or(KeyList::is_old) {
        // What cannot be listed now is told by whoever signs.
        let _ = listing::read_keys(session);
    }
    let listed = session.listed(&key.key.blob);
    if listed.is_some_and(|key| key.is_away) {
        wait_for_agent(session, key)?;
    }
    Ok(())
}

/// Asks the person, unless an earlier answer holds; waits as long as the client does.
fn ask(
    session: &AgentSession<'_>,
    judged: Judged,
    trace: &mut SignTrace<'_>,
) -> Result<Permit, SignRefusal> {
    let signer = session.signer;
    let inquiry = judged
        .inquiry(forwarded_through(session), &clock::now(), &signer.crypto)
        .map_err(|_| SignRefusal::Policy)?;
    let began = Instant::now();
    let inquiry = signer.asker.prepare(inquiry);
    let settled = signer
        .asker
        .questions
        .ask(inquiry, &session.stream, || session.tell(Note::Asking));
    trace.waited = Some(began.elapsed());
    match settled {
        Settled::Allowed { permit, by } => {
            trace.decided_by = Some(by);
            Ok(permit)
        }
        Settled::Denied { why, by } => Err(SignRefusal::Person(why, by)),
        Settled::ClientHungUp => Err(SignRefusal::ClientHungUp),
        Settled::NoDescriptors => Err(SignRefusal::NoDescriptors),
    }
}

/// The hosts of the forwarding binds, nearest first.
fn forwarded_through(session: &AgentSession<'_>) -> Vec<HostIdentity> {
    let binds = session.session.binds().iter().rev();
    binds
        .filter(|bind| bind.forwarding)
        .map(|bind| session.policy.identify(&bind.host_key))
        .collect()
}

/// The last look before the request leaves: the policy, the known hosts, the hour and the person's answers may have
/// changed since `judged_at`, while the request waited for the person, a passphrase or its turn.
///
/// # Errors
/// Within: the request as it is judged now. Without: an answer that was taken back.
fn still_holds(
    session: &mut AgentSession<'_>,
    permit: Permit,
    judged_at: &mut (Instant, Moment),
) -> Result<Result<Permit, Judged>, SignRefusal> {
    let now = (Instant::now(), clock::now());
    let questions = &session.signer.asker.questions;
    if let Err(why) = questions.check_answers(&permit, now.1) {
        return Err(SignRefusal::Person(why, DecidedBy::Remembered));
    }
    if wait::has_hung_up(&session.stream) {
        return Err(SignRefusal::ClientHungUp);
    }
    let policy = match now.0 - judged_at.0 < CACHE_TIME {
        true => session.signer.policy.latest(),
        false => session.signer.policy.snapshot_as_of(now.0),
    };
    let is_same_minute = now.1.local_minute == judged_at.1.local_minute;
    if Arc::ptr_eq(&policy, &session.policy) && is_same_minute {
        return Ok(Ok(permit));
    }
    session.policy = policy;
    *judged_at = now;
    Ok(session.policy.recheck(permit, &now.1))
}

/// Tells the person of a signature that nobody was asked about, where the rule or an approval says to.
fn tell_of_use(session: &AgentSession<'_>, case: &Case, decided_by: Option<DecidedBy>) {
    let asker = &session.signer.asker;
    let facts = case.facts();
    if decided_by == Some(DecidedBy::Remembered) {
        let now = clock::now();
        let approval = asker
            .questions
            .with(|queue| queue.remembered.approval(facts, now));
        if let Some(number) = approval {
            asker.notifier.tell(Notice::approved(facts, number));
        }
    } else if case.judgement.notify() {
        asker.notifier.tell(Notice::used(facts));
    }
}

/// A security key blinks, but does not say for whom.
fn tell_of_touch(session: &AgentSession<'_>, facts: &Facts) {
    if facts.key.algorithm.starts_with("sk-") {
        session.signer.asker.notifier.tell(Notice::touch(facts));
    }
}

fn spend(
    session: &mut AgentSession<'_>,
    permit: Permit,
    trace: &mut SignTrace<'_>,
) -> Result<Vec<u8>, SignRefusal> {
    let base = session.record(Event::Sign, RecordOutcome::Refused);
    let upstream = session.upstream.as_mut().ok_or(UpstreamError::NoKeyring)?;
    let began = Instant::now();
    let reply = upstream.sign(permit, || trace.prepare(base));
    trace.signed = Some(began.elapsed());
    Ok(reply?)
}
