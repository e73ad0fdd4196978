//! What both windows are made of: a bar that runs out with the time, a page from the heading down to the
//! buttons, and a foot that says who asks.

use std::time::Duration;

use gtk::prelude::*;

use crate::look::{add_class, sentence, set_spoken, text};

/// From here on the bar is red.
const SOON: Duration = Duration::from_secs(10);

pub struct Frame {
    page: gtk::Box,
    time_bar: gtk::ProgressBar,
    left: gtk::Label,
}

impl Frame {
    pub fn new(window: &gtk::Window) -> Self {
        let whole = gtk::Box::new(gtk::Orientation::Vertical, 0);
        let time_bar = time_bar();
        whole.pack_start(&time_bar, false, false, 0);
        let page = gtk::Box::new(gtk::Orientation::Vertical, 0);
        add_class(&page, "page");
        whole.pack_start(&page, true, true, 0);
        window.add(&whole);
        Self {
            page,
            time_bar,
            left: text("", "foot"),
        }
    }

    /// All below the bar.
    pub fn page(&self) -> &gtk::Box {
        &self.page
    }

    pub fn append(&self, widget: &impl IsA<gtk::Widget>) {
        self.page.pack_start(widget, false, false, 0);
    }

    pub fn append_sentence(&self, words: &str, class: &str) -> gtk::Label {
        let label = sentence(words, class);
        self.append(&label);
        label
    }

    /// The row for the buttons.
    pub fn append_buttons(&self) -> gtk::Box {
        let buttons = gtk::Box::new(gtk::Orientation::Horizontal, 8);
        add_class(&buttons, "buttons");
        self.append(&buttons);
        buttons
    }

    /// `why` completes "Asked by …"; how long it can be answered stands opposite.
    pub fn append_foot(&self, why: &str) {
        let foot = gtk::Box::new(gtk::Orientation::Horizontal, 24);
        let asked_by = sentence(&format!("Asked by {why}"), "foot");
        foot.pack_start(&asked_by, false, false, 0);
        foot.pack_end(&self.left, false, false, 0);
        self.append(&foot);
    }

    /// Shows how much time is left, and says it in `words`.
    pub fn count_down(&self, left: Duration, whole: Duration, words: &str) {
        self.time_bar
            .set_fraction(left.as_secs_f64() / whole.as_secs_f64());
        if left < SOON {
            add_class(&self.time_bar, "soon");
        }
        if self.left.text() != words {
            self.left.set_text(words);
        }
    }
}

/// The thin bar on top that runs out with the time.
fn time_bar() -> gtk::ProgressBar {
    let bar = gtk::ProgressBar::new();
    add_class(&bar, "time");
    bar.set_fraction(1.0);
    set_spoken(&bar, "Time left to answer");
    bar
}
