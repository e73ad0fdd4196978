//! What the log knows of earlier requests like one that is asked about.

use serde::{Deserialize, Serialize};

use super::date::counted;
use crate::facts::IntentKind;

/// What the log knows of earlier requests like this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// There was none. Said as a warning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// Seconds since the last one was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_signed: Option<u64>,
    /// How many were signed since midnight.
    pub today: u32,
    /// Said in a warning or a row's note.
    #[serde(skip)]
    pub author: AuthorHistory,
}

/// What the vault knows of the author of proven content and the key that is to sign it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthorHistory {
    /// The key has signed for the author, or there is none.
    #[default]
    Known,
    /// The vault knows nobody whom the key has signed for.
    First,
    /// The key has signed for others only.
    New,
}

impl History {
    /// What the log knows of earlier requests. `None` if there is nothing to say.
    pub fn sentence(self, kind: IntentKind) -> Option<String> {
        let (one, signed) = match kind {
            IntentKind::Login => ("login", "allowed"),
            _ => ("signature", "signed"),
        };
        let last = self.last_signed.map(|seconds| match seconds {
            0..60 => format!("Last {signed} less than a minute ago"),
            _ => format!("Last {signed} {} ago", about(seconds)),
        });
        let today = format!("{} today", counted(self.today.into(), one));
        let today = Some(today).filter(|_| self.today > 0);
        let said: Vec<String> = last.into_iter().chain(today).collect();
        (!said.is_empty()).then(|| format!("{}.", said.join("; ")))
    }
}

/// The largest unit alone: `2 hours`, `3 days`.
pub(super) fn about(seconds: u64) -> String {
    match seconds {
        0..3600 => counted(seconds / 60, "minute"),
        3600..86_400 => counted(seconds / 3600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_told_in_a_sentence() {
        let told = |last_signed, today| {
            let history = History {
                last_signed,
                today,
                ..History::default()
            };
            history.sentence(IntentKind::Login)
        };
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(
            told(Some(7300), 14),
            is("Last allowed 2 hours ago; 14 logins today.")
        );
        assert_eq!(
            told(Some(59), 1),
            is("Last allowed less than a minute ago; 1 login today.")
        );
        assert_eq!(told(Some(90_000), 0), is("Last allowed 1 day ago."));
        assert_eq!(told(None, 2), is("2 logins today."));
        assert_eq!(told(None, 0), None);
    }
}
