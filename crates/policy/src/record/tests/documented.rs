//! Holds `docs/log.md` against what a record is written as.

use std::collections::BTreeSet;

use super::super::*;

const DOCUMENT: &str = include_str!("../../../../../docs/log.md");

/// A record with a value in every field. A new field breaks this, and is to be documented then.
fn full() -> Record {
    let time = Timestamp::from_unix_ms(1_795_289_999_123);
    let text = || Some("text".to_owned());
    let escaped = || Some(Escaped::from_bytes(b"text"));
    Record {
        v: VERSION,
        time,
        seq: 1,
        boot: "boot".into(),
        event: Event::Sign,
        outcome: RecordOutcome::Ok,
        qube: Some("work".into()),
        keyring: Some("default".into()),
        connection: Some(1),
        request: text(),
        request_sha256: text(),
        bytes: Some(1),
        listed: Some(1),
        key: text(),
        key_algorithm: text(),
        comment: escaped(),
        label: escaped(),
        kind: Some(IntentKind::Login),
        looks_like: Some(LooksLike::Login),
        sha1: true,
        user: escaped(),
        host: escaped().into_iter().collect(),
        host_key: text(),
        host_algorithm: text(),
        host_ca: text(),
        host_label: escaped(),
        host_could_be: escaped().into_iter().collect(),
        host_revoked: true,
        proof: Some(Proof::Bound),
        forwarded: Some(true),
        namespace: escaped(),
        content: Some(crate::facts::ContentProof::Proven),
        author: escaped(),
        committer: escaped(),
        subject: escaped(),
        object: Some("4b825dc642cb".to_owned()),
        local_minute: Some(1),
        verdict: Some(Verdict::Allow),
        rule: text(),
        rule_place: text(),
        reason: text(),
        decided_by: Some(DecidedBy::Policy),
        wait_ms: Some(1),
        sign_ms: Some(1),
        policy: Some("policy".into()),
        count: Some(1),
        since: Some(time),
        previous: String::new(),
    }
}

/// The cells of the table of fields.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let table = DOCUMENT.split("| Field | Meaning |").nth(1).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let row = row.trim_matches(['|', ' ']);
        row.split_once(" | ").expect("two cells")
    })
}

fn quoted(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

/// What the document says that this field may hold.
fn words_of(field: &str) -> BTreeSet<&'static str> {
    let (_, meaning) = rows()
        .find(|(names, _)| *names == format!("`{field}`"))
        .unwrap_or_else(|| panic!("{field} is not documented"));
    quoted(meaning).collect()
}

fn written(record: &Record) -> String {
    serde_json::to_string(record).unwrap()
}

#[test]
fn a_record_is_written_as_json_and_read_back() {
    let time = Timestamp::from_unix_ms(0);
    let empty =
        Record::new(Event::Start, RecordOutcome::Failed, time).because("a \"quoted\"\nline\\");
    assert_eq!(
        written(&empty),
        r#"{"v":1,"time":"1970-01-01T00:00:00.000Z","seq":0,"event":"start","outcome":"failed","reason":"a \"quoted\"\nline\\","previous":""}"#
    );
    let mut odd = full();
    odd.kind = Some(IntentKind::Certificate);
    odd.looks_like = Some(LooksLike::RequestOfAnotherKey);
    odd.forwarded = Some(false);
    odd.proof = Some(Proof::Unproven);
    odd.verdict = Some(Verdict::Ask);
    odd.host.push(Escaped::from_bytes(b"a\\\xff"));
    for record in [empty, full(), odd] {
        let read: Record = serde_json::from_str(&written(&record)).unwrap();
        assert_eq!(read, record);
    }
}

#[test]
fn every_field_is_documented_and_every_documented_field_is_written() {
    let written: serde_json::Value = serde_json::from_str(&written(&full())).unwrap();
    let mut written: BTreeSet<&str> = written
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    written.insert("hash"); // set by the line around the record
    let documented: BTreeSet<&str> = rows().flat_map(|(names, _)| quoted(names)).collect();
    assert_eq!(documented, written);
}

#[test]
fn every_closed_word_is_documented() {
    let events: BTreeSet<&str> = Event::ALL.iter().map(|event| event.word()).collect();
    let mut documented = words_of("event");
    assert!(documented.remove("grant"), "the old word for `revoked`");
    assert_eq!(documented, events);
    let outcomes = RecordOutcome::ALL
        .iter()
        .map(|outcome| outcome.word())
        .collect();
    assert_eq!(words_of("outcome"), outcomes);
    let deciders = DecidedBy::ALL.iter().map(|by| by.word()).collect();
    assert_eq!(words_of("decided_by"), deciders);
}

#[test]
fn words_are_written_as_they_are_read() {
    let written = |value: serde_json::Value| value.as_str().unwrap().to_owned();
    for event in Event::ALL {
        assert_eq!(written(serde_json::to_value(event).unwrap()), event.word());
    }
    for outcome in RecordOutcome::ALL {
        let word = written(serde_json::to_value(outcome).unwrap());
        assert_eq!(word, outcome.word());
    }
    for by in DecidedBy::ALL {
        assert_eq!(written(serde_json::to_value(by).unwrap()), by.word());
    }
    let old: Event = serde_json::from_str("\"grant\"").unwrap();
    assert_eq!(old, Event::Revoked);
}
