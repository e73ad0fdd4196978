//! What both windows have in common: the one place where input passes the gate, the moment when the window is really on
//! the screen, the count-down, and the further lines from the vault.

use std::cell::{Cell, RefCell};
use std::io::{Read, Stdin};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use gtk::prelude::*;
use gtk::{gdk, glib};

use crate::gate::{Gate, Input, ServerTime};
use crate::icons::window_icons;
use crate::lines::LineReader;
use crate::look;
use crate::reminder::Reminder;
use crate::server::Server;

/// How often the gate and the count-down are checked.
const TICK: Duration = Duration::from_millis(50);

/// Updates read at once: more than come in a burst, and too few to stop the window if the vault floods it.
const LINES_PER_TICK: usize = 64;

/// Whether an allow would count now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Another window has the focus.
    Unfocused,
    /// In focus; the second without input is not over.
    Waiting,
    /// The enabled buttons are being painted; nothing counts until they have been.
    Painting,
    Ready,
}

/// What one kind of window does with what happens to it.
pub trait WindowEvents {
    fn readiness(&self, readiness: Readiness);
    /// The window is on the screen: say so to the asker.
    fn shown(&self);
    fn time_left(&self, left: Duration, time_allowed: Duration);
    fn unanswered(&self);
    /// Esc, or the window was closed.
    fn closed(&self);
    /// Enter, with this widget in focus. True if that is the end of it.
    fn enter(&self, focus: Option<gtk::Widget>) -> bool;
    /// A page further down or up.
    fn scroll(&self, down: bool);
    /// A further line from the asker. True if the gate must start anew.
    fn update(&self, untrusted_line: &[u8]) -> bool;
    /// The asker hung up.
    fn abandoned(&self);
}

pub struct PromptWindow {
    window: gtk::Window,
    server: Server,
    gate: Cell<Gate>,
    reported: Cell<Option<Readiness>>,
    mapped: Cell<bool>,
    shown_at: Cell<Option<Instant>>,
    time_allowed: Duration,
    reminder: Reminder,
    events: RefCell<Option<Rc<dyn WindowEvents>>>,
}

impl PromptWindow {
    /// `sentence` says what is asked, where the window is not seen.
    pub fn new(title: &str, sentence: &str, seconds: u64, server: Server) -> Rc<Self> {
        let window = gtk::Window::new(gtk::WindowType::Toplevel);
        window.set_title(title);
        window.set_type_hint(gdk::WindowTypeHint::Dialog);
        window.set_position(gtk::WindowPosition::Center);
        window.set_resizable(false);
        window.set_keep_above(true);
        // It must not take the keyboard from what the person is typing elsewhere.
        window.set_focus_on_map(false);
        window.set_icon_list(&window_icons());
        Rc::new(Self {
            window,
            server,
            gate: Cell::new(Gate::new()),
            reported: Cell::new(None),
            mapped: Cell::new(false),
            shown_at: Cell::new(None),
            time_allowed: Duration::from_secs(seconds),
            reminder: Reminder::new(sentence),
            events: RefCell::new(None),
        })
    }

    pub fn window(&self) -> &gtk::Window {
        &self.window
    }

    /// Asked again by each button: an accessibility action reaches a button without any event.
    pub fn is_armed(&self) -> bool {
        self.gate.get().is_armed()
    }

    /// Shows the window. `events` is called for all that happens to it.
    pub fn open(self: &Rc<Self>, events: Rc<dyn WindowEvents>, asker: LineReader<Stdin>) {
        self.events.replace(Some(events));
        self.guard_input();
        self.follow_focus();
        self.follow_painting();
        self.follow_keys_and_closing();
        self.follow_size();
        self.follow_time(listen(asker));
        self.report_readiness();
        self.window.show_all();
    }

    fn with_events<T>(&self, act: impl FnOnce(&dyn WindowEvents) -> T) -> Option<T> {
        let events = self.events.borrow().clone();
        events.map(|events| act(&*events))
    }

    /// No key, click or touch reaches GTK but through the gate. A handler on the window would not do,
    /// because GTK swallows clicks on insensitive buttons before the window sees them.
    fn guard_input(self: &Rc<Self>) {
        let this = Rc::clone(self);
        gdk::Event::set_handler(Some(move |event: &mut gdk::Event| {
            if this.admit(event) == Input::Pass {
                gtk::main_do_event(event);
            }
        }));
    }

    fn admit(&self, event: &gdk::Event) -> Input {
        use gdk::EventType as E;
        let is_press = match event.event_type() {
            E::KeyPress
            | E::ButtonPress
            | E::DoubleButtonPress
            | E::TripleButtonPress
            | E::TouchBegin => true,
            E::KeyRelease | E::ButtonRelease | E::TouchUpdate | E::TouchEnd | E::TouchCancel => {
                false
            }
            E::PadButtonPress | E::PadButtonRelease => return Input::Drop,
            _ => return Input::Pass,
        };
        if event.is_send_event() || event.time() == 0 {
            return Input::Drop; // made by a program; its time says nothing
        }
        let at = ServerTime(event.time());
        if !is_press {
            return self.gate.get().release(at);
        }
        let admitted = self.with_gate(|gate| gate.press(at));
        self.report_readiness();
        admitted
    }

    fn with_gate<T>(&self, act: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate.get();
        let result = act(&mut gate);
        self.gate.set(gate);
        result
    }

    fn report_readiness(&self) {
        let readiness = match self.gate.get() {
            Gate::Away => Readiness::Unfocused,
            Gate::Quiet(_) => Readiness::Waiting,
            Gate::Painting(_) => Readiness::Painting,
            Gate::Armed(_) => Readiness::Ready,
        };
        if self.reported.replace(Some(readiness)) != Some(readiness) {
            self.with_events(|events| events.readiness(readiness));
        }
    }

    fn follow_focus(self: &Rc<Self>) {
        let this = Rc::clone(self);
        self.window
            .connect_has_toplevel_focus_notify(move |window| {
                match (window.has_toplevel_focus(), this.server.time()) {
                    (true, Some(now)) => {
                        this.reminder.end();
                        this.with_gate(|gate| gate.focus_gained(now));
                    }
                    _ => this.with_gate(Gate::focus_lost),
                }
                this.report_readiness();
            });
    }

    fn follow_painting(self: &Rc<Self>) {
        let this = Rc::clone(self);
        self.window.connect_map_event(move |window, _| {
            this.mapped.set(true);
            window.queue_draw();
            glib::Propagation::Proceed
        });
        let this = Rc::clone(self);
        self.window.connect_realize(move |window| {
            let Some(clock) = window.window().and_then(|w| w.frame_clock()) else {
                return;
            };
            let this = Rc::clone(&this);
            clock.connect_after_paint(move |_| this.painted());
        });
    }

    fn painted(&self) {
        if !self.mapped.get() {
            return;
        }
        // Asking for the time also waits until the server has carried out what was painted.
        if self.shown_at.get().is_none() && self.server.time().is_some() {
            self.shown_at.set(Some(Instant::now()));
            self.with_events(|events| events.shown());
            self.server.ask_for_attention(&self.window);
        }
        if let (Gate::Painting(_), Some(now)) = (self.gate.get(), self.server.time()) {
            self.with_gate(|gate| gate.painted(now));
            self.report_readiness();
        }
    }

    fn follow_keys_and_closing(self: &Rc<Self>) {
        let this = Rc::clone(self);
        self.window.connect_delete_event(move |_, _| {
            this.with_events(|events| events.closed());
            glib::Propagation::Stop
        });
        let this = Rc::clone(self);
        self.window.connect_key_press_event(move |window, event| {
            use gdk::keys::constants as key;
            let keyval = event.keyval();
            if keyval == key::Escape {
                this.with_events(|events| events.closed());
                return glib::Propagation::Stop;
            }
            if [
                key::Page_Down,
                key::KP_Page_Down,
                key::Page_Up,
                key::KP_Page_Up,
            ]
            .contains(&keyval)
            {
                let down = [key::Page_Down, key::KP_Page_Down].contains(&keyval);
                this.with_events(|events| events.scroll(down));
                return glib::Propagation::Stop;
            }
            let is_enter = [key::Return, key::KP_Enter, key::ISO_Enter].contains(&keyval);
            let focus = window.focused_widget();
            if is_enter && this.with_events(|events| events.enter(focus)) == Some(true) {
                return glib::Propagation::Stop;
            }
            glib::Propagation::Proceed
        });
    }

    /// A window that grows stays on the screen with all its buttons.
    fn follow_size(self: &Rc<Self>) {
        self.window.connect_size_allocate(|window, allocation| {
            let (x, y) = window.position();
            let lowest = look::screen_end() - allocation.height();
            if window.is_mapped() && y > lowest.max(0) {
                window.move_(x, lowest.max(0));
            }
        });
    }

    fn follow_time(self: &Rc<Self>, asker: Receiver<Vec<u8>>) {
        let this = Rc::clone(self);
        glib::timeout_add_local(TICK, move || {
            this.read_updates(&asker);
            this.count_down();
            this.poll_gate();
            glib::ControlFlow::Continue
        });
    }

    fn read_updates(&self, asker: &Receiver<Vec<u8>>) {
        let mut must_restart = false;
        for _ in 0..LINES_PER_TICK {
            match asker.try_recv() {
                Ok(untrusted_line) => {
                    must_restart |=
                        self.with_events(|events| events.update(&untrusted_line)) == Some(true);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.with_events(|events| events.abandoned());
                }
            }
        }
        if must_restart {
            self.restart_gate();
        }
    }

    /// What is on the screen has changed: it must have been there for a quiet second before an allow counts.
    pub fn restart_gate(&self) {
        match self.server.time() {
            Some(now) => self.with_gate(|gate| gate.restart(now)),
            None => self.with_gate(Gate::focus_lost),
        }
        self.report_readiness();
    }

    fn count_down(&self) {
        let Some(shown_at) = self.shown_at.get() else {
            return;
        };
        let left = self.time_allowed.saturating_sub(shown_at.elapsed());
        if left.is_zero() {
            self.with_events(|events| events.unanswered());
        } else {
            self.with_events(|events| events.time_left(left, self.time_allowed));
            if self.reminder.is_show_pressed(shown_at.elapsed(), left) {
                self.come_to_the_front();
            }
        }
    }

    fn come_to_the_front(&self) {
        if let Some(ServerTime(now)) = self.server.time() {
            self.window.present_with_time(now);
        }
    }

    fn poll_gate(&self) {
        if !matches!(self.gate.get(), Gate::Quiet(_)) || self.shown_at.get().is_none() {
            return;
        }
        let Some(now) = self.server.time() else {
            return;
        };
        if self.with_gate(|gate| gate.is_due(now)) {
            self.report_readiness();
            self.window.queue_draw(); // also when no button changes its looks
        }
    }
}

/// Reads the asker's further lines in a thread; the channel closes when the asker hangs up or
/// sends what is no line.
fn listen<R: Read + Send + 'static>(mut asker: LineReader<R>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(LINES_PER_TICK);
    std::thread::spawn(move || {
        while let Ok(Some(line)) = asker.next() {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
