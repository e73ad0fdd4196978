mod documented;

use super::*;
use crate::judgement::{Place, Remember, RuleRef};

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
            revocation: crate::facts::Revocation::Revoked,
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
        assert_eq!(record.facts(), Some(facts));
        assert_eq!(
            (record.moment().unix, record.moment().local_minute),
            (NOON.unix, NOON.local_minute)
        );
    }
}

#[test]
fn a_record_of_no_sign_request_has_no_facts() {
    let facts = login();
    let list =
        Record::new(Event::List, RecordOutcome::Ok, time()).caller(&facts.caller, &facts.keyring);
    assert_eq!(list.facts(), None);
}

#[test]
fn a_text_that_was_cut_is_not_judged_again() {
    let facts = Facts {
        user: Some(vec![b'u'; MAX_TEXT + 1]),
        ..login()
    };
    assert_eq!(
        Record::new(Event::Sign, RecordOutcome::Refused, time())
            .of(&facts, &NOON)
            .facts(),
        None
    );
}

#[test]
fn a_judgement_leaves_its_rule_and_reason() {
    let rule = RuleRef {
        index: 3,
        name: Some("push".into()),
        place: Place {
            file: "policy.toml".into(),
            line: 12,
        },
    };
    let judgement = Judgement::asks_in_tests(Some(rule), "rule asks", Remember::Never);
    let record = Record::new(Event::Sign, RecordOutcome::Ok, time()).judged(&judgement);
    assert_eq!(record.verdict, Some(Verdict::Ask));
    assert_eq!(record.rule.as_deref(), Some("push"));
    assert_eq!(record.rule_place.as_deref(), Some("policy.toml:12"));
    assert_eq!(record.reason.as_deref(), Some("rule asks"));
    assert_eq!(record.decided_by, Some(DecidedBy::Policy));
}
