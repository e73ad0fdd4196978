//! What both windows have in common: the one choke point for input, the quiet gate's life, the
//! moment when the window is really on the screen, the count-down, and the asker's further words.

use std::cell::{Cell, RefCell};
use std::io::{Read, Stdin};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use gtk::prelude::*;
use gtk::{gdk, glib};

use crate::gate::{Gate, Input, ServerTime};
use crate::lines::Lines;
use crate::server::Server;

/// How often the gate and the count-down are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Each request that joins is a line. More than come in a burst, and no flood that stops the window.
const LINES_PER_TICK: usize = 64;

/// How ready the window is to hear an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Away,
    Quiet,
    /// What opens is to be painted; nothing counts until it has been.
    Opening,
    Ready,
}

/// What a window does when something happens on its stage.
pub trait Play {
    fn readiness(&self, readiness: Readiness);
    /// The window is on the screen: say so to the asker.
    fn shown(&self);
    fn time_left(&self, left: Duration, whole: Duration);
    fn unanswered(&self);
    /// Esc, or the window was closed.
    fn closed(&self);
    /// Enter, with this widget in focus. True if that is the end of it.
    fn enter(&self, focus: Option<gtk::Widget>) -> bool;
    /// A further line from the asker. True if the gate must start anew.
    fn update(&self, untrusted_line: &[u8]) -> bool;
    /// The asker hung up.
    fn abandoned(&self);
}

pub struct Stage {
    window: gtk::Window,
    server: Server,
    gate: Cell<Gate>,
    told: Cell<Option<Readiness>>,
    mapped: Cell<bool>,
    shown_at: Cell<Option<Instant>>,
    whole: Duration,
    play: RefCell<Option<Rc<dyn Play>>>,
}

impl Stage {
    pub fn new(title: &str, seconds: u64, server: Server) -> Rc<Self> {
        let window = gtk::Window::new(gtk::WindowType::Toplevel);
        window.set_title(title);
        window.set_type_hint(gdk::WindowTypeHint::Dialog);
        window.set_position(gtk::WindowPosition::Center);
        window.set_resizable(false);
        window.set_keep_above(true);
        Rc::new(Self {
            window,
            server,
            gate: Cell::new(Gate::new()),
            told: Cell::new(None),
            mapped: Cell::new(false),
            shown_at: Cell::new(None),
            whole: Duration::from_secs(seconds),
            play: RefCell::new(None),
        })
    }

    pub fn window(&self) -> &gtk::Window {
        &self.window
    }

    /// Asked again by each button: an accessibility action reaches a button without any event.
    pub fn is_armed(&self) -> bool {
        self.gate.get().is_armed()
    }

    /// Shows the window and lets `play` hear what happens on it.
    pub fn open(self: &Rc<Self>, play: Rc<dyn Play>, asker: Lines<Stdin>) {
        self.play.replace(Some(play));
        self.guard_input();
        self.follow_focus();
        self.follow_painting();
        self.follow_keys_and_closing();
        self.follow_time(listen(asker));
        self.tell();
        self.window.show_all();
    }

    fn with_play<T>(&self, act: impl FnOnce(&dyn Play) -> T) -> Option<T> {
        let play = self.play.borrow().clone();
        play.map(|play| act(&*play))
    }

    /// The choke point: no key, click or touch reaches GTK but through the gate. A handler on the
    /// window would not do, because GTK swallows clicks on insensitive buttons before it.
    fn guard_input(self: &Rc<Self>) {
        let stage = Rc::clone(self);
        gdk::Event::set_handler(Some(move |event: &mut gdk::Event| {
            if stage.hears(event) == Input::Pass {
                gtk::main_do_event(event);
            }
        }));
    }

    fn hears(&self, event: &gdk::Event) -> Input {
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
        let heard = self.change(|gate| gate.press(at));
        self.tell();
        heard
    }

    fn change<T>(&self, act: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate.get();
        let result = act(&mut gate);
        self.gate.set(gate);
        result
    }

    fn tell(&self) {
        let readiness = match self.gate.get() {
            Gate::Away => Readiness::Away,
            Gate::Quiet(_) => Readiness::Quiet,
            Gate::Painting(_) => Readiness::Opening,
            Gate::Armed(_) => Readiness::Ready,
        };
        if self.told.replace(Some(readiness)) != Some(readiness) {
            self.with_play(|play| play.readiness(readiness));
        }
    }

    fn follow_focus(self: &Rc<Self>) {
        let stage = Rc::clone(self);
        self.window
            .connect_has_toplevel_focus_notify(move |window| {
                match (window.has_toplevel_focus(), stage.server.time()) {
                    (true, Some(now)) => stage.change(|gate| gate.focus_gained(now)),
                    _ => stage.change(Gate::focus_lost),
                }
                stage.tell();
            });
    }

    fn follow_painting(self: &Rc<Self>) {
        let stage = Rc::clone(self);
        self.window.connect_map_event(move |window, _| {
            stage.mapped.set(true);
            window.queue_draw();
            glib::Propagation::Proceed
        });
        let stage = Rc::clone(self);
        self.window.connect_realize(move |window| {
            let Some(clock) = window.window().and_then(|w| w.frame_clock()) else {
                return;
            };
            let stage = Rc::clone(&stage);
            clock.connect_after_paint(move |_| stage.painted());
        });
    }

    fn painted(&self) {
        if !self.mapped.get() {
            return;
        }
        // Asking for the time also waits until the server has carried out what was painted.
        if self.shown_at.get().is_none() && self.server.time().is_some() {
            self.shown_at.set(Some(Instant::now()));
            self.with_play(|play| play.shown());
            self.server.ask_for_attention(&self.window);
        }
        if let (Gate::Painting(_), Some(now)) = (self.gate.get(), self.server.time()) {
            self.change(|gate| gate.painted(now));
            self.tell();
        }
    }

    fn follow_keys_and_closing(self: &Rc<Self>) {
        let stage = Rc::clone(self);
        self.window.connect_delete_event(move |_, _| {
            stage.with_play(|play| play.closed());
            glib::Propagation::Stop
        });
        let stage = Rc::clone(self);
        self.window.connect_key_press_event(move |window, event| {
            use gdk::keys::constants as key;
            let keyval = event.keyval();
            if keyval == key::Escape {
                stage.with_play(|play| play.closed());
                return glib::Propagation::Stop;
            }
            let is_enter = [key::Return, key::KP_Enter, key::ISO_Enter].contains(&keyval);
            let focus = window.focused_widget();
            if is_enter && stage.with_play(|play| play.enter(focus)) == Some(true) {
                return glib::Propagation::Stop;
            }
            glib::Propagation::Proceed
        });
    }

    fn follow_time(self: &Rc<Self>, asker: Receiver<Vec<u8>>) {
        let stage = Rc::clone(self);
        glib::timeout_add_local(TICK, move || {
            stage.hear_asker(&asker);
            stage.count_down();
            stage.look_at_gate();
            glib::ControlFlow::Continue
        });
    }

    fn hear_asker(&self, asker: &Receiver<Vec<u8>>) {
        let mut must_restart = false;
        for _ in 0..LINES_PER_TICK {
            match asker.try_recv() {
                Ok(untrusted_line) => {
                    must_restart |=
                        self.with_play(|play| play.update(&untrusted_line)) == Some(true);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.with_play(|play| play.abandoned());
                }
            }
        }
        if !must_restart {
            return;
        }
        match self.server.time() {
            Some(now) => self.change(|gate| gate.restart(now)),
            None => self.change(Gate::focus_lost),
        }
        self.tell();
    }

    fn count_down(&self) {
        let Some(shown_at) = self.shown_at.get() else {
            return;
        };
        let left = self.whole.saturating_sub(shown_at.elapsed());
        if left.is_zero() {
            self.with_play(|play| play.unanswered());
        } else {
            self.with_play(|play| play.time_left(left, self.whole));
        }
    }

    fn look_at_gate(&self) {
        if !matches!(self.gate.get(), Gate::Quiet(_)) || self.shown_at.get().is_none() {
            return;
        }
        let Some(now) = self.server.time() else {
            return;
        };
        if self.change(|gate| gate.is_due(now)) {
            self.tell();
            self.window.queue_draw(); // also when no button changes its looks
        }
    }
}

/// Reads the asker's further lines in a thread; the channel closes when the asker hangs up or
/// sends what is no line.
fn listen<R: Read + Send + 'static>(mut asker: Lines<R>) -> Receiver<Vec<u8>> {
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
