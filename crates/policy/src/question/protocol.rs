//! All that the vault and its prompter say to each other in JSON, as `docs/prompt-protocol.md` says. Questions and
//! answers go over the control socket in the same words.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::answer::{Answer, AnswerFields, Decision, DecisionWord, QuestionId, one};
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

/// What may change while a question is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Other questions that wait.
    pub waiting: usize,
    /// Requests that the answer will serve.
    pub same: usize,
}

/// To a prompter: new counts for the question that it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCounts {
    v: Version,
    #[serde(with = "id_text")]
    pub id: QuestionId,
    waiting: usize,
    same: usize,
}

impl NewCounts {
    pub fn new(id: QuestionId, counts: Counts) -> Self {
        Self {
            v: Version,
            id,
            waiting: counts.waiting,
            same: counts.same,
        }
    }

    pub fn counts(&self) -> Counts {
        Counts {
            waiting: self.waiting,
            same: self.same,
        }
    }
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
#[serde(try_from = "PrompterFields", into = "PrompterFields")]
pub struct PrompterAnswer {
    pub id: QuestionId,
    pub answer: Answer,
    /// Nobody answered in time. The answer is [`Decision::DenyOnce`] then.
    pub unanswered: bool,
}

/// [`PrompterAnswer`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrompterFields {
    #[serde(with = "id_text")]
    id: QuestionId,
    decision: DecisionWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    trust: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unanswered: bool,
    #[serde(default = "one")]
    same: usize,
}

impl From<PrompterAnswer> for PrompterFields {
    fn from(given: PrompterAnswer) -> Self {
        let fields = AnswerFields::from(given.answer);
        Self {
            id: given.id,
            decision: fields.decision,
            seconds: fields.seconds,
            name: fields.name,
            trust: fields.trust,
            unanswered: given.unanswered,
            same: fields.same,
        }
    }
}

impl TryFrom<PrompterFields> for PrompterAnswer {
    type Error = &'static str;

    fn try_from(fields: PrompterFields) -> Result<Self, &'static str> {
        let answer = Answer::try_from(AnswerFields {
            decision: fields.decision,
            seconds: fields.seconds,
            name: fields.name,
            trust: fields.trust,
            same: fields.same,
        })?;
        if fields.unanswered && answer.decision != Decision::DenyOnce {
            return Err("the answer says both that it was given and that it was not");
        }
        Ok(Self {
            id: fields.id,
            answer,
            unanswered: fields.unanswered,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(decision: Decision, name: Option<&str>, unanswered: bool) -> String {
        let answer = PrompterAnswer {
            id: 17,
            answer: Answer {
                decision,
                name: name.map(str::to_owned),
                trust: name.is_some_and(|name| name == "trusted"),
                same: 1,
            },
            unanswered,
        };
        let line = serde_json::to_string(&answer).unwrap();
        assert_eq!(
            serde_json::from_str::<PrompterAnswer>(&line).unwrap(),
            answer
        );
        line
    }

    #[test]
    fn answers_are_as_the_protocol_says() {
        for (decision, name, unanswered, line) in [
            (
                Decision::DenyOnce,
                None,
                false,
                r#"{"id":"17","decision":"deny","same":1}"#,
            ),
            (
                Decision::DenyOnce,
                None,
                true,
                r#"{"id":"17","decision":"deny","unanswered":true,"same":1}"#,
            ),
            (
                Decision::Mute,
                None,
                false,
                r#"{"id":"17","decision":"mute","seconds":300,"same":1}"#,
            ),
            (
                Decision::AllowOnce,
                Some("staging"),
                false,
                r#"{"id":"17","decision":"once","name":"staging","same":1}"#,
            ),
            (
                Decision::AllowOnce,
                Some("trusted"),
                false,
                r#"{"id":"17","decision":"once","name":"trusted","trust":true,"same":1}"#,
            ),
            (
                Decision::DenyFor(3600),
                None,
                false,
                r#"{"id":"17","decision":"deny-for","seconds":3600,"same":1}"#,
            ),
            (
                Decision::AllowAlways,
                None,
                false,
                r#"{"id":"17","decision":"always","same":1}"#,
            ),
            (
                Decision::AllowFor(900),
                None,
                false,
                r#"{"id":"17","decision":"for","seconds":900,"same":1}"#,
            ),
        ] {
            assert_eq!(written(decision, name, unanswered), line);
        }
    }

    #[test]
    fn what_may_be_left_out_has_a_meaning() {
        let answer: PrompterAnswer =
            serde_json::from_str(r#"{"id":"17","decision":"mute"}"#).unwrap();
        assert_eq!(
            (answer.answer.decision, answer.answer.same),
            (Decision::Mute, 1)
        );
    }

    #[test]
    fn what_the_protocol_does_not_name_is_refused() {
        for line in [
            "{}",
            r#"{"id":17,"decision":"once"}"#,
            r#"{"id":"017","decision":"once"}"#,
            r#"{"id":"+17","decision":"once"}"#,
            r#"{"id":"17","decision":"forever"}"#,
            r#"{"id":"17","decision":"always","seconds":900}"#,
            r#"{"id":"17","decision":"deny-for"}"#,
            r#"{"id":"17","decision":"once","seconds":900}"#,
            r#"{"id":"17","decision":"deny","seconds":300}"#,
            r#"{"id":"17","decision":"mute","seconds":301}"#,
            r#"{"id":"17","decision":"for"}"#,
            r#"{"id":"17","decision":"once","unanswered":true}"#,
            r#"{"id":"17","decision":"once","extra":1}"#,
            r#"{"id":"17","decision":"once","decision":"deny"}"#,
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
        assert!(serde_json::from_str::<NewCounts>(counts).is_err());
    }
}
