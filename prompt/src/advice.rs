//! The line above the buttons: what an answer would cover, or else what must be done first.

use gtk::prelude::*;

use crate::look;

pub const CLICK_FIRST: &str = "Click this window first.";
pub const WAIT: &str = "Allow unlocks after one second without typing or clicking.";
pub const SCROLL: &str = "Scroll to the end to enable Allow (Page Down).";
pub const BAD_NAME: &str =
    "Not a valid host name: use letters, digits, dots, dashes and underscores.";
pub const ENTER: &str = "Enter never allows. Press Space, or Alt and the underlined letter.";
pub const UNDO: &str =
    "A denial ends with the vault, after 7 days at most. To undo it: split-ssh approvals";
pub const RULE: &str =
    "The vault adds this rule to its policy. To undo it in the vault: split-ssh rule list";
/// All that may stand above the buttons for a while.
const HINTS: [&str; 7] = [CLICK_FIRST, WAIT, SCROLL, BAD_NAME, ENTER, UNDO, RULE];

/// The line above the buttons: what an answer would cover, or else what must be done first. It has room for all that it
/// may say from the start, so that no button moves under the pointer.
pub struct Advice {
    pub label: gtk::Label,
    covers: String,
}

impl Advice {
    pub fn new(covers: String) -> Self {
        let label = look::sentence("", "advice");
        label.set_valign(gtk::Align::Start);
        let width = look::line_width();
        let heights = HINTS.iter().copied().chain([covers.as_str()]).map(|words| {
            label.set_text(words);
            label.preferred_height_for_width(width).1
        });
        let most = heights.max().unwrap_or(0);
        label.set_size_request(-1, most);
        Self { label, covers }
    }

    /// An empty hint gives way to what an answer would cover.
    pub fn say(&self, hint: &str) {
        let words = if hint.is_empty() { &self.covers } else { hint };
        look::set_text(&self.label, words);
    }
}
