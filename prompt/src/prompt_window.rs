//! What both windows have in common: the one place where input passes the gate, the moment when the window is really on
//! the screen, the count-down, and the further lines from the vault.

use std::cell::{Cell, OnceCell};
use std::error::Error;
use std::io::Stdin;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use gtk::atk::Role;
use gtk::prelude::*;
use gtk::{gdk, glib};
use policy::question::protocol::Shown;

use crate::answer;
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

/// What one kind of window does with what happens to it.
pub trait WindowEvents {
    fn gate_changed(&self);
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
    reported: Cell<Option<Gate>>,
    mapped: Cell<bool>,
    shown_at: Cell<Option<Instant>>,
    time_allowed: Duration,
    reminder: Reminder,
    events: OnceCell<Rc<dyn WindowEvents>>,
}

impl PromptWindow {
    /// `sentence` says what is asked, where the window is not seen.
    ///
    /// # Errors
    /// No X server to show it on.
    pub fn new(title: &str, sentence: &str, seconds: u64) -> Result<Rc<Self>, Box<dyn Error>> {
        let server = Server::connect()?;
        let window = gtk::Window::new(gtk::WindowType::Toplevel);
        window.set_title(title);
        window.set_type_hint(gdk::WindowTypeHint::Dialog);
        window.set_position(gtk::WindowPosition::Center);
        window.set_resizable(false);
        window.set_keep_above(true);
        // It must not take the keyboard from what the person is typing elsewhere.
        window.set_focus_on_map(false);
        window.set_icon_list(&window_icons());
        look::dress(&window)?;
        Ok(Rc::new(Self {
            window,
            server,
            gate: Cell::new(Gate::new()),
            reported: Cell::new(None),
            mapped: Cell::new(false),
            shown_at: Cell::new(None),
            time_allowed: Duration::from_secs(seconds),
            reminder: Reminder::new(sentence),
            events: OnceCell::new(),
        }))
    }

    pub fn window(&self) -> &gtk::Window {
        &self.window
    }

    /// What a screen reader says of the window as a whole.
    pub fn describe(&self, role: Role, words: &str) {
        if let Some(accessible) = self.window.accessible() {
            accessible.set_role(role);
            accessible.set_description(words);
        }
    }

    /// Asked again by each button: an accessibility action reaches a button without any event.
    pub fn gate(&self) -> Gate {
        self.gate.get()
    }

    /// Shows the window. `events` is called for all that happens to it.
    pub fn open(self: &Rc<Self>, events: Rc<dyn WindowEvents>, asker: LineReader<Stdin>) {
        let _ = self.events.set(events);
        self.guard_input();
        self.follow_focus();
        self.follow_painting();
        self.follow_keys_and_closing();
        self.follow_size();
        self.follow_time(listen(asker));
        self.report_gate();
        self.window.show_all();
    }

    fn with_events<T>(&self, act: impl FnOnce(&dyn WindowEvents) -> T) -> Option<T> {
        self.events.get().map(|events| act(&**events))
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
        self.report_gate();
        admitted
    }

    fn with_gate<T>(&self, act: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate.get();
        let result = act(&mut gate);
        self.gate.set(gate);
        result
    }

    fn report_gate(&self) {
        let gate = Some(self.gate.get());
        if self.reported.replace(gate) != gate {
            self.with_events(|events| events.gate_changed());
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
                this.report_gate();
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
            if answer::send(&Shown { shown: true }).is_err() {
                self.with_events(|events| events.abandoned());
            }
            self.server.ask_for_attention(&self.window);
        }
        if let (Gate::Painting(_), Some(now)) = (self.gate.get(), self.server.time()) {
            self.with_gate(|gate| gate.painted(now));
            self.report_gate();
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
            let is_done = this.with_events(|events| {
                match event.keyval() {
                    key::Escape => events.closed(),
                    key::Page_Down | key::KP_Page_Down => events.scroll(true),
                    key::Page_Up | key::KP_Page_Up => events.scroll(false),
                    key::Return | key::KP_Enter | key::ISO_Enter => {
                        return events.enter(window.focused_widget());
                    }
                    _ => return false,
                }
                true
            });
            is_done.unwrap_or(false).into()
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
        self.report_gate();
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
            self.report_gate();
            self.window.queue_draw(); // also when no button changes its looks
        }
    }
}

/// Reads the asker's further lines in a thread; the channel closes when the asker hangs up or
/// sends what is no line.
fn listen(mut asker: LineReader<Stdin>) -> Receiver<Vec<u8>> {
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
