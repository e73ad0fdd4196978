use super::*;
use policy::facts::Proof;
use serde_json::{Value, json};

fn question() -> Value {
    json!({"v": 1, "id": "17", "kind": "login", "risk": "unusual", "color": "red",
        "heading": [{"name": "work"}, {"words": " wants to log in as "}, {"name": "git"}],
        "proof": "bound", "history": {"last_signed": 7200, "today": 3}, "warnings": ["Look twice."],
        "facts": [{"label": "Host key", "text": "SHA256:x", "class": "name"}],
        "details": [{"label": "Keyring", "text": "work", "class": "name"}],
        "why": "the default", "offers": ["deny", "mute", "once", {"for": 900}], "takes_name": true, "seconds": 60})
}

fn with(change: impl FnOnce(&mut Value)) -> Result<Question, BadQuestion> {
    let mut value = question();
    change(&mut value);
    parse(value.to_string().as_bytes())
}

#[test]
fn the_question_is_read() {
    let q = with(|_| ()).unwrap();
    assert_eq!(
        (q.kind, q.seconds, q.counts()),
        (
            policy::facts::IntentKind::Login,
            60,
            Counts {
                v: q.v,
                id: 17,
                waiting: 0,
                same: 1
            }
        )
    );
    assert_eq!(
        q.offers,
        [
            Decision::DenyOnce,
            Decision::Mute,
            Decision::AllowOnce,
            Decision::AllowFor(900)
        ]
    );
    assert_eq!((q.risk, q.proof), (Risk::Unusual, Some(Proof::Bound)));
    assert_eq!(q.heading[1].text(), " wants to log in as ");
}

#[test]
fn what_the_protocol_does_not_name_is_refused() {
    assert!(with(|q| q["v"] = json!(2)).is_err());
    assert!(with(|q| q["extra"] = json!(1)).is_err());
    assert!(with(|q| q["facts"][0]["markup"] = json!(true)).is_err());
    assert!(with(|q| q["heading"][0] = json!({"markup": "b"})).is_err());
    assert!(with(|q| q["proof"] = json!("verified")).is_err());
    assert!(with(|q| q["proof"] = json!(null)).is_ok());
    assert!(with(|q| q["color"] = json!("pink")).is_err());
    assert!(with(|q| q["color"] = json!(null)).is_ok());
    assert!(with(|q| q["kind"] = json!("other")).is_err());
    assert!(with(|q| q["id"] = json!("a b")).is_err());
    assert!(with(|q| q["id"] = json!("")).is_err());
    assert!(with(|q| q["heading"] = json!([])).is_err());
    assert!(with(|q| q["heading"] = json!([{"words": " "}])).is_err());
    assert!(with(|q| q["warnings"] = json!([""])).is_err());
    assert!(with(|q| q["seconds"] = json!(0)).is_err());
    assert!(with(|q| q["seconds"] = json!(601)).is_err());
    assert!(with(|q| q["same"] = json!(0)).is_err());
    assert!(parse(b"{}").is_err());
    assert!(parse(b"\xff").is_err());
}

#[test]
fn offers_are_bounded_and_always_hold_a_deny() {
    for offers in [
        json!(["once"]),
        json!(["deny", "once", "once"]),
        json!(["deny", {"for": 0}]),
        json!(["deny", {"for": 604_801}]),
        json!(["deny", {"for": 1}, {"for": 2}, {"for": 3}, {"for": 4}, {"for": 5}, {"for": 6}, {"for": 7}]),
        json!(["deny", {"deny-for": 0}]),
        json!(["deny", {"deny-for": 604_801}]),
        json!(["deny", "always"]), // without the rule that it would write
        json!(["deny", "for"]),
    ] {
        assert!(with(|q| q["offers"] = offers.clone()).is_err(), "{offers}");
    }
    let q = with(|q| q["offers"] = json!([{"for": 3600}, "deny", {"for": 60}])).unwrap();
    assert_eq!(q.lengths(), [60, 3600]);
}

#[test]
fn every_text_passes_the_sanitizer() {
    const HOSTILE: &str = "a\u{202e}\u{1b}b";
    let q = with(|q| {
        q["heading"] = json!([{"words": HOSTILE}, {"name": HOSTILE}, {"text": HOSTILE}]);
        q["warnings"] = json!([HOSTILE]);
        for field in ["why", "scope", "limit", "rule"] {
            q[field] = json!(HOSTILE);
        }
        q["offers"] = json!(["deny", "always"]);
        for field in ["label", "text", "note"] {
            q["facts"][0][field] = json!(HOSTILE);
            q["details"][0][field] = json!(HOSTILE);
        }
        q["facts"][0]["class"] = json!("text");
    })
    .unwrap();
    let mut texts: Vec<&str> = q.heading.iter().map(HeadingPart::text).collect();
    texts.extend([q.why.as_str(), &q.warnings[0]]);
    texts.extend([&q.scope, &q.limit, &q.rule].map(|text| text.as_deref().unwrap()));
    for row in q.facts.iter().chain(&q.details) {
        texts.extend([row.label.as_str(), &row.text, row.note.as_deref().unwrap()]);
    }
    assert_eq!(texts.len(), 14);
    for text in texts {
        assert!(
            text.starts_with("a\\u{202e}") && text.is_ascii(),
            "{text:?}"
        );
    }
}

#[test]
fn what_is_not_routine_says_why_and_what_stands_out_is_not_folded_away() {
    assert!(with(|q| q["warnings"] = json!([])).is_err());
    assert!(with(|q| (q["warnings"], q["risk"]) = (json!([]), json!("routine"))).is_ok());
    assert!(with(|q| q["facts"][0]["stands_out"] = json!(true)).is_ok());
    assert!(with(|q| q["details"][0]["stands_out"] = json!(true)).is_err());
}

#[test]
fn only_this_question_is_updated() {
    let q = with(|_| ()).unwrap();
    let counts = parse_counts(&q, br#"{"v":1,"id":"17","waiting":5,"same":3}"#).unwrap();
    assert_eq!(
        counts,
        Counts {
            v: q.v,
            id: 17,
            waiting: 5,
            same: 3
        }
    );
    assert!(parse_counts(&q, br#"{"v":1,"id":"18","waiting":5,"same":3}"#).is_err());
    assert!(parse_counts(&q, br#"{"v":1,"id":"17","waiting":5,"same":3,"seconds":9}"#).is_err());
}

#[test]
fn passphrases_and_notifications() {
    let line = br#"{"v":1,"id":"3","rows":[{"label":"Key","text":"k","class":"name"}],"why":"add","seconds":60,"attempt":4}"#;
    assert!(parse_passphrase(line).is_err());
    let line = br#"{"v":1,"summary":"a\nb","body":"c\u202e","urgency":"low"}"#;
    let n = parse_notification(line).unwrap();
    assert_eq!(
        (n.summary.as_str(), n.body.as_str()),
        ("a\\x0ab", "c\\u{202e}")
    );
    assert_eq!(n.urgency, policy::question::protocol::Urgency::Low);
}
