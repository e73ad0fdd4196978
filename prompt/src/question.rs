//! What the vault may ask, as `docs/prompt-protocol.md` says. Every line is untrusted until it
//! has been through here: the vault's own parser stands between, but a wrong question must not
//! become a wrong window.

use std::fmt;

use policy::display;
pub use policy::question::{Class, Mark, Offer, Row};
use serde::Deserialize;

pub const MAX_ID: usize = 64;
/// A window that fits on a small screen.
pub const MAX_ROWS: usize = 24;
pub const MAX_LABEL: usize = 24;
pub const MAX_TEXT: usize = 4096;
/// Plain buttons side by side; menus are windows of their own in Qubes.
pub const MAX_FOR: usize = 3;
pub const MAX_FOR_SECONDS: u64 = 7 * 24 * 3600;
pub const MAX_SECONDS: u64 = 600;
pub const MUTE_SECONDS: u64 = 300;
pub const MAX_ATTEMPT: u8 = 3;

const MAX_HEADING: usize = 120;
const MAX_NOTE: usize = 120;
const MAX_WARNING: usize = 400;
const MAX_WHY: usize = 240;
const MAX_SUMMARY: usize = 120;
const MAX_BODY: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Login,
    Sshsig,
    Certificate,
    Sudo,
    Raw,
}

/// One question. All its texts have been through the display door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub id: String,
    pub kind: Kind,
    pub heading: String,
    pub warning: Option<String>,
    pub rows: Vec<Row>,
    pub why: String,
    pub scope: Option<String>,
    pub offers: Vec<Offer>,
    pub seconds: u64,
    pub counts: Counts,
}

/// What may change while the question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Questions behind this one.
    pub waiting: u32,
    /// Requests that the answer will serve.
    pub same: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassphraseQuestion {
    pub id: String,
    pub rows: Vec<Row>,
    pub why: String,
    pub attempt: u8,
    pub seconds: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub summary: String,
    pub body: String,
    pub urgency: Urgency,
    pub replaces: u32,
    pub seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    Low,
    #[default]
    Normal,
    Critical,
}

/// Why a line was not accepted.
#[derive(Debug)]
pub enum BadQuestion {
    Json(serde_json::Error),
    Field {
        name: &'static str,
        rule: &'static str,
    },
}

impl fmt::Display for BadQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(
                f,
                "the question is not as docs/prompt-protocol.md says: {error}"
            ),
            Self::Field { name, rule } => write!(f, "bad `{name}` in the question: {rule}"),
        }
    }
}

impl std::error::Error for BadQuestion {}

impl From<serde_json::Error> for BadQuestion {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

fn demand(holds: bool, name: &'static str, rule: &'static str) -> Result<(), BadQuestion> {
    if holds {
        Ok(())
    } else {
        Err(BadQuestion::Field { name, rule })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedQuestion {
    v: u32,
    id: String,
    kind: Kind,
    heading: String,
    warning: Option<String>,
    rows: Vec<Row>,
    why: String,
    scope: Option<String>,
    offers: Vec<Offer>,
    seconds: u64,
    waiting: Option<u32>,
    same: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedUpdate {
    v: u32,
    id: String,
    waiting: u32,
    same: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedPassphraseQuestion {
    v: u32,
    id: String,
    rows: Vec<Row>,
    why: String,
    attempt: Option<u8>,
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedNotification {
    v: u32,
    summary: String,
    body: String,
    urgency: Option<Urgency>,
    replaces: Option<u32>,
    seconds: Option<u64>,
}

impl Question {
    /// # Errors
    /// Anything that the protocol does not name, or a value out of its bounds.
    pub fn parse(untrusted_line: &[u8]) -> Result<Self, BadQuestion> {
        let untrusted: UntrustedQuestion = serde_json::from_slice(untrusted_line)?;
        let counts = Counts {
            waiting: untrusted.waiting.unwrap_or(0),
            same: untrusted.same.unwrap_or(1),
        };
        check_offers(&untrusted.offers)?;
        demand(counts.same >= 1, "same", "at least 1")?;
        demand(
            !untrusted.heading.trim().is_empty(),
            "heading",
            "some text is expected",
        )?;
        Ok(Self {
            id: checked_id(untrusted.v, untrusted.id)?,
            kind: untrusted.kind,
            heading: display::ascii(untrusted.heading.as_bytes(), MAX_HEADING),
            warning: untrusted
                .warning
                .map(|text| display::prose(text.as_bytes(), MAX_WARNING)),
            rows: checked_rows(untrusted.rows)?,
            why: display::prose(untrusted.why.as_bytes(), MAX_WHY),
            scope: untrusted
                .scope
                .map(|text| display::prose(text.as_bytes(), MAX_WHY)),
            offers: untrusted.offers,
            seconds: checked_seconds(untrusted.seconds)?,
            counts,
        })
    }

    /// A later line: new counts for this very question.
    ///
    /// # Errors
    /// As for [`Question::parse`], or another question's `id`.
    pub fn parse_update(&self, untrusted_line: &[u8]) -> Result<Counts, BadQuestion> {
        let untrusted: UntrustedUpdate = serde_json::from_slice(untrusted_line)?;
        demand(
            checked_id(untrusted.v, untrusted.id)? == self.id,
            "id",
            "another question is on the screen",
        )?;
        demand(untrusted.same >= 1, "same", "at least 1")?;
        Ok(Counts {
            waiting: untrusted.waiting,
            same: untrusted.same,
        })
    }

    pub fn offers(&self, offer: Offer) -> bool {
        self.offers.contains(&offer)
    }

    /// The offered lengths in seconds, shortest first.
    pub fn lengths(&self) -> Vec<u64> {
        let mut lengths: Vec<u64> = self
            .offers
            .iter()
            .filter_map(|o| {
                if let Offer::For(s) = o {
                    Some(*s)
                } else {
                    None
                }
            })
            .collect();
        lengths.sort_unstable();
        lengths
    }
}

impl PassphraseQuestion {
    /// # Errors
    /// As for [`Question::parse`].
    pub fn parse(untrusted_line: &[u8]) -> Result<Self, BadQuestion> {
        let untrusted: UntrustedPassphraseQuestion = serde_json::from_slice(untrusted_line)?;
        let attempt = untrusted.attempt.unwrap_or(1);
        demand((1..=MAX_ATTEMPT).contains(&attempt), "attempt", "1 to 3")?;
        Ok(Self {
            id: checked_id(untrusted.v, untrusted.id)?,
            rows: checked_rows(untrusted.rows)?,
            why: display::prose(untrusted.why.as_bytes(), MAX_WHY),
            attempt,
            seconds: checked_seconds(untrusted.seconds)?,
        })
    }
}

impl Notification {
    /// # Errors
    /// As for [`Question::parse`].
    pub fn parse(untrusted_line: &[u8]) -> Result<Self, BadQuestion> {
        let untrusted: UntrustedNotification = serde_json::from_slice(untrusted_line)?;
        demand(untrusted.v == 1, "v", "1 is expected")?;
        Ok(Self {
            summary: display::ascii(untrusted.summary.as_bytes(), MAX_SUMMARY),
            body: display::prose(untrusted.body.as_bytes(), MAX_BODY),
            urgency: untrusted.urgency.unwrap_or_default(),
            replaces: untrusted.replaces.unwrap_or(0),
            seconds: untrusted.seconds.map(checked_seconds).transpose()?,
        })
    }
}

fn checked_id(v: u32, untrusted_id: String) -> Result<String, BadQuestion> {
    demand(v == 1, "v", "1 is expected")?;
    let plain = untrusted_id.bytes().all(|b| b.is_ascii_graphic());
    demand(
        plain && (1..=MAX_ID).contains(&untrusted_id.len()),
        "id",
        "1 to 64 of printable ASCII, no space",
    )?;
    Ok(untrusted_id)
}

fn checked_seconds(seconds: u64) -> Result<u64, BadQuestion> {
    demand((1..=MAX_SECONDS).contains(&seconds), "seconds", "1 to 600")?;
    Ok(seconds)
}

fn checked_rows(untrusted_rows: Vec<Row>) -> Result<Vec<Row>, BadQuestion> {
    demand(
        (1..=MAX_ROWS).contains(&untrusted_rows.len()),
        "rows",
        "1 to 24 of them",
    )?;
    untrusted_rows
        .into_iter()
        .map(|untrusted| {
            demand(
                untrusted.label.len() <= MAX_LABEL,
                "label",
                "24 bytes at most",
            )?;
            demand(
                untrusted.text.len() <= MAX_TEXT,
                "text",
                "4096 bytes at most",
            )?;
            let text = match untrusted.class {
                Class::Ascii => display::ascii(untrusted.text.as_bytes(), MAX_SHOWN),
                Class::Prose => display::prose(untrusted.text.as_bytes(), MAX_SHOWN),
            };
            Ok(Row {
                label: display::ascii(untrusted.label.as_bytes(), MAX_LABEL),
                text,
                note: untrusted
                    .note
                    .map(|note| display::prose(note.as_bytes(), MAX_NOTE)),
                ..untrusted
            })
        })
        .collect()
}

/// Room for every escape of a text of the greatest length, so that the tooltip has the whole.
const MAX_SHOWN: usize = MAX_TEXT * 10;

fn check_offers(offers: &[Offer]) -> Result<(), BadQuestion> {
    demand(
        offers.contains(&Offer::Deny),
        "offers",
        "deny must be one of them",
    )?;
    let twice = offers
        .iter()
        .enumerate()
        .any(|(i, offer)| offers.iter().take(i).any(|o| o == offer));
    demand(!twice, "offers", "each at most once")?;
    let lengths = || {
        offers.iter().filter_map(|o| {
            if let Offer::For(s) = o {
                Some(*s)
            } else {
                None
            }
        })
    };
    demand(
        lengths().count() <= MAX_FOR,
        "offers",
        "three lengths at most",
    )?;
    demand(
        lengths().all(|s| (1..=MAX_FOR_SECONDS).contains(&s)),
        "offers",
        "a length is 1 second to 7 days",
    )
}

#[cfg(test)]
mod tests {
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
    fn every_text_goes_through_the_door() {
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
}
