use super::*;
use serde_json::{Value, json};

fn question() -> Value {
    json!({"v": 1, "id": "17", "kind": "login", "heading": "work asks to log in to github.com",
        "rows": [{"label": "Log in as", "text": "git", "class": "ascii", "mark": "bound"}],
        "why": "the default", "offers": ["deny", "mute", "once", {"for": 900}, "name"], "seconds": 60})
}

fn with(change: impl FnOnce(&mut Value)) -> Result<Question, BadQuestion> {
    let mut value = question();
    change(&mut value);
    Question::parse(value.to_string().as_bytes())
}

#[test]
fn the_question_is_read() {
    let q = with(|_| ()).unwrap();
    assert_eq!(
        (q.kind, q.seconds, q.counts),
        (
            Kind::Login,
            60,
            Counts {
                waiting: 0,
                same: 1
            }
        )
    );
    assert_eq!(
        q.offers,
        [
            Offer::Deny,
            Offer::Mute,
            Offer::Once,
            Offer::For(900),
            Offer::Name
        ]
    );
    assert_eq!(q.rows[0].mark, Some(Mark::Bound));
}

#[test]
fn what_the_protocol_does_not_name_is_refused() {
    assert!(with(|q| q["v"] = json!(2)).is_err());
    assert!(with(|q| q["extra"] = json!(1)).is_err());
    assert!(with(|q| q["rows"][0]["markup"] = json!(true)).is_err());
    assert!(with(|q| q["rows"][0]["mark"] = json!("verified")).is_err());
    assert!(with(|q| q["rows"][0]["mark"] = json!(null)).is_ok());
    assert!(with(|q| q["kind"] = json!("other")).is_err());
    assert!(with(|q| q["id"] = json!("a b")).is_err());
    assert!(with(|q| q["id"] = json!("")).is_err());
    assert!(with(|q| q["rows"] = json!([])).is_err());
    assert!(with(|q| q["seconds"] = json!(0)).is_err());
    assert!(with(|q| q["seconds"] = json!(601)).is_err());
    assert!(with(|q| q["same"] = json!(0)).is_err());
    assert!(Question::parse(b"{}").is_err());
    assert!(Question::parse(b"\xff").is_err());
}

#[test]
fn offers_are_bounded_and_always_hold_a_deny() {
    for offers in [
        json!(["once"]),
        json!(["deny", "once", "once"]),
        json!(["deny", {"for": 0}]),
        json!(["deny", {"for": 604_801}]),
        json!(["deny", {"for": 1}, {"for": 2}, {"for": 3}, {"for": 4}]),
        json!(["deny", "always"]),
        json!(["deny", "for"]),
    ] {
        assert!(with(|q| q["offers"] = offers.clone()).is_err(), "{offers}");
    }
    let q = with(|q| q["offers"] = json!([{"for": 3600}, "deny", {"for": 60}])).unwrap();
    assert_eq!(q.lengths(), [60, 3600]);
}

#[test]
fn every_text_passes_the_sanitizer() {
    let q = with(|q| {
        for field in ["heading", "warning", "why", "scope"] {
            q[field] = json!("a\u{202e}\u{1b}b");
        }
        for field in ["label", "text", "note"] {
            q["rows"][0][field] = json!("a\u{202e}\u{1b}b");
        }
    })
    .unwrap();
    let row = &q.rows[0];
    let texts = [&q.heading, &q.why, &row.text, &row.label];
    let more = [&q.warning, &q.scope, &row.note];
    for text in texts.into_iter().chain(more.into_iter().flatten()) {
        assert!(
            text.starts_with("a\\u{202e}") && text.is_ascii(),
            "{text:?}"
        );
    }
}

#[test]
fn only_this_question_is_updated() {
    let q = with(|_| ()).unwrap();
    let counts = q
        .parse_update(br#"{"v":1,"id":"17","waiting":5,"same":3}"#)
        .unwrap();
    assert_eq!(
        counts,
        Counts {
            waiting: 5,
            same: 3
        }
    );
    assert!(
        q.parse_update(br#"{"v":1,"id":"18","waiting":5,"same":3}"#)
            .is_err()
    );
    assert!(
        q.parse_update(br#"{"v":1,"id":"17","waiting":5,"same":3,"seconds":9}"#)
            .is_err()
    );
}

#[test]
fn passphrases_and_notifications() {
    let line = br#"{"v":1,"id":"3","rows":[{"label":"Key","text":"k","class":"ascii","mark":null}],"why":"add","seconds":60,"attempt":4}"#;
    assert!(PassphraseQuestion::parse(line).is_err());
    let line = br#"{"v":1,"summary":"a\nb","body":"c\u202e","urgency":"low"}"#;
    let n = Notification::parse(line).unwrap();
    assert_eq!(
        (n.summary.as_str(), n.body.as_str()),
        ("a\\x0ab", "c\\u{202e}")
    );
    assert_eq!((n.urgency, n.replaces), (Urgency::Low, 0));
}
