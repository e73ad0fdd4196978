//! A notification about a question whose window nobody has come to: it may be on another workspace, or below a window
//! that fills the screen.

use std::cell::{Cell, RefCell};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use policy::question::Version;
use policy::question::protocol::{Notification, Urgency};

use crate::notify::{self, Button};

/// Who sees the window comes to it within this time.
const REMIND_AFTER: Duration = Duration::from_secs(10);

pub struct Reminder {
    sentence: String,
    is_over: Cell<bool>,
    pressed: RefCell<Option<Receiver<()>>>,
}

impl Reminder {
    pub fn new(sentence: &str) -> Self {
        Self {
            sentence: sentence.to_owned(),
            is_over: Cell::new(false),
            pressed: RefCell::default(),
        }
    }

    /// The person is at the window.
    pub fn end(&self) {
        self.is_over.set(true);
        if self.pressed.take().is_some() {
            // A desktop that hangs must not hold up the window.
            thread::spawn(notify::withdraw);
        }
    }

    /// To be called again and again: shows the notification when it is time, and tells once that "Show" was pressed.
    pub fn is_show_pressed(&self, shown_for: Duration, left: Duration) -> bool {
        if !self.is_over.get() && shown_for >= REMIND_AFTER {
            self.is_over.set(true);
            self.pressed.replace(Some(remind(&self.sentence, left)));
        }
        let pressed = self.pressed.borrow();
        pressed.as_ref().is_some_and(|it| it.try_recv().is_ok())
    }
}

fn remind(sentence: &str, left: Duration) -> Receiver<()> {
    let (press, pressed) = channel();
    let notification = Notification {
        v: Version,
        summary: "Split SSH waits for your answer".to_owned(),
        body: sentence.to_owned(),
        urgency: Urgency::Critical,
        revokes: None,
    };
    let button = Button {
        label: "Show",
        is_question: true,
        time: left,
    };
    thread::spawn(move || {
        if notify::show_with(&notification, Some(&button)) == Some(true) {
            // The window may have ended.
            let _ = press.send(());
        }
    });
    pressed
}
