//! A name of the person's own for a server that the vault does not know.

use gtk::prelude::*;
use policy::question::{MAX_HOST_LABEL, is_host_label};

use crate::fact_grid::field;
use crate::frame::Frame;
use crate::look::{set_shown, set_spoken};

/// An empty field for a name of the server, and whether known hosts are to have it.
pub struct NameFields {
    pub entry: gtk::Entry,
    pub trust: gtk::CheckButton,
    rows: [gtk::Widget; 2],
}

impl NameFields {
    pub fn new(frame: &Frame) -> Self {
        let entry = gtk::Entry::new();
        entry.set_max_length(MAX_HOST_LABEL as i32);
        entry.set_placeholder_text(Some("optional: your own name for this server"));
        set_spoken(&entry, "Your own name for this server, optional");
        let row = field("_Name", &entry);
        frame.append(&row);
        let words = "_Trust this name from now on: rules and questions will use it";
        let trust = gtk::CheckButton::with_mnemonic(words);
        trust.set_sensitive(false); // there is no name yet
        frame.append(&trust);
        let rows = [row.upcast(), trust.clone().upcast()];
        Self { entry, trust, rows }
    }

    /// The name that the person typed, `None` if there is none; an error if it is none that can be taken.
    pub fn typed(&self) -> Result<Option<String>, ()> {
        let typed = self.entry.text().to_string();
        match typed.as_str() {
            "" => Ok(None),
            name if is_host_label(name) => Ok(Some(typed)),
            _ => Err(()),
        }
    }

    pub fn is_trusted(&self) -> bool {
        !self.entry.text().is_empty() && self.trust.is_active()
    }

    pub fn show(&self, is_there: bool) {
        for row in &self.rows {
            set_shown(row, is_there);
        }
    }
}
