//! One section of the overview: a heading, and a row for each entry. A row that stays as it is keeps its place, and the
//! focus with it.

use gtk::atk::Role;
use gtk::pango;
use gtk::prelude::*;
use policy::overview::{Action, Entry, Mark, Section};

use crate::icons::{self, Icon};
use crate::look::{
    add_class, attributes, icon_size, line_width, set_shown, set_spoken, set_spoken_as, text,
    wrapped,
};

pub struct OverviewList {
    whole: gtk::Box,
    list: gtk::Box,
    empty: gtk::Label,
    rows: Vec<Row>,
}

struct Row {
    entry: Entry,
    /// Some entry has a lock, so that all leave room for one.
    has_locks: bool,
    row: gtk::Box,
    button: Option<gtk::Button>,
}

impl OverviewList {
    pub fn new(title: &str, empty: &str) -> Self {
        let whole = gtk::Box::new(gtk::Orientation::Vertical, 0);
        whole.pack_start(&heading(title), false, false, 0);
        // Not GTK's list: its rows would be 100 stops for the Tab key, and lose their place on the screen for AT-SPI
        // where they are scrolled.
        let list = gtk::Box::new(gtk::Orientation::Vertical, 0);
        set_spoken_as(&list, Role::List, title);
        whole.pack_start(&list, false, false, 0);
        let empty = filling(empty, "empty");
        whole.pack_start(&empty, false, false, 0);
        Self {
            whole,
            list,
            empty,
            rows: Vec::new(),
        }
    }

    pub fn widget(&self) -> &gtk::Box {
        &self.whole
    }

    pub fn show(&mut self, section: Section, press: fn(Action)) {
        self.empty.set_text(&section.empty);
        set_shown(&self.empty, section.entries.is_empty());
        set_shown(&self.list, !section.entries.is_empty());
        let focused = self.rows.iter().position(Row::has_focus);
        let lost = focused.and_then(|at| self.rows.get(at)?.entry.action);

        let has_locks = section.entries.iter().any(|entry| entry.color.is_some());
        let mut old = std::mem::take(&mut self.rows);
        for (at, entry) in (0..).zip(section.entries) {
            let is_same = |row: &Row| row.entry == entry && row.has_locks == has_locks;
            let row = match old.iter().position(is_same) {
                Some(same) => old.remove(same),
                None => {
                    let row = Row::new(entry, has_locks, press);
                    self.list.pack_start(&row.row, false, false, 0);
                    row
                }
            };
            self.list.reorder_child(&row.row, at);
            self.rows.push(row);
        }
        for gone in old {
            self.list.remove(&gone.row);
        }
        if let Some(at) = focused.filter(|_| !self.rows.iter().any(Row::has_focus)) {
            let same = self.rows.iter().find(|row| row.entry.action == lost);
            let row = same.or_else(|| self.rows.get(at)).or(self.rows.last());
            if let Some(button) = row.and_then(|row| row.button.as_ref()) {
                button.grab_focus();
            }
        }
    }
}

impl Row {
    fn new(entry: Entry, has_locks: bool, press: fn(Action)) -> Self {
        let line = gtk::Box::new(gtk::Orientation::Horizontal, 10);
        add_class(&line, "row");
        line.pack_start(&mark(entry.mark), false, false, 0);
        if let Some(color) = entry.color {
            let lock = icons::qube_lock(color, icon_size());
            line.pack_start(&lock, false, false, 0);
        } else if has_locks {
            let room = gtk::Box::new(gtk::Orientation::Horizontal, 0);
            room.set_size_request(icon_size(), -1);
            line.pack_start(&room, false, false, 0);
        }
        let words = gtk::Box::new(gtk::Orientation::Vertical, 0);
        words.pack_start(&sentence(&entry), false, false, 0);
        if !entry.details.is_empty() {
            words.pack_start(&filling(&entry.details, "note"), false, false, 0);
        }
        line.pack_start(&words, true, true, 0);
        if !entry.when.is_empty() {
            let when = text(&entry.when, "note");
            when.set_valign(match entry.action {
                Some(_) => gtk::Align::Center, // as the button beside it
                None => gtk::Align::Start,
            });
            line.pack_start(&when, false, false, 0);
        }
        let button = entry.action.map(|action| button(action, &entry, press));
        if let Some(button) = &button {
            line.pack_start(button, false, false, 0);
        }
        let parts = [&entry.qube, &entry.what, &entry.details, &entry.when];
        let spoken: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        set_spoken_as(&line, Role::ListItem, &spoken.join(", "));
        line.show_all();
        Self {
            entry,
            has_locks,
            row: line,
            button,
        }
    }

    fn has_focus(&self) -> bool {
        let button = self.button.as_ref();
        button.is_some_and(|button| button.has_focus())
    }
}

/// The qube in bold, and what about it.
fn sentence(entry: &Entry) -> gtk::Label {
    let words = format!("{} {}", entry.qube, entry.what);
    let label = filling(words.trim_start(), "value");
    let bold = attributes();
    let mut weight = pango::AttrInt::new_weight(pango::Weight::Bold);
    weight.set_end_index(u32::try_from(entry.qube.len()).unwrap_or(0));
    bold.insert(weight);
    label.set_attributes(Some(&bold));
    label
}

fn button(action: Action, entry: &Entry, press: fn(Action)) -> gtk::Button {
    let words = match action {
        Action::Answer(_) => "Answer...",
        Action::Revoke(_) => "Revoke",
    };
    let button = gtk::Button::with_label(words);
    button.set_valign(gtk::Align::Center);
    set_spoken(
        &button,
        format!("{words} {} {}", entry.qube, entry.what).trim_end(),
    );
    button.connect_clicked(move |_| press(action));
    button
}

fn mark(mark: Mark) -> gtk::DrawingArea {
    let (icon, class, spoken) = match mark {
        Mark::Waits => (Icon::QuestionMark, "waits", "Waits"),
        Mark::Connected => (Icon::Link, "plain", "Connected"),
        Mark::Yes => (Icon::Tick, "yes", "Yes"),
        Mark::No => (Icon::Cross, "no", "No"),
        Mark::Alarm => (Icon::Octagon, "no", "Alarm"),
        Mark::Plain => (Icon::Dot, "plain", "Note"),
    };
    let picture = icons::picture(icon, icon_size(), spoken);
    add_class(&picture, "mark");
    add_class(&picture, class);
    picture
}

/// A text as wide as there is room.
pub fn filling(words: &str, class: &str) -> gtk::Label {
    let label = wrapped(words, class, line_width());
    label.set_hexpand(true);
    label
}

/// A section's heading.
fn heading(words: &str) -> gtk::Label {
    let label = text(words, "section");
    set_spoken_as(&label, Role::Heading, words);
    label
}
