//! All that the vault and its prompter say to each other in JSON, as `docs/prompt-protocol.md` says. Questions and
//! answers go over the control socket in the same words.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::answer::{Answer, QuestionId};
use super::row::Row;

/// The longest passphrase, in bytes; ssh-add reads no more.
pub const MAX_PASSPHRASE: usize = 1024;

/// `"v":1`. Another version is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(D::Error::custom(format!(
                "this program speaks version 1, not {other}"
            ))),
        }
    }
}

/// A question's number as a string, so that no reader rounds it.
pub(super) mod id_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::question::answer::QuestionId;

    pub fn serialize<S: Serializer>(id: &QuestionId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<QuestionId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = text.parse().ok();
        id.filter(|id: &QuestionId| id.to_string() == text)
            .ok_or_else(|| D::Error::custom("a question's number is expected"))
    }
}

/// To a prompter: what has changed of the question that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub v: Version,
    #[serde(with = "id_text")]
    pub id: QuestionId,
    /// Other questions that wait.
    pub waiting: usize,
    /// Requests that the answer will serve.
    pub same: usize,
}

/// From a prompter: the question is on the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    pub shown: bool,
}

/// To a prompter: asks for the passphrase of a key file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassphraseQuestion {
    pub v: Version,
    #[serde(with = "id_text")]
    pub id: QuestionId,
    pub rows: Vec<Row>,
    pub why: String,
    /// From 1; from 2 on, the last passphrase was wrong.
    pub attempt: u8,
    pub seconds: u64,
}

/// From a prompter: the passphrase; `None` if the person, or nobody, gave one. It borrows from the line where it can,
/// so that whoever reads the line can wipe it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassphraseAnswer<'a> {
    #[serde(with = "id_text")]
    pub id: QuestionId,
    #[serde(borrow)]
    pub passphrase: Option<Cow<'a, str>>,
}

/// To a prompter: a notification to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    pub v: Version,
    pub summary: String,
    pub body: String,
    pub urgency: Urgency,
    /// The approval that a button of it may revoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revokes: Option<u64>,
}

/// From a prompter: the button of a notification was pressed.
pub const REVOKE_PRESSED: &str = r#"{"revoke":true}"#;

word_enum! {
    /// How urgent a notification is, in the words and order of freedesktop's specification.
    pub enum Urgency {
        Low = "low",
        Normal = "normal",
        Critical = "critical",
    }
}

impl Urgency {
    /// The name of its icon, as freedesktop's icon naming specification has it.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Low | Self::Critical => "dialog-password",
            Self::Normal => "dialog-warning",
        }
    }
}

/// From a prompter that watches the desktop: the screen was locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenLocked {
    pub locked: bool,
}

/// From a prompter: the one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrompterAnswer {
    #[serde(with = "id_text")]
    pub id: QuestionId,
    /// `None`: nobody answered in time.
    pub answer: Option<Answer>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Decision;

    #[test]
    fn answers_are_as_the_protocol_says() {
        let same = 1;
        for (decision, name, trust, line) in [
            (Decision::DenyOnce, None, false, r#""deny","same":1"#),
            (Decision::Mute, None, false, r#""mute","same":1"#),
            (
                Decision::AllowOnce,
                Some("staging"),
                false,
                r#""once","name":"staging","same":1"#,
            ),
            (
                Decision::AllowOnce,
                Some("trusted"),
                true,
                r#""once","name":"trusted","trust":true,"same":1"#,
            ),
            (
                Decision::DenyFor(3600),
                None,
                false,
                r#"{"deny-for":3600},"same":1"#,
            ),
            (Decision::AllowAlways, None, false, r#""always","same":1"#),
            (
                Decision::AllowFor(900),
                None,
                false,
                r#"{"for":900},"same":1"#,
            ),
        ] {
            let name = name.map(str::to_owned);
            let answer = PrompterAnswer {
                id: 17,
                answer: Some(Answer {
                    decision,
                    name,
                    trust,
                    same,
                }),
            };
            let line = format!(r#"{{"id":"17","answer":{{"decision":{line}}}}}"#);
            assert_eq!(serde_json::to_string(&answer).unwrap(), line);
            let read: PrompterAnswer = serde_json::from_str(&line).unwrap();
            assert_eq!(read, answer);
        }
    }

    #[test]
    fn what_may_be_left_out_has_a_meaning() {
        let read = |line| serde_json::from_str::<PrompterAnswer>(line).unwrap();
        let given = read(r#"{"id":"17","answer":{"decision":"mute"}}"#);
        let answer = given.answer.unwrap();
        assert_eq!((answer.decision, answer.same), (Decision::Mute, 1));
        assert_eq!(read(r#"{"id":"17","answer":null}"#).answer, None);
    }

    #[test]
    fn what_the_protocol_does_not_name_is_refused() {
        for line in [
            "{}",
            r#"{"id":17,"answer":{"decision":"once"}}"#,
            r#"{"id":"017","answer":{"decision":"once"}}"#,
            r#"{"id":"+17","answer":{"decision":"once"}}"#,
            r#"{"id":"17","decision":"once"}"#,
            r#"{"id":"17","answer":{"decision":"forever"}}"#,
            r#"{"id":"17","answer":{"decision":{"always":900}}}"#,
            r#"{"id":"17","answer":{"decision":"deny-for"}}"#,
            r#"{"id":"17","answer":{"decision":{"deny-for":null}}}"#,
            r#"{"id":"17","answer":{"decision":"for"}}"#,
            r#"{"id":"17","answer":{"decision":"once"},"extra":1}"#,
            r#"{"id":"17","answer":{"decision":"once","extra":1}}"#,
            r#"{"id":"17","answer":{"decision":"once","decision":"deny"}}"#,
        ] {
            assert!(
                serde_json::from_str::<PrompterAnswer>(line).is_err(),
                "{line}"
            );
        }
        for line in [r#"{"shown":1}"#, r#"{"shown":true,"x":1}"#, "{}"] {
            assert!(serde_json::from_str::<Shown>(line).is_err(), "{line}");
        }
        let counts = r#"{"v":2,"id":"17","waiting":0,"same":1}"#;
        assert!(serde_json::from_str::<Counts>(counts).is_err());
    }
}
