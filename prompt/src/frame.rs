//! What both windows are made of: a bar that runs out with the time, a band that says what it is about and how risky,
//! and a page from the heading down to the foot.

use std::time::Duration;

use gtk::atk::Role;
use gtk::pango;
use gtk::prelude::*;

use crate::icons::{self, Icon};
use crate::look::{
    add_class, attributes, icon_size, line_width, screen, sentence, set_spoken, set_spoken_as,
    set_text, text, wrapped,
};
use crate::question::{HeadingPart, QubeColor, Risk};
use crate::reading::Reading;

/// From here on the bar is red.
const LAST_SECONDS: Duration = Duration::from_secs(10);
/// What is to be read scrolls in no less than this, in pixels.
const MIN_HEIGHT: i32 = 72;

pub struct Frame {
    whole: gtk::Box,
    page: gtk::Box,
    heading: gtk::Box,
    time_bar: gtk::ProgressBar,
    time_left: gtk::Label,
    waiting: gtk::Label,
}

impl Frame {
    /// Fills `window`. The band on top says what it is about, and how risky it is, if it is a request.
    pub fn new(window: &gtk::Window, icon: Icon, words: &str, risk: Option<Risk>) -> Self {
        let risk_class = risk.unwrap_or(Risk::Routine).word().to_lowercase();
        add_class(window, &risk_class);
        let whole = gtk::Box::new(gtk::Orientation::Vertical, 0);
        let time_bar = time_bar();
        whole.pack_start(&time_bar, false, false, 0);
        whole.pack_start(&band(icon, words, risk), false, false, 0);
        let page = gtk::Box::new(gtk::Orientation::Vertical, 0);
        add_class(&page, "page");
        whole.pack_start(&page, true, true, 0);
        window.add(&whole);
        Self {
            whole,
            page,
            heading: gtk::Box::new(gtk::Orientation::Vertical, 0),
            time_bar,
            time_left: text("", "foot"),
            waiting: text("", "foot"),
        }
    }

    /// Gives `reading` the height that it needs, or what the screen leaves beside the rest. A heading so long that hardly
    /// anything is left scrolls along.
    pub fn fit(&self, reading: &Reading) {
        self.whole.show_all();
        let (width, mut left) = self.room_beside(reading);
        if left < MIN_HEIGHT && self.heading.parent().as_ref() == Some(self.page.upcast_ref()) {
            self.page.remove(&self.heading);
            reading.prepend(&self.heading);
            left = self.room_beside(reading).1;
        }
        let padding = self.page.style_context().padding(gtk::StateFlags::NORMAL);
        let inner = width - i32::from(padding.left) - i32::from(padding.right);
        reading.fit(inner, left.max(MIN_HEIGHT));
    }

    /// Keeps the window from becoming smaller: it would leave the pointer that clicked into it, and the focus with it
    /// where no window manager keeps that.
    pub fn keep_size(&self) {
        let (width, height) = (self.whole.allocated_width(), self.whole.allocated_height());
        self.whole.set_size_request(width, height);
    }

    /// The window's width, and the height that the screen leaves for `reading`.
    fn room_beside(&self, reading: &Reading) -> (i32, i32) {
        reading.set_height(0);
        let kept = self.whole.size_request();
        self.whole.set_size_request(kept.0, -1);
        let width = self.whole.preferred_width().1.min(screen().0);
        let height = self.whole.preferred_height_for_width(width).1;
        self.whole.set_size_request(kept.0, kept.1);
        (width, screen().1 - height)
    }

    pub fn append(&self, widget: &impl IsA<gtk::Widget>) {
        self.page.pack_start(widget, false, false, 0);
    }

    /// The sentence that says it all, with names in bold, behind the lock of the qube if its colour is known.
    pub fn append_heading(&self, parts: &[HeadingPart], color: Option<QubeColor>) {
        let line = gtk::Box::new(gtk::Orientation::Horizontal, 10);
        let size = icon_size() * 3 / 2;
        if let Some(color) = color {
            line.pack_start(&icons::qube_lock(color, size), false, false, 0);
        }
        let heading = heading(parts, if color.is_some() { size + 10 } else { 0 });
        line.pack_start(&heading, true, true, 0);
        self.heading.pack_start(&line, false, false, 0);
        self.append(&self.heading);
    }

    /// A sentence right below the heading, wherever that is.
    pub fn append_to_heading(&self, words: &str, class: &str) -> gtk::Label {
        let label = sentence(words, class);
        self.heading.pack_start(&label, false, false, 0);
        label
    }

    /// How long it can be answered, and how many questions wait behind it.
    pub fn append_foot(&self) {
        let foot = gtk::Box::new(gtk::Orientation::Horizontal, 24);
        self.waiting.hide();
        self.waiting.set_no_show_all(true);
        foot.pack_start(&self.waiting, false, false, 0);
        foot.pack_end(&self.time_left, false, false, 0);
        self.append(&foot);
    }

    /// Shows how much time is left until the window `denies`, or what else it does then.
    pub fn count_down(&self, left: Duration, time_allowed: Duration, denies: &str) {
        let words = format!("{denies} automatically in {} s", left.as_secs_f64().ceil());
        self.time_bar
            .set_fraction(left.as_secs_f64() / time_allowed.as_secs_f64());
        if left < LAST_SECONDS {
            add_class(&self.time_bar, "soon");
        }
        set_text(&self.time_left, &words);
    }

    pub fn show_waiting(&self, words: &str) {
        set_text(&self.waiting, words);
        self.waiting.set_visible(!words.is_empty());
    }
}

fn band(icon: Icon, words: &str, risk: Option<Risk>) -> gtk::Box {
    let band = gtk::Box::new(gtk::Orientation::Horizontal, 8);
    add_class(&band, "band");
    let picture = |icon, words| icons::picture(icon, icon_size(), words);
    band.pack_start(&picture(icon, words), false, false, 0);
    band.pack_start(&text(words, "kind"), false, false, 0);
    if let Some(risk) = risk {
        band.pack_end(&text(risk.word(), "risk"), false, false, 0);
        if let Some(icon) = Icon::of_risk(risk) {
            band.pack_end(&picture(icon, risk.word()), false, false, 0);
        }
    }
    band
}

fn heading(parts: &[HeadingPart], beside: i32) -> gtk::Label {
    let sentence: String = parts.iter().map(HeadingPart::text).collect();
    let label = wrapped(&sentence, "heading", line_width() - beside);
    let bold = attributes();
    let mut at = 0;
    for part in parts {
        let end = at + part.text().len() as u32;
        if let HeadingPart::Name(_) | HeadingPart::Text(_) = part {
            let mut weight = pango::AttrInt::new_weight(pango::Weight::Bold);
            weight.set_start_index(at);
            weight.set_end_index(end);
            bold.insert(weight);
        }
        at = end;
    }
    label.set_attributes(Some(&bold));
    set_spoken_as(&label, Role::Heading, &sentence);
    label
}

/// The thin bar on top that runs out with the time.
fn time_bar() -> gtk::ProgressBar {
    let bar = gtk::ProgressBar::new();
    add_class(&bar, "time");
    bar.set_fraction(1.0);
    set_spoken(&bar, "Time left to answer");
    bar
}
