//! The desktop's and the system's message bus.

use gtk::gio;
use gtk::glib::Variant;

/// A connection whose end does not end this process. `None` where there is no such bus.
pub fn connect(kind: gio::BusType) -> Option<gio::DBusConnection> {
    let bus = gio::bus_get_sync(kind, None::<&gio::Cancellable>).ok()?;
    bus.set_exit_on_close(false);
    Some(bus)
}

/// Calls `heard` with the arguments of each such signal; `None` takes it from any sender.
// The call that is preferred to `signal_subscribe` is not in the oldest release that we build with.
#[allow(deprecated)]
pub fn subscribe(
    bus: &gio::DBusConnection,
    sender: Option<&str>,
    interface: &str,
    signal: &str,
    heard: impl Fn(&Variant) + 'static,
) {
    let flags = gio::DBusSignalFlags::NONE;
    let heard = move |_: &_, _: &_, _: &_, _: &_, _: &_, arguments: &_| heard(arguments);
    bus.signal_subscribe(
        sender,
        Some(interface),
        Some(signal),
        None,
        None,
        flags,
        heard,
    );
}
