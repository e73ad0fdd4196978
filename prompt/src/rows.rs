//! The claims, one a row, each part in its own column, so that no value can look like another row. On a
//! screen that is too small for the window they scroll, so that no button lies outside.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gtk::prelude::*;

use crate::look::{add_class, sentence, set_spoken, text};
use crate::question::{Class, Mark, Row};
use crate::wording;

/// What fits beside each other, value and note.
const LINE_CHARS: usize = 72;
/// Room for a title bar and a panel, in pixels.
const AROUND_THE_WINDOW: i32 = 48;
/// Rows scroll in no less than this, in pixels: five of them.
const LEAST_HEIGHT: i32 = 110;

pub struct Rows {
    holder: gtk::Box,
    grid: gtk::Grid,
    lines: Cell<i32>,
    is_read: Cell<bool>,
    when_read: RefCell<Option<Box<dyn Fn()>>>,
}

impl Rows {
    pub fn new(rows: &[Row]) -> Rc<Self> {
        let holder = gtk::Box::new(gtk::Orientation::Vertical, 0);
        let grid = grid(rows);
        holder.pack_start(&grid, true, true, 0);
        Rc::new(Self {
            holder,
            grid,
            lines: Cell::new(i32::try_from(rows.len()).unwrap_or(i32::MAX)),
            is_read: Cell::new(true),
            when_read: RefCell::default(),
        })
    }

    pub fn widget(&self) -> &gtk::Box {
        &self.holder
    }

    /// Adds a field to type in below the rows. `label` has its mnemonic.
    pub fn add_field(&self, label: &str, entry: &gtk::Entry) {
        let line = self.lines.replace(self.lines.get().saturating_add(1));
        let label = gtk::Label::with_mnemonic(label);
        label.set_xalign(1.0);
        add_class(&label, "label");
        add_class(&label, "first");
        add_class(entry, "first");
        label.set_mnemonic_widget(Some(entry));
        // A chooser of pictures is a window of its own.
        entry.set_input_hints(gtk::InputHints::NO_EMOJI | gtk::InputHints::NO_SPELLCHECK);
        self.grid.attach(&label, 0, line, 1, 1);
        self.grid.attach(entry, 1, line, 2, 1);
    }

    /// Whether the last row has been on the screen.
    pub fn is_read(&self) -> bool {
        self.is_read.get()
    }

    /// Called once, when the last row comes onto the screen, if it was not there from the start.
    pub fn connect_read(&self, when_read: impl Fn() + 'static) {
        self.when_read.replace(Some(Box::new(when_read)));
    }

    /// Lets the rows scroll if `page`, all that the window holds, is too high for the screen.
    pub fn fit(self: &Rc<Self>, page: &gtk::Box) {
        let Some((width, height)) = screen() else {
            return;
        };
        page.show_all();
        let width = page.preferred_width().1.min(width);
        let excess = page.preferred_height_for_width(width).1 - height;
        if excess <= 0 {
            return;
        }
        let rows = self.holder.preferred_height_for_width(width).1;
        self.scroll((rows - excess).max(LEAST_HEIGHT));
    }

    fn scroll(self: &Rc<Self>, height: i32) {
        let scroller = gtk::ScrolledWindow::builder()
            .hscrollbar_policy(gtk::PolicyType::Never)
            .overlay_scrolling(false) // a bar that hides itself would hide that there is more
            .min_content_height(height)
            .max_content_height(height)
            .build();
        add_class(&scroller, "scrolled");
        self.holder.remove(&self.grid);
        scroller.add(&self.grid);
        self.holder.pack_start(&scroller, true, true, 0);
        self.is_read.set(false);
        let adjustment = scroller.vadjustment();
        let rows = Rc::clone(self);
        adjustment.connect_value_changed(move |at| rows.follow(at));
        let rows = Rc::clone(self);
        adjustment.connect_changed(move |at| rows.follow(at));
    }

    fn follow(&self, at: &gtk::Adjustment) {
        let is_laid_out = at.page_size() > 1.0;
        let is_at_end = at.value() + at.page_size() >= at.upper() - 1.0;
        if is_laid_out && is_at_end && !self.is_read.replace(true) {
            if let Some(when_read) = &*self.when_read.borrow() {
                when_read();
            }
        }
    }
}

/// Width and height that a window may have.
fn screen() -> Option<(i32, i32)> {
    let display = gtk::gdk::Display::default()?;
    let monitor = display.primary_monitor().or_else(|| display.monitor(0))?;
    let area = monitor.workarea();
    Some((area.width(), area.height() - AROUND_THE_WINDOW))
}

fn grid(rows: &[Row]) -> gtk::Grid {
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
        let note = sentence(note, "note");
        if !is_wide {
            // A note that wraps after all stays beside the value by its first line.
            value.set_valign(gtk::Align::Baseline);
            note.set_valign(gtk::Align::Baseline);
        }
        cell.pack_start(&note, false, false, 0);
    }
    cell
}
