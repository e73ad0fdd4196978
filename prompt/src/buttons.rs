//! The answers: what denies on the left, what allows on the right, in as many lines as the screen needs.

use gtk::prelude::*;

use crate::look::{add_class, line_width};

const GAP: i32 = 8;
/// What the style sheet adds to a button that has its place, in pixels.
const INSETS: i32 = 24;

/// Lays out two groups of buttons: in one line if they fit, else a line for each group, else a line for each button.
pub fn lay_out(denying: &[gtk::Button], allowing: &[gtk::Button]) -> gtk::Box {
    let holder = gtk::Box::new(gtk::Orientation::Vertical, GAP);
    add_class(&holder, "buttons");
    let width =
        |group: &[gtk::Button]| -> i32 { group.iter().map(|button| width(button) + GAP).sum() };
    if width(denying) + width(allowing) <= line_width() {
        let line = line(denying);
        for button in allowing.iter().rev() {
            line.pack_end(button, false, false, 0);
        }
        holder.pack_start(&line, false, false, 0);
        return holder;
    }
    for (group, is_allowing) in [(denying, false), (allowing, true)] {
        if width(group) <= line_width() {
            let line = line(group);
            if is_allowing {
                line.set_halign(gtk::Align::End);
            }
            holder.pack_start(&line, false, false, 0);
        } else {
            for button in group {
                holder.pack_start(button, false, false, 0);
            }
        }
    }
    holder
}

fn line(group: &[gtk::Button]) -> gtk::Box {
    let line = gtk::Box::new(gtk::Orientation::Horizontal, GAP);
    for button in group {
        line.pack_start(button, false, false, 0);
    }
    line
}

fn width(button: &gtk::Button) -> i32 {
    button.show_all(); // what is hidden measures nothing
    button.preferred_width().1 + INSETS
}
