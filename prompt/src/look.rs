//! How both windows look: the style sheet, text in it, and how much room there is for it.

use gtk::atk::Role;
use gtk::prelude::*;
use gtk::{gdk, glib, pango};

const STYLE: &str = include_str!("style.css");
/// A line of more characters than this is hard to read.
const LINE_CHARS: i32 = 72;
/// The page's padding on both sides and a scroll bar, in pixels.
const BESIDE_THE_TEXT: i32 = 64;
/// Room for a title bar and a panel, in pixels.
const ABOVE_THE_WINDOW: i32 = 48;
/// The highest title bar: xfwm4's has 29 pixels.
const TITLE_BAR: i32 = 32;
/// Where no monitor is known: the smallest that Qubes is used on.
const SOME_SCREEN: (i32, i32) = (1024, 600);

/// The smallest screen that a window fits on, in pixels.
const SMALLEST: (i32, i32) = (800, 480);

/// Draws in the screen's own pixels where the desktop's scale would leave too few of them: letters that are smaller than
/// elsewhere are better than buttons beyond the edge. To be called before there is a window.
pub fn limit_scale() {
    let area = work_area();
    if area.width() >= SMALLEST.0 && area.height() >= SMALLEST.1 {
        return;
    }
    let display = gdk::Display::default();
    if let Some(display) = display.and_then(|it| it.downcast::<gdkx11::X11Display>().ok()) {
        display.set_window_scale(1);
    }
}

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

/// Width and height that a window may have, in pixels.
pub fn screen() -> (i32, i32) {
    let area = work_area();
    (area.width(), area.height() - ABOVE_THE_WINDOW)
}

/// The lowest line that a window may reach, in pixels from the top, less its title bar.
pub fn screen_end() -> i32 {
    let area = work_area();
    area.y() + area.height() - TITLE_BAR
}

/// What panels leave of the screen.
fn work_area() -> gdk::Rectangle {
    let display = gdk::Display::default();
    let monitor =
        display.and_then(|display| display.primary_monitor().or_else(|| display.monitor(0)));
    match monitor {
        Some(monitor) => monitor.workarea(),
        None => gdk::Rectangle::new(0, 0, SOME_SCREEN.0, SOME_SCREEN.1),
    }
}

/// The widest that a line of text may be, in pixels.
pub fn line_width() -> i32 {
    let most = screen().0 - BESIDE_THE_TEXT;
    most.min(LINE_CHARS * char_width(&text("", "value")))
}

pub fn add_class(widget: &impl IsA<gtk::Widget>, class: &str) {
    widget.style_context().add_class(class);
}

/// Shows `widget`, or hides it from everything that shows all.
pub fn set_shown(widget: &impl IsA<gtk::Widget>, is_shown: bool) {
    widget.set_no_show_all(!is_shown);
    widget.set_visible(is_shown);
}

/// What a screen reader calls the widget.
pub fn set_spoken(widget: &impl IsA<gtk::Widget>, name: &str) {
    if let Some(accessible) = widget.accessible() {
        accessible.set_name(name);
    }
}

/// The same, and what it takes the widget for.
pub fn set_spoken_as(widget: &impl IsA<gtk::Widget>, role: Role, name: &str) {
    set_spoken(widget, name);
    if let Some(accessible) = widget.accessible() {
        accessible.set_role(role);
    }
}

/// A label that never reads markup.
pub fn text(text: &str, class: &str) -> gtk::Label {
    let label = gtk::Label::new(None);
    label.set_use_markup(false);
    label.set_text(text);
    label.set_xalign(0.0);
    add_class(&label, class);
    label.show(); // what is hidden measures nothing
    label
}

/// A text that wraps, and is no wider than `width` pixels.
pub fn wrapped(words: &str, class: &str, width: i32) -> gtk::Label {
    let label = text(words, class);
    label.set_line_wrap(true);
    label.set_line_wrap_mode(pango::WrapMode::WordChar);
    label.set_attributes(Some(&attributes()));
    label.set_max_width_chars((width / char_width(&label)).max(1));
    label
}

/// What a text that wraps is set with: a hyphen at the end of a line would look like one of the value's own.
pub fn attributes() -> pango::AttrList {
    let attributes = pango::AttrList::new();
    attributes.insert(pango::AttrInt::new_insert_hyphens(false));
    attributes
}

/// A sentence as wide as the page.
pub fn sentence(words: &str, class: &str) -> gtk::Label {
    wrapped(words, class, line_width())
}

/// Changes a label's text, if it is another one: each change has the whole window laid out.
pub fn set_text(label: &gtk::Label, words: &str) {
    if label.text() != words {
        label.set_text(words);
    }
}

/// The height of an icon that stands beside a line of text, in pixels.
pub fn icon_size() -> i32 {
    let metrics = metrics(&text("", "value"));
    (metrics.ascent() + metrics.descent()) * 5 / (4 * pango::SCALE)
}

/// The width of a character in the label's face, as GTK counts them.
fn char_width(label: &gtk::Label) -> i32 {
    let metrics = metrics(label);
    let (letter, digit) = (
        metrics.approximate_char_width(),
        metrics.approximate_digit_width(),
    );
    (letter.max(digit) / pango::SCALE).max(1)
}

fn metrics(label: &gtk::Label) -> pango::FontMetrics {
    let context = label.pango_context();
    context.metrics(context.font_description().as_ref(), None)
}
