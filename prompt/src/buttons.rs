//! The answers: what denies on the left, what allows on the right, in as many lines as the screen needs.

use gtk::prelude::*;

use crate::look::{add_class, line_width};

const GAP: i32 = 8;
/// What the style sheet adds to a button that has its place, in pixels.
const INSETS: i32 = 24;

/// Lays out two groups of buttons: in one line if they fit, else each group in lines of its own.
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
        for group in lines_of(group) {
            let line = line(&group);
            if is_allowing {
                line.set_halign(gtk::Align::End);
            }
            holder.pack_start(&line, false, false, 0);
        }
    }
    holder
}

/// As many buttons in a line as fit.
fn lines_of(group: &[gtk::Button]) -> Vec<Vec<gtk::Button>> {
    let mut lines: Vec<Vec<gtk::Button>> = Vec::new();
    let mut left = 0;
    for button in group {
        let needed = width(button) + GAP;
        match lines.last_mut().filter(|_| needed <= left) {
            Some(line) => line.push(button.clone()),
            None => {
                lines.push(vec![button.clone()]);
                left = line_width() + GAP;
            }
        }
        left -= needed;
    }
    lines
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
