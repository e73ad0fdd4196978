//! What rules looked at when a record of the log was made, so that a policy can judge it again.

use common::clock;
use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{ContentFacts, ContentProof, Facts, HostIdentity, KeyFacts, Revocation};
use policy::record::sentence::Sentence;
use policy::record::{Escaped, Event, Record, RecordOutcome, Timestamp};
use policy::rules::Policy;

/// What a rule looked at. `None` where the record is not of a sign request, or holds a text that
/// was too long to be kept whole: such a record cannot be judged again.
pub(super) fn judged_facts(record: &Record) -> Option<Facts> {
    if record.event == Event::Revoked {
        return None; // it tells of an answer, not of a request
    }
    let whole = |text: &Option<Escaped>| match text {
        None => Some(None),
        Some(text) => text.to_bytes().map(Some),
    };
    Some(Facts {
        caller: Caller::parse(record.qube.as_deref()?).ok()?,
        keyring: Keyring::from_argument(record.keyring.as_deref()?).ok()?,
        key: KeyFacts {
            fingerprint: Fingerprint(record.key.clone()?),
            algorithm: record.key_algorithm.clone()?,
            comment: whole(&record.comment)?.unwrap_or_default(),
        },
        kind: record.kind?,
        sha1: record.sha1,
        user: whole(&record.user)?,
        proof: record.proof?,
        host: match &record.host_key {
            None => None,
            Some(fingerprint) => Some(host_identity(record, fingerprint)?),
        },
        namespace: whole(&record.namespace)?,
        content: match record.content {
            Some(ContentProof::Proven) => Some(ContentFacts {
                author: whole(&record.author)?,
                committer: whole(&record.committer)?,
            }),
            Some(ContentProof::Unproven) | None => None,
        },
        forwarded: record.forwarded?,
    })
}

/// A sign request in the words of the log.
pub(super) fn in_words(facts: &Facts, policy: &Policy) -> String {
    let time = Timestamp::from_unix_ms(0);
    let mut record = Record::new(Event::Sign, RecordOutcome::Ok, time).of(facts, &clock::now());
    let label = policy.label(&facts.key.fingerprint);
    record.label = label.map(|label| Escaped::from_bytes(label.as_bytes()));
    Sentence::of(&record).what
}

fn host_identity(record: &Record, fingerprint: &str) -> Option<HostIdentity> {
    let possible_names = record.host_could_be.iter().map(utf8);
    Some(HostIdentity {
        fingerprint: Fingerprint(fingerprint.to_owned()),
        algorithm: record.host_algorithm.clone()?,
        ca: record.host_ca.clone().map(Fingerprint),
        names: record.host.iter().map(utf8).collect::<Option<_>>()?,
        label: match &record.host_label {
            None => None,
            Some(label) => Some(utf8(label)?),
        },
        possible_names: possible_names.collect::<Option<_>>()?,
        revocation: match record.host_revoked {
            true => Revocation::Revoked,
            false => Revocation::None,
        },
    })
}

/// The text, where its bytes are UTF-8.
fn utf8(text: &Escaped) -> Option<String> {
    String::from_utf8(text.to_bytes()?).ok()
}

#[cfg(test)]
mod tests {
    use policy::facts::{IntentKind, Moment, Proof};
    use policy::record::MAX_TEXT;

    use super::*;

    fn login() -> Facts {
        Facts {
            caller: Caller::Qube("work-dev".into()),
            keyring: Keyring::from_argument("work").unwrap(),
            key: KeyFacts {
                fingerprint: Fingerprint("SHA256:key".into()),
                algorithm: "ssh-ed25519".into(),
                comment: b"me\xff\x1b[31m".to_vec(),
            },
            kind: IntentKind::Login,
            sha1: false,
            user: Some(b"*\n\"root\\".to_vec()),
            proof: Proof::Bound,
            host: Some(HostIdentity {
                fingerprint: Fingerprint("SHA256:host".into()),
                algorithm: "ecdsa-sha2-nistp256".into(),
                ca: Some(Fingerprint("SHA256:ca".into())),
                names: vec!["github.com".into(), "b\u{fc}ro".into()],
                label: Some("forge".into()),
                possible_names: Vec::new(),
                revocation: Revocation::Revoked,
            }),
            namespace: None,
            content: None,
            forwarded: true,
        }
    }

    const NOON: Moment = Moment {
        unix: 1_795_289_999,
        local_minute: 720,
        boot: 5,
    };

    fn time() -> Timestamp {
        Timestamp::from_unix_ms(1_795_289_999_123)
    }

    #[test]
    fn facts_come_back_as_they_were_judged() {
        let sshsig = Facts {
            kind: IntentKind::Sshsig,
            user: None,
            proof: Proof::Unproven,
            host: None,
            namespace: Some(b"git\0".to_vec()),
            forwarded: false,
            sha1: true,
            ..login()
        };
        for facts in [login(), sshsig] {
            let record = Record::new(Event::Sign, RecordOutcome::Ok, time()).of(&facts, &NOON);
            assert_eq!(judged_facts(&record), Some(facts));
            assert_eq!(
                (record.moment().unix, record.moment().local_minute),
                (NOON.unix, NOON.local_minute)
            );
        }
    }

    #[test]
    fn a_record_of_no_sign_request_has_no_facts() {
        let facts = login();
        let list = Record::new(Event::List, RecordOutcome::Ok, time())
            .caller(&facts.caller, &facts.keyring);
        assert_eq!(judged_facts(&list), None);
    }

    #[test]
    fn a_text_that_was_cut_is_not_judged_again() {
        let facts = Facts {
            user: Some(vec![b'u'; MAX_TEXT + 1]),
            ..login()
        };
        let record = Record::new(Event::Sign, RecordOutcome::Refused, time()).of(&facts, &NOON);
        assert_eq!(judged_facts(&record), None);
    }
}
