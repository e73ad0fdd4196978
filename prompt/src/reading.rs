//! What is to be read, between the heading and the buttons. It scrolls where the screen is too small for it, and knows
//! whether its end has been on the screen. Behind that end are the details, folded away.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gtk::prelude::*;

use crate::look::{add_class, set_shown, set_spoken};

pub struct Reading {
    scroller: gtk::ScrolledWindow,
    content: gtk::Box,
    /// What must be read before anything is allowed.
    required: gtk::Box,
    has_been_read: Cell<bool>,
    when_read: RefCell<Option<Box<dyn Fn()>>>,
}

impl Reading {
    pub fn new() -> Rc<Self> {
        let content = gtk::Box::new(gtk::Orientation::Vertical, 0);
        let required = gtk::Box::new(gtk::Orientation::Vertical, 0);
        content.pack_start(&required, false, false, 0);
        let scroller = gtk::ScrolledWindow::builder()
            .hscrollbar_policy(gtk::PolicyType::Never)
            .overlay_scrolling(false) // a bar that hides itself would hide that there is more
            .propagate_natural_width(true)
            .can_focus(false)
            .build();
        add_class(&scroller, "reading");
        set_spoken(&scroller, "What the request says");
        scroller.add(&content);
        let reading = Rc::new(Self {
            scroller,
            content,
            required,
            has_been_read: Cell::new(false),
            when_read: RefCell::default(),
        });
        let follow = Rc::clone(&reading);
        let adjustment = reading.scroller.vadjustment();
        adjustment.connect_value_changed(move |_| follow.follow());
        let follow = Rc::clone(&reading);
        reading
            .required
            .connect_size_allocate(move |_, _| follow.follow());
        reading
    }

    pub fn widget(&self) -> &gtk::ScrolledWindow {
        &self.scroller
    }

    /// Shows it, or hides it from everything that shows all.
    pub fn show(&self, is_there: bool) {
        set_shown(&self.scroller, is_there);
        if is_there {
            self.scroller.show_all();
        }
    }

    pub fn append(&self, widget: &impl IsA<gtk::Widget>) {
        self.required.pack_start(widget, false, false, 0);
    }

    /// Puts `widget` before all that was appended.
    pub fn prepend(&self, widget: &impl IsA<gtk::Widget>) {
        self.append(widget);
        self.required.reorder_child(widget, 0);
    }

    /// Adds what only a closer look needs. `when_toggled` is called after each opening and closing.
    pub fn append_details(self: &Rc<Self>, details: &gtk::Grid, when_toggled: impl Fn() + 'static) {
        let fold = gtk::Expander::with_mnemonic("D_etails");
        add_class(&fold, "fold");
        fold.add(details);
        let is_new = Rc::new(Cell::new(false));
        let opened = Rc::clone(&is_new);
        fold.connect_expanded_notify(move |fold| {
            opened.set(fold.is_expanded());
            when_toggled();
        });
        // Where it scrolls, what was opened is scrolled to, as soon as its place is known.
        let reading = Rc::clone(self);
        fold.connect_size_allocate(move |_, place| {
            if is_new.replace(false) {
                reading.scroll_to(f64::from(place.y()));
            }
        });
        self.content.pack_start(&fold, false, false, 0);
    }

    /// Whether the end of what must be read has been on the screen.
    pub fn has_been_read(&self) -> bool {
        self.has_been_read.get()
    }

    /// Called once, when the end comes onto the screen.
    pub fn connect_read(&self, when_read: impl Fn() + 'static) {
        self.when_read.replace(Some(Box::new(when_read)));
    }

    /// Gives the text the height that it needs at this width, but no more than `most`.
    pub fn fit(&self, width: i32, most: i32) {
        let needed = self.content.preferred_height_for_width(width).1;
        self.set_height(needed.min(most));
    }

    pub fn set_height(&self, height: i32) {
        // In this order: the least may at no time be above the most.
        self.scroller.set_min_content_height(-1);
        self.scroller.set_max_content_height(height.max(1));
        self.scroller.set_min_content_height(height.max(1));
    }

    /// Moves the text by a page, up or down.
    pub fn scroll(&self, down: bool) {
        let at = self.scroller.vadjustment();
        let step = at.page_size() * if down { 0.8 } else { -0.8 };
        at.set_value(at.value() + step);
    }

    fn scroll_to(self: &Rc<Self>, at: f64) {
        let reading = Rc::clone(self);
        gtk::glib::idle_add_local_once(move || reading.scroller.vadjustment().set_value(at));
    }

    fn follow(&self) {
        let at = self.scroller.vadjustment();
        let end = self.required.allocation().height();
        let has_place = end > 1 || self.required.children().is_empty();
        let is_laid_out = at.page_size() > 1.0 && has_place;
        let is_at_end = at.value() + at.page_size() >= f64::from(end) - 1.0;
        if !is_laid_out || !is_at_end || self.has_been_read.replace(true) {
            return;
        }
        if let Some(when_read) = &*self.when_read.borrow() {
            when_read();
        }
    }
}
