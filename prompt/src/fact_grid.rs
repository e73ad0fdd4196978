//! Claims, one a row: labels in one column and values in another, so that no value can look like another row.

use gtk::prelude::*;

use crate::look::{add_class, line_width, set_spoken, text, wrapped};
use crate::question::{Row, RowClass};
use crate::wording;

/// Between the columns, in pixels.
const GAP: i32 = 12;

/// Lays out `rows`. Nothing is shortened: what is long wraps.
pub fn fact_grid(rows: &[Row]) -> gtk::Grid {
    let grid = gtk::Grid::new();
    add_class(&grid, "facts");
    grid.set_column_spacing(GAP as u32);
    let labels: Vec<gtk::Label> = rows.iter().map(|row| text(&row.label, "label")).collect();
    let widest = labels.iter().map(|label| label.preferred_width().1).max();
    let room = (line_width() - widest.unwrap_or(0) - GAP).max(1);
    let mut spoken_label = "";
    for (line, (row, label)) in (0..).zip(rows.iter().zip(&labels)) {
        if !row.label.is_empty() {
            spoken_label = &row.label;
        }
        let value = value(row, spoken_label, room);
        if !row.label.is_empty() {
            if line > 0 {
                add_class(label, "first");
                add_class(&value, "first");
            }
            label.set_xalign(1.0);
            label.set_valign(gtk::Align::Start);
            grid.attach(label, 0, line, 1, 1);
        }
        grid.attach(&value, 1, line, 1, 1);
    }
    grid
}

/// Adds a field to type in. `label` has its mnemonic.
pub fn field(label: &str, entry: &gtk::Entry) -> gtk::Box {
    let row = gtk::Box::new(gtk::Orientation::Horizontal, GAP);
    add_class(&row, "field");
    let label = gtk::Label::with_mnemonic(label);
    add_class(&label, "label");
    label.set_mnemonic_widget(Some(entry));
    // A chooser of pictures is a window of its own.
    entry.set_input_hints(gtk::InputHints::NO_EMOJI | gtk::InputHints::NO_SPELLCHECK);
    row.pack_start(&label, false, false, 0);
    row.pack_start(entry, true, true, 0);
    row
}

fn value(row: &Row, spoken_label: &str, room: i32) -> gtk::Box {
    let is_fixed_pitch = row.class == RowClass::Whole || wording::is_fingerprint(&row.text);
    let class = if is_fixed_pitch { "fixed" } else { "value" };
    let value = wrapped(&row.text, class, room);
    if row.stands_out {
        add_class(&value, "stands-out");
    }
    value.set_selectable(true); // a fingerprint is there to be compared
    value.set_can_focus(false);
    set_spoken(&value, &wording::spoken(spoken_label, row));

    let cell = gtk::Box::new(gtk::Orientation::Horizontal, 10);
    cell.set_hexpand(true);
    cell.pack_start(&value, false, false, 0);
    if let Some(words) = row.note.as_deref().filter(|note| !note.is_empty()) {
        let note = wrapped(words, "note", room);
        if value.preferred_width().1 + 10 + note.preferred_width().1 > room {
            cell.set_orientation(gtk::Orientation::Vertical);
            cell.set_spacing(0);
        } else {
            value.set_valign(gtk::Align::Baseline);
            note.set_valign(gtk::Align::Baseline);
        }
        cell.pack_start(&note, false, false, 0);
    }
    cell
}
