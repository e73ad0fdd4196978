//! Shows a notification over D-Bus, as freedesktop's specification 1.2 says, with one button at most. Where nobody
//! listens, nothing happens.

use std::cell::Cell;
use std::collections::HashMap;
use std::process::exit;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use gtk::gio;
use gtk::gio::prelude::*;
use gtk::glib::{self, Variant};

use policy::question::protocol::{Notification, Urgency};

use crate::bus;

/// A desktop that does not answer must not keep the vault's process around.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a button is waited for, as docs/prompt-protocol.md says: the vault does not wait longer.
const BUTTON_TIME: Duration = Duration::from_secs(60);
const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
const REPLACES_NONE: u32 = 0;
/// How long it is shown.
const AS_THE_DESKTOP_LIKES: i32 = -1;
/// What the specification calls a click on the notification itself.
const DEFAULT_ACTION: &str = "default";

/// The number of the notification that this process shows; 0 for none.
static SHOWN: AtomicU32 = AtomicU32::new(0);

/// What a notification may be answered with.
pub struct Button {
    pub label: &'static str,
    /// Whether a click on the notification itself means the same, and it stays until its time is over.
    pub is_question: bool,
    /// How long it counts.
    pub time: Duration,
}

/// Shows it for the vault; true if its button was pressed.
pub fn show(notification: &Notification) -> bool {
    // Connecting has no time-out of its own.
    std::thread::spawn(|| {
        std::thread::sleep(CALL_TIMEOUT);
        if SHOWN.load(Relaxed) == 0 {
            exit(0);
        }
    });
    let button = notification.revokes.map(|_| Button {
        label: "Revoke",
        is_question: false,
        time: BUTTON_TIME,
    });
    show_with(notification, button.as_ref()).unwrap_or(false)
}

/// Shows it, and waits until its button is pressed, it is closed or its time is over; true if the button was pressed.
/// `None` where it could not be shown.
pub fn show_with(notification: &Notification, button: Option<&Button>) -> Option<bool> {
    let context = glib::MainContext::new();
    let done = context.with_thread_default(|| {
        let bus = bus::connect(gio::BusType::Session)?;
        let capabilities: Vec<String> = call(&bus, "GetCapabilities", None)?
            .try_child_get(0)
            .ok()??;
        let can = |what: &str| capabilities.iter().any(|capability| capability == what);
        let button = button.filter(|_| can("actions"));
        let pressed = Rc::new(Cell::new(false));
        let end = glib::MainLoop::new(Some(&context), false);
        if button.is_some() {
            listen(&bus, &pressed, &end);
        }
        SHOWN.store(
            send(&bus, notification, can("body-markup"), button)?,
            Relaxed,
        );
        let Some(button) = button else {
            return Some(false);
        };
        let over = end.clone();
        let clock =
            glib::timeout_source_new(button.time, None, glib::Priority::DEFAULT, move || {
                over.quit();
                glib::ControlFlow::Break
            });
        clock.attach(Some(&context));
        end.run();
        Some(pressed.get())
    });
    done.ok()?
}

/// Takes back what this process shows; to be called before it ends.
pub fn withdraw() {
    let shown = SHOWN.swap(0, Relaxed);
    if shown == 0 {
        return;
    }
    if let Some(bus) = bus::connect(gio::BusType::Session) {
        let _ = call(&bus, "CloseNotification", Some(&(shown,).to_variant()));
    }
}

fn send(
    bus: &gio::DBusConnection,
    notification: &Notification,
    reads_markup: bool,
    button: Option<&Button>,
) -> Option<u32> {
    let body = match reads_markup {
        true => glib::markup_escape_text(&notification.body).to_string(),
        false => notification.body.clone(),
    };
    let urgency: u8 = match notification.urgency {
        Urgency::Low => 0,
        Urgency::Normal => 1,
        Urgency::Critical => 2,
    };
    let hints = HashMap::from([("urgency", urgency.to_variant())]);
    let mut actions: Vec<&str> = Vec::new();
    if let Some(button) = button {
        if button.is_question {
            actions.extend([DEFAULT_ACTION, button.label]);
        }
        actions.extend([button.label, button.label]);
    }
    let question = button.filter(|button| button.is_question);
    let shown_for = question.and_then(|button| i32::try_from(button.time.as_millis()).ok());
    let arguments = (
        "Split SSH",
        REPLACES_NONE,
        notification.urgency.icon(),
        &notification.summary,
        &body,
        actions,
        hints,
        shown_for.unwrap_or(AS_THE_DESKTOP_LIKES),
    )
        .to_variant();
    call(bus, "Notify", Some(&arguments))?
        .try_child_get(0)
        .ok()?
}

fn listen(bus: &gio::DBusConnection, pressed: &Rc<Cell<bool>>, end: &glib::MainLoop) {
    for (signal, is_press) in [("ActionInvoked", true), ("NotificationClosed", false)] {
        let (pressed, end) = (Rc::clone(pressed), end.clone());
        bus::subscribe(bus, Some(NAME), NAME, signal, move |arguments| {
            // There is one button: whatever was pressed was that.
            if arguments.try_child_get(0) == Ok(Some(SHOWN.load(Relaxed))) {
                pressed.set(pressed.get() || is_press);
                end.quit();
            }
        });
    }
}

fn call(bus: &gio::DBusConnection, method: &str, arguments: Option<&Variant>) -> Option<Variant> {
    let patience = i32::try_from(CALL_TIMEOUT.as_millis()).ok()?;
    let flags = gio::DBusCallFlags::NONE;
    bus.call_sync(
        Some(NAME),
        PATH,
        NAME,
        method,
        arguments,
        None,
        flags,
        patience,
        None::<&gio::Cancellable>,
    )
    .ok()
}
