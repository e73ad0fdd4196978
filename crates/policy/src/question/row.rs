//! A row of a question, and how it is made.

use serde::{Deserialize, Serialize};

/// One claim, beside its label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Empty = the row continues the one above.
    pub label: String,
    pub text: String,
    /// A few words of ours after the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub class: RowClass,
    /// For what must not be overlooked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands_out: bool,
}

/// How a row's text is cleaned and set: see [`crate::display`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowClass {
    /// A name or value.
    Name,
    Sentence,
    /// Words of somebody else, in any script.
    Text,
    /// A list or command, in a fixed-pitch face: to be read to its end.
    Whole,
}

/// A value of ours, or one that is sanitized already.
pub fn own_row(label: &str, text: String) -> Row {
    Row {
        label: label.to_owned(),
        text,
        note: None,
        class: RowClass::Name,
        stands_out: false,
    }
}

/// Labels for rows that belong together.
pub(super) fn first_labelled(label: &str) -> impl Iterator<Item = &str> {
    std::iter::once(label).chain(std::iter::repeat(""))
}

impl Row {
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// A list or command must be read to its end.
    pub(super) fn in_full(mut self) -> Self {
        self.class = RowClass::Whole;
        self
    }

    /// Whether the sanitizer has cut what is to be read to its end. A text that looks so costs a needless warning.
    pub(super) fn is_cut_list(&self) -> bool {
        self.class == RowClass::Whole && self.text.contains("[cut ")
    }

    pub(super) fn stands_out(self) -> Self {
        self.stands_out_if(true)
    }

    pub(super) fn stands_out_if(mut self, stands_out: bool) -> Self {
        self.stands_out = stands_out;
        self
    }
}
