//! Tells when the screen is locked, for a vault that forgets its approvals then. It listens to
//! the desktop and to logind and asks nothing. Where there is nothing to listen to, it ends.

use std::io;
use std::process::exit;

use gtk::gio;
use gtk::glib;
use policy::question::protocol::ScreenLocked;

use crate::ending::end;
use crate::{answer, bus};

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
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        end(Ok(()));
    });
    let desktop = bus::connect(gio::BusType::Session);
    let system = bus::connect(gio::BusType::System);
    if desktop.is_none() && system.is_none() {
        return;
    }
    if let Some(bus) = &desktop {
        // Whoever owns the name: a program that says it without owning it can only make the vault ask.
        for name in SCREEN_SAVERS {
            bus::subscribe(bus, None, name, "ActiveChanged", |untrusted| {
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
        bus::subscribe(bus, Some(LOGIND), LOGIND_SESSION, "Lock", |_| locked());
    }
    glib::MainLoop::new(None, false).run();
}

fn locked() {
    if answer::send(&ScreenLocked { locked: true }).is_err() {
        exit(0);
    }
}
