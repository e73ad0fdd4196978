//! How both windows look: the style sheet, and text in it.

use gtk::prelude::*;
use gtk::{gdk, glib, pango};

const STYLE: &str = include_str!("style.css");
const PROSE_WIDTH: i32 = 58;

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
