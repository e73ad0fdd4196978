//! How both windows look: the style sheet, and the grid of rows.

use gtk::prelude::*;
use gtk::{gdk, glib, pango};

use crate::question::{Class, Mark, Row};
use crate::wording;

const STYLE: &str = include_str!("style.css");
const PROSE_WIDTH: i32 = 58;
/// What fits beside each other, value and note.
const LINE_CHARS: usize = 72;

/// Loads the style sheet for `window`, over whatever theme the desktop has, dark or light.
///
/// # Errors
/// The style sheet does not parse.
pub fn dress(window: &gtk::Window) -> Result<(), glib::Error> {
    let provider = gtk::CssProvider::new();
    provider.load_from_data(STYLE.as_bytes())?;
    if let Some(screen) = gdk::Screen::default() {
        gtk::StyleContext::add_provider_for_screen(
            &screen,
            &provider,
            gtk::STYLE_PROVIDER_PRIORITY_APPLICATION,
        );
    }
    let text = window.style_context().color(gtk::StateFlags::NORMAL);
    let is_light_text = text.red() + text.green() + text.blue() > 1.5;
    add_class(window, if is_light_text { "dark" } else { "light" });
    Ok(())
}

pub fn add_class(widget: &impl IsA<gtk::Widget>, class: &str) {
    widget.style_context().add_class(class);
}

/// What a screen reader calls the widget.
pub fn set_spoken(widget: &impl IsA<gtk::Widget>, name: &str) {
    if let Some(accessible) = widget.accessible() {
        accessible.set_name(name);
    }
}

/// A label that never reads markup.
pub fn text(text: &str, class: &str) -> gtk::Label {
    let label = gtk::Label::new(None);
    label.set_use_markup(false);
    label.set_text(text);
    label.set_xalign(0.0);
    add_class(&label, class);
    label
}

/// A sentence that wraps.
pub fn sentence(words: &str, class: &str) -> gtk::Label {
    let label = text(words, class);
    label.set_line_wrap(true);
    label.set_line_wrap_mode(pango::WrapMode::WordChar);
    label.set_max_width_chars(PROSE_WIDTH);
    label
}

/// The claims, one a row, each part in its own column, so that no value can look like another row.
pub fn grid(rows: &[Row]) -> gtk::Grid {
    let grid = gtk::Grid::new();
    add_class(&grid, "rows");
    grid.set_column_spacing(12);
    let mut label = "";
    for (line, row) in (0..).zip(rows) {
        if !row.label.is_empty() {
            label = &row.label;
        }
        let name = text(&row.label, "label");
        name.set_xalign(1.0);
        name.set_valign(gtk::Align::Start);
        let mark = row.mark.map(|mark| pill(mark, row.stands_out).upcast());
        let cells = [Some(name.upcast()), Some(value(row, label).upcast()), mark];
        for (column, cell) in (0..).zip(cells) {
            let Some(cell): Option<gtk::Widget> = cell else {
                continue;
            };
            if line > 0 && !row.label.is_empty() {
                add_class(&cell, "first");
            }
            grid.attach(&cell, column, line, 1, 1);
        }
    }
    grid
}

fn pill(mark: Mark, stands_out: bool) -> gtk::Label {
    let pill = text(mark.word(), "mark");
    add_class(
        &pill,
        match mark {
            Mark::Proven => "proven",
            Mark::Bound => "bound",
            // Red is kept for where it matters: a path that nobody can prove is nothing unusual.
            Mark::None if stands_out => "alarm",
            Mark::None => "unproven",
        },
    );
    pill.set_tooltip_text(Some(wording::meaning(mark)));
    pill.set_xalign(0.5);
    pill.set_valign(gtk::Align::Start);
    pill
}

fn value(row: &Row, label: &str) -> gtk::Box {
    let shown = wording::shown(row);
    let value = match row.class {
        Class::Ascii => text(&shown, "value"),
        Class::Prose => sentence(&shown, "value"),
    };
    if shown != row.text {
        value.set_tooltip_text(Some(&row.text));
    }
    if wording::is_fingerprint(&row.text) {
        add_class(&value, "fingerprint");
    }
    if row.stands_out {
        add_class(&value, "stands-out");
    }
    value.set_selectable(true); // a fingerprint is there to be compared
    value.set_can_focus(false);
    set_spoken(&value, &wording::spoken(label, row));

    let note = row.note.as_deref().unwrap_or_default();
    let is_wide = row.class == Class::Prose || shown.len() + note.len() > LINE_CHARS;
    let direction = if is_wide {
        gtk::Orientation::Vertical
    } else {
        gtk::Orientation::Horizontal
    };
    let cell = gtk::Box::new(direction, if is_wide { 0 } else { 10 });
    cell.set_hexpand(true);
    cell.pack_start(&value, false, false, 0);
    if !note.is_empty() {
        cell.pack_start(&sentence(note, "note"), false, false, 0);
    }
    cell
}

/// The thin bar on top that runs out with the time.
pub fn time_bar() -> gtk::ProgressBar {
    let bar = gtk::ProgressBar::new();
    add_class(&bar, "time");
    bar.set_fraction(1.0);
    set_spoken(&bar, "Time left to answer");
    bar
}
