//! The window of `split-ssh ui`. It shows what it is told, and tells which button was pressed.

use std::cell::RefCell;
use std::io::Stdin;
use std::process::exit;

use gtk::prelude::*;
use gtk::{gdk, glib};
use policy::overview::{Action, Overview};

use crate::answer;
use crate::ending::{EXIT_ABANDONED, Opened, end};
use crate::icons::{self, Icon};
use crate::lines::LineReader;
use crate::look::{self, add_class, set_spoken};
use crate::overview;
use crate::overview_list::{OverviewList, filling};

/// As large as most people want it, in pixels.
const SIZE: (i32, i32) = (860, 680);

struct OverviewWindow {
    window: gtk::Window,
    state: gtk::Label,
    calm: gtk::DrawingArea,
    alarm: gtk::DrawingArea,
    page: gtk::Box,
    lists: RefCell<Vec<OverviewList>>,
}

thread_local! {
    /// Lines come on a thread of their own; GTK's things stay on this one.
    static WINDOW: RefCell<Option<OverviewWindow>> = const { RefCell::new(None) };
}

/// Builds the window and shows it, until the person closes it.
///
/// # Errors
/// The style sheet does not parse.
pub fn open(first: Overview, asker: LineReader<Stdin>) -> Opened {
    let window = OverviewWindow::build()?;
    window.show(first);
    WINDOW.set(Some(window));
    std::thread::spawn(move || follow(asker));
    Ok(())
}

/// Shows each further line.
fn follow(mut asker: LineReader<Stdin>) {
    loop {
        let overview = asker.parse_next(overview::parse);
        glib::MainContext::default().invoke(|| {
            WINDOW.with_borrow(|window| {
                if let Some(window) = window {
                    window.show(overview);
                }
            });
        });
    }
}

impl OverviewWindow {
    fn build() -> Result<Self, glib::Error> {
        let window = gtk::Window::new(gtk::WindowType::Toplevel);
        window.set_title("Split SSH");
        window.set_icon_list(&icons::window_icons());
        let (width, height) = look::screen();
        window.set_default_size(SIZE.0.min(width), SIZE.1.min(height));
        look::dress(&window)?;
        add_class(&window, "overview");

        let band = gtk::Box::new(gtk::Orientation::Horizontal, 10);
        add_class(&band, "band");
        let calm = icons::picture(Icon::Padlock, look::icon_size(), "The vault");
        let alarm = icons::picture(Icon::Triangle, look::icon_size(), "Trouble");
        let state = filling("", "state");
        band.pack_start(&calm, false, false, 0);
        band.pack_start(&alarm, false, false, 0);
        band.pack_start(&state, true, true, 0);

        let page = gtk::Box::new(gtk::Orientation::Vertical, 0);
        add_class(&page, "page");
        let scroller = gtk::ScrolledWindow::builder()
            .hscrollbar_policy(gtk::PolicyType::Never)
            .overlay_scrolling(false) // a bar that hides itself would hide that there is more
            .can_focus(false)
            .build();
        set_spoken(&scroller, "What there is");
        scroller.add(&page);
        page.set_focus_vadjustment(&scroller.vadjustment());

        let whole = gtk::Box::new(gtk::Orientation::Vertical, 0);
        whole.pack_start(&band, false, false, 0);
        whole.pack_start(&scroller, true, true, 0);
        window.add(&whole);
        window.connect_delete_event(|_, _| end(Ok(())));
        window.connect_key_press_event(move |_, event| keys(event, &scroller.vadjustment()));
        Ok(Self {
            window,
            state,
            calm,
            alarm,
            page,
            lists: RefCell::default(),
        })
    }

    fn show(&self, overview: Overview) {
        let classes = self.window.style_context();
        let (other, class) = match overview.is_trouble {
            true => ("routine", "unusual"),
            false => ("unusual", "routine"),
        };
        classes.remove_class(other);
        classes.add_class(class);
        look::set_shown(&self.calm, !overview.is_trouble);
        look::set_shown(&self.alarm, overview.is_trouble);
        self.state.set_text(&overview.state);

        let mut lists = self.lists.borrow_mut();
        for (at, section) in overview.sections.into_iter().enumerate() {
            if lists.len() <= at {
                let list = OverviewList::new(&section.title, &section.empty);
                self.page.pack_start(list.widget(), false, false, 0);
                lists.push(list);
            }
            if let Some(list) = lists.get_mut(at) {
                list.show(section, press);
            }
        }
        self.window.show_all();
    }
}

/// Tells what the person wants.
fn press(action: Action) {
    if answer::send(&action).is_err() {
        exit(EXIT_ABANDONED);
    }
}

fn keys(event: &gdk::EventKey, at: &gtk::Adjustment) -> glib::Propagation {
    use gdk::keys::constants as key;
    let pages = match event.keyval() {
        key::Escape => end(Ok(())),
        key::Page_Down | key::KP_Page_Down => 0.8,
        key::Page_Up | key::KP_Page_Up => -0.8,
        key::Home | key::KP_Home => f64::NEG_INFINITY,
        key::End | key::KP_End => f64::INFINITY,
        _ => return glib::Propagation::Proceed,
    };
    at.set_value(at.value() + pages * at.page_size());
    glib::Propagation::Stop
}
