//! The keys that a caller may know of: those of its keyring that some rule, or the default, could let it
//! use. A key that is not listed cannot sign.

use policy::judgement::Verdict;
use policy::record::{Event, RecordOutcome};
use wire::limits::MAX_IDENTITIES;
use wire::reply::{Identity, Reply};

use super::key_list::{KeyEntry, KeyList};
use super::session::AgentSession;
use crate::keys::concurrency::UpstreamWork;
use crate::keys::upstream::UpstreamError;
use common::agent::ListedKey;
use common::identities::{self, KeyFile};

const NOTHING_TO_SHOW: &str = "the policy lets this caller use none of the keyring's keys here";

/// Answers a request for the keys. A broken policy is a failure: an empty list would look like a keyring without keys.
pub fn list(session: &mut AgentSession<'_>) -> Vec<u8> {
    session.allowed = 0;
    if let Some(broken) = session.policy.broken() {
        let record = session.record(Event::List, RecordOutcome::Refused);
        session.note(record.because(broken.to_owned()));
        return Reply::Failure.rebuild();
    }
    if let Err(error) = read_keys(session) {
        let record = session.record(Event::Upstream, RecordOutcome::Failed);
        session.note(record.because(error.to_string()));
        return Reply::Failure.rebuild();
    }
    let host = session.policy.bound_host(&session.session);
    let keys = || session.keys.iter().flat_map(KeyList::iter);
    let shown = keys().filter(|entry| session.may_see(&entry.facts, host.as_ref()).is_ok());
    // Servers take few keys of a login: those come first that a rule allows for this host.
    let (allowed, others): (Vec<&KeyEntry>, Vec<&KeyEntry>) = shown.partition(|entry| {
        let mildest = || session.mildest(&entry.facts, host.as_ref(), Verdict::Allow);
        host.is_some() && mildest() == Verdict::Allow
    });
    let allowed_count = u32::try_from(allowed.len()).unwrap_or(u32::MAX);
    let shown = [allowed, others].concat();
    let identities = shown
        .iter()
        .map(|entry| Identity {
            key: &entry.key.blob,
            comment: match session.policy.label_of(&entry.facts.fingerprint) {
                Some(label) => label.as_bytes(),
                None => &entry.key.comment,
            },
        })
        .collect();
    let mut record = session.record(Event::List, RecordOutcome::Ok);
    record.listed = u64::try_from(shown.len()).ok();
    // With no key to try, ssh asks for no signature: this record is the only trace of a refusal.
    let none = (shown.is_empty() && keys().next().is_some()).then_some(NOTHING_TO_SHOW);
    record.reason = none.map(str::to_owned);
    if let Some(bound) = &host {
        record = record.host(&bound.host);
    }
    if !session.signer.recorder.write(record) {
        return Reply::Failure.rebuild();
    }
    let reply = Reply::Identities(identities).rebuild();
    session.allowed = allowed_count;
    reply
}

/// Asks the upstream for its keys and keeps those of this keyring, with the folder's.
pub fn read_keys(session: &mut AgentSession<'_>) -> Result<(), UpstreamError> {
    let (Some(upstream), Some(place)) = (&mut session.upstream, &session.place) else {
        return Err(UpstreamError::NoKeyring);
    };
    let _turn = session
        .signer
        .keys
        .concurrency
        .wait(&session.client.caller, UpstreamWork::List);
    let known = &session.signer.keys.known;
    let (listed, is_away) = match upstream.list() {
        Ok(listed) if !listed.is_empty() => {
            known.note(place, &listed);
            (listed, false)
        }
        Err(error) if !error.is_locked() => return Err(error),
        Ok(none) if upstream.hides_keys() => (none, false),
        listed => match known.of(place) {
            none if none.is_empty() => (listed?, false),
            known => (known, true),
        },
    };
    let mut keys: Vec<(ListedKey, Option<KeyFile>)> =
        listed.into_iter().map(|key| (key, None)).collect();
    for file in place
        .folder
        .iter()
        .flat_map(|folder| identities::locked_keys(folder))
    {
        if keys.len() < MAX_IDENTITIES && !keys.iter().any(|(key, _)| key.blob == file.blob) {
            let key = ListedKey {
                blob: file.blob.clone(),
                comment: file.comment.clone(),
            };
            keys.push((key, Some(file)));
        }
    }
    let entries = keys.into_iter().map(|(key, locked)| KeyEntry {
        facts: key.facts(&session.signer.crypto),
        key,
        is_away: is_away && locked.is_none(),
        locked,
    });
    let ours = |entry: &KeyEntry| {
        place
            .config
            .holds(&entry.facts.fingerprint.0, &entry.key.comment)
    };
    session.keys = Some(KeyList::new(entries.filter(ours).collect()));
    Ok(())
}
