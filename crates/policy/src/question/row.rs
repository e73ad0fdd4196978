//! How a row is made.

use super::{Row, RowClass};

/// A value of ours, or one that is sanitized already.
pub(super) fn own_row(label: &str, text: String) -> Row {
    Row {
        label: label.to_owned(),
        text,
        note: None,
        class: RowClass::Name,
        stands_out: false,
    }
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

    pub(super) fn stands_out(self) -> Self {
        self.stands_out_if(true)
    }

    pub(super) fn stands_out_if(mut self, stands_out: bool) -> Self {
        self.stands_out = stands_out;
        self
    }
}
