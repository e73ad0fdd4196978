//! Tells when the screen is locked, for a vault that forgets its approvals then. It listens to
//! the desktop and to logind and asks nothing. Where there is nothing to listen to, it ends.

use std::io::{self, Read};
use std::process::exit;

use gtk::gio;
use gtk::glib::{self, Variant};
use policy::question::protocol::ScreenLocked;

use crate::answer;
use crate::ending::end;

/// Each desktop's own; all say `ActiveChanged` with a boolean. KDE and LXQt have the first.
const SCREEN_SAVERS: [&str; 5] = [
    "org.freedesktop.ScreenSaver",
    "org.gnome.ScreenSaver",
    "org.xfce.ScreenSaver",
    "org.cinnamon.ScreenSaver",
    "org.mate.ScreenSaver",
];
/// What `loginctl lock-session` and a lid that is closed send.
const LOGIND: &str = "org.freedesktop.login1";
const LOGIND_SESSION: &str = "org.freedesktop.login1.Session";

/// Listens until stdin ends, or until there is nothing to listen to.
pub fn run() {
    std::thread::spawn(end_with_the_asker);
    let desktop = bus(gio::BusType::Session);
    let system = bus(gio::BusType::System);
    if desktop.is_none() && system.is_none() {
        return;
    }
    if let Some(bus) = &desktop {
        // Whoever owns the name: a program that says it without owning it can only make the vault ask.
        for name in SCREEN_SAVERS {
            subscribe(bus, None, name, "ActiveChanged", |untrusted| {
                if untrusted.try_child_get(0) == Ok(Some(true)) {
                    locked();
                }
            });
        }
        // The session is over, and with it whoever could tell that the screen is locked.
        bus.connect_closed(|_, _, _| {
            locked();
            exit(0);
        });
    }
    if let Some(bus) = &system {
        subscribe(bus, Some(LOGIND), LOGIND_SESSION, "Lock", |_| locked());
    }
    glib::MainLoop::new(None, false).run();
}

fn bus(kind: gio::BusType) -> Option<gio::DBusConnection> {
    let bus = gio::bus_get_sync(kind, None::<&gio::Cancellable>).ok()?;
    bus.set_exit_on_close(false);
    Some(bus)
}

// The call that is preferred to this one is not in the oldest release that we build with.
#[allow(deprecated)]
fn subscribe(
    bus: &gio::DBusConnection,
    sender: Option<&str>,
    interface: &str,
    signal: &str,
    heard: impl Fn(&Variant) + 'static,
) {
    let flags = gio::DBusSignalFlags::NONE;
    bus.signal_subscribe(
        sender,
        Some(interface),
        Some(signal),
        None,
        None,
        flags,
        move |_, _, _, _, _, arguments| heard(arguments),
    );
}

fn locked() {
    if answer::send(&ScreenLocked { locked: true }).is_err() {
        exit(0);
    }
}

fn end_with_the_asker() {
    let mut nothing = [0; 64];
    loop {
        match io::stdin().read(&mut nothing) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => end(Ok(())),
            Ok(_) => {}
        }
    }
}
