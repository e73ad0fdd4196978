//! Asks for attention. Qubes' gui-agent passes on `_NET_WM_STATE_DEMANDS_ATTENTION` and nothing else
//! of the kind (not the urgency hint that GTK can set), and only if it comes as the EWMH message to
//! the root window after the window was mapped. GDK has no safe call that sends such a message.

use gtk::prelude::*;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ClientMessageEvent, ConnectionExt, EventMask};

const ADD: u32 = 1;
const FROM_AN_APPLICATION: u32 = 1;

/// Asks the window manager to point at `window`. Without one, or on failure, nothing happens: the
/// question is on the screen all the same.
pub fn ask_for(window: &gtk::Window) {
    let Some(window) = window
        .window()
        .and_then(|w| w.downcast::<gdkx11::X11Window>().ok())
    else {
        return;
    };
    if let Ok(id) = u32::try_from(window.xid()) {
        let _ = send(id);
    }
}

fn send(window: u32) -> Result<(), Box<dyn std::error::Error>> {
    let (x, screen) = x11rb::connect(None)?;
    let root = x.setup().roots.get(screen).ok_or("no such screen")?.root;
    let state = x.intern_atom(false, b"_NET_WM_STATE")?.reply()?.atom;
    let attention = x
        .intern_atom(false, b"_NET_WM_STATE_DEMANDS_ATTENTION")?
        .reply()?
        .atom;
    let message = ClientMessageEvent::new(
        32,
        window,
        state,
        [ADD, attention, 0, FROM_AN_APPLICATION, 0],
    );
    let to_window_manager = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
    x.send_event(false, root, to_window_manager, message)?
        .check()?;
    Ok(())
}
