//! Shows one notification over D-Bus, as freedesktop's specification 1.2 says. It tells, it never
//! asks: no actions. Where nobody listens, nothing happens.

use std::collections::HashMap;
use std::time::Duration;

use gtk::gio;
use gtk::gio::prelude::*;
use gtk::glib::{self, Variant};

use policy::question::protocol::{Notification, Urgency};

/// A desktop that does not answer must not keep the vault's process around.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
const REPLACES_NONE: u32 = 0;
/// How long it is shown.
const AS_THE_DESKTOP_LIKES: i32 = -1;

/// Shows it; `None` where it could not be shown.
pub fn show(notification: &Notification) -> Option<()> {
    // Connecting has no time-out of its own.
    std::thread::spawn(|| {
        std::thread::sleep(CALL_TIMEOUT);
        std::process::exit(0);
    });
    let bus = gio::bus_get_sync(gio::BusType::Session, None::<&gio::Cancellable>).ok()?;
    let capabilities: Vec<String> = call(&bus, "GetCapabilities", None)?
        .try_child_get(0)
        .ok()??;
    let body = if capabilities.iter().any(|c| c == "body-markup") {
        glib::markup_escape_text(&notification.body).to_string()
    } else {
        notification.body.clone()
    };
    let urgency: u8 = match notification.urgency {
        Urgency::Low => 0,
        Urgency::Normal => 1,
        Urgency::Critical => 2,
    };
    let hints = HashMap::from([("urgency", urgency.to_variant())]);
    let no_actions: Vec<String> = Vec::new();
    let arguments = (
        "Split SSH",
        REPLACES_NONE,
        "",
        &notification.summary,
        &body,
        no_actions,
        hints,
        AS_THE_DESKTOP_LIKES,
    )
        .to_variant();
    call(&bus, "Notify", Some(&arguments)).map(|_| ())
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
