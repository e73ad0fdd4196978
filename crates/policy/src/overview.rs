//! What `split-ssh ui` and its window say to each other, as `docs/prompt-protocol.md` says. The window shows what it is
//! given and knows no more.

use serde::{Deserialize, Serialize};

use crate::qube_color::QubeColor;
use crate::question::{QuestionId, Version};

/// To the window: all that it shows from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overview {
    pub v: Version,
    /// How the vault is.
    pub state: String,
    /// The state needs a second look.
    pub is_trouble: bool,
    pub sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub title: String,
    /// What to say where there are no entries.
    pub empty: String,
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub mark: Mark,
    /// Of the qube's label, if the policy has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<QubeColor>,
    /// May be empty.
    pub qube: String,
    pub what: String,
    /// May be empty.
    pub when: String,
    /// What a closer look needs; may be empty.
    pub details: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

/// The kind of an entry. It shows by an icon; the words say it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    Waits,
    Connected,
    /// Allowed, or signed.
    Yes,
    /// Denied, or refused.
    No,
    /// Something is broken, or somebody cheats.
    Alarm,
    Plain,
}

/// What a button of the window does, and the line that the window says then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Opens the window of a waiting question.
    Answer(QuestionId),
    /// Takes back a remembered answer.
    Revoke(u64),
}
