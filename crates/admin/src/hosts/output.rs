//! What `split-ssh hosts` prints; names and places have passed the sanitizer.

use policy::crypto::Crypto as _;
use policy::display;
use policy::judgement::Place;
use policy::known_hosts::{Entry, Marker};

use crate::fold::WIDTH;
use crate::output::{is_for_people, say};
use common::crypto::Ring;

/// Characters of a name, or of a list of names, on the screen.
pub(super) const NAME_WIDTH: usize = 64;
/// Characters of `file:line` on the screen.
pub(super) const PLACE_WIDTH: usize = 120;
/// Characters of a message about a line.
pub(super) const LINE_WIDTH: usize = 240;
/// Blanks before each column of a table.
pub(super) const GAP: usize = 2;
/// Blanks before what goes on from the line above.
pub(super) const CONTINUATION_INDENT: usize = 6;

/// Type and fingerprint.
pub(super) fn key_cells(entry: &Entry) -> [String; 2] {
    [
        shown(&entry.line.algorithm),
        Ring.fingerprint(&entry.line.key).to_string(),
    ]
}

/// Names as a line of known hosts begins with them.
pub(super) fn with_marker(marker: Marker, names: &str) -> String {
    match marker {
        Marker::Authority => format!("@cert-authority {names}"),
        _ => names.to_owned(),
    }
}

pub(super) fn shown(untrusted: &str) -> String {
    display::ascii(untrusted.as_bytes(), NAME_WIDTH)
}

/// A name for a command to paste.
pub(super) fn whole(untrusted: &str) -> String {
    display::ascii(untrusted.as_bytes(), usize::MAX)
}

pub(super) fn shown_place(place: &Place) -> String {
    display::ascii(place.to_string().as_bytes(), PLACE_WIDTH)
}

/// Prints rows with their columns aligned; the cells have passed the sanitizer. Where a terminal has
/// no room for a row, its last cells go on in another line.
pub(super) fn say_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let to_people = is_for_people();
    for row in rows {
        let (mut text, mut at) = (String::new(), 0);
        for (cell, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
            if to_people && at > 0 && at + GAP + cell.len() > WIDTH {
                text.truncate(text.trim_end().len());
                text.push_str(&format!("\n{:CONTINUATION_INDENT$}", ""));
                at = CONTINUATION_INDENT;
            } else {
                text.push_str(&format!("{:GAP$}", ""));
                at += GAP;
            }
            text.push_str(&format!("{cell:width$}"));
            at += width;
        }
        say(text.trim_end());
    }
}
