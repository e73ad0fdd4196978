//! The two things that the dialog needs of the X server and that GDK has no safe call for in all of
//! its supported versions: its time, and the message that asks for attention.

use std::error::Error;

use gtk::gdk;
use gtk::prelude::*;
use x11rb::COPY_DEPTH_FROM_PARENT;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, PropMode,
    Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::gate::ServerTime;

const ADD: u32 = 1;
const FROM_AN_APPLICATION: u32 = 1;

/// A connection of our own to the X server that GTK shows the window on.
pub struct Server {
    x: RustConnection,
    root: Window,
    /// Never shown; its property changes carry the server's time.
    clock: Window,
    state: Atom,
    attention: Atom,
}

impl Server {
    /// # Errors
    /// No connection, or none that does what the X protocol says.
    pub fn connect() -> Result<Self, Box<dyn Error>> {
        let (x, screen) = x11rb::connect(None)?;
        let root = x.setup().roots.get(screen).ok_or("no such screen")?.root;
        let state = x.intern_atom(false, b"_NET_WM_STATE")?;
        let attention = x.intern_atom(false, b"_NET_WM_STATE_DEMANDS_ATTENTION")?;
        let (state, attention) = (state.reply()?.atom, attention.reply()?.atom);
        let clock = x.generate_id()?;
        let (depth, class) = (COPY_DEPTH_FROM_PARENT, WindowClass::INPUT_OUTPUT);
        let listen = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        x.create_window(depth, clock, root, 0, 0, 1, 1, 0, class, 0, &listen)?
            .check()?;
        Ok(Self {
            x,
            root,
            clock,
            state,
            attention,
        })
    }

    /// The server's time after it has carried out all that GTK has asked of it. `None` if the server
    /// is gone.
    pub fn time(&self) -> Option<ServerTime> {
        gdk::Display::default()?.sync();
        self.ask_time().ok()
    }

    /// As X11's ICCCM advises (2.1): change a property by nothing, and read the time of the change.
    fn ask_time(&self) -> Result<ServerTime, Box<dyn Error>> {
        let (append, atom) = (PropMode::APPEND, AtomEnum::ATOM);
        self.x
            .change_property32(append, self.clock, self.state, atom, &[])?
            .check()?;
        loop {
            if let Event::PropertyNotify(changed) = self.x.wait_for_event()? {
                return Ok(ServerTime(changed.time));
            }
        }
    }

    /// Asks the window manager to point at `window`. Qubes' gui-agent passes on this message and
    /// nothing else of the kind (not the urgency hint that GTK can set), and only if it goes to the
    /// root window after `window` was mapped. Where nobody listens, nothing happens.
    pub fn ask_for_attention(&self, window: &gtk::Window) {
        let Some(window) = window
            .window()
            .and_then(|w| w.downcast::<gdkx11::X11Window>().ok())
        else {
            return;
        };
        if let Ok(id) = u32::try_from(window.xid()) {
            let _ = self.send_attention(id);
        }
    }

    fn send_attention(&self, window: Window) -> Result<(), Box<dyn Error>> {
        let data = [ADD, self.attention, 0, FROM_AN_APPLICATION, 0];
        let message = ClientMessageEvent::new(32, window, self.state, data);
        let to_window_manager = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.x
            .send_event(false, self.root, to_window_manager, message)?
            .check()?;
        Ok(())
    }
}
