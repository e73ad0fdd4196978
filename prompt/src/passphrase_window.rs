//! The window that asks for a key file's passphrase, when its owner loads the key.

use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::prelude::*;
use zeroize::Zeroizing;

use crate::answer::{self, Decision, MAX_PASSPHRASE};
use crate::lines::Lines;
use crate::look::{add_class, set_spoken};
use crate::question::PassphraseQuestion;
use crate::server::Server;
use crate::stage::{Play, Readiness, Stage};
use crate::{Opened, end, look};

const TITLE: &str = "Split SSH: unlock a key";

struct PassphraseWindow {
    question: PassphraseQuestion,
    stage: Rc<Stage>,
    time_bar: gtk::ProgressBar,
    entry: gtk::Entry,
    unlock: gtk::Button,
    hint: gtk::Label,
    left: gtk::Label,
}

/// Builds the window and shows it. The process ends with the answer.
///
/// # Errors
/// No X server to show it on.
pub fn open(question: PassphraseQuestion, asker: Lines<Stdin>) -> Opened {
    let stage = Stage::new(TITLE, question.seconds, Server::connect()?);
    look::dress(stage.window())?;
    let window = PassphraseWindow::build(question, Rc::clone(&stage));
    stage.open(window, asker);
    Ok(())
}

impl PassphraseWindow {
    fn build(question: PassphraseQuestion, stage: Rc<Stage>) -> Rc<Self> {
        let frame = gtk::Box::new(gtk::Orientation::Vertical, 0);
        let time_bar = look::time_bar();
        frame.pack_start(&time_bar, false, false, 0);
        let page = gtk::Box::new(gtk::Orientation::Vertical, 0);
        add_class(&page, "page");
        frame.pack_start(&page, true, true, 0);
        stage.window().add(&frame);

        let append = |widget: &gtk::Widget| page.pack_start(widget, false, false, 0);
        append(look::sentence("Unlock this key?", "heading").upcast_ref());
        if question.attempt > 1 {
            append(
                look::sentence("That passphrase did not fit. Please try again.", "warning")
                    .upcast_ref(),
            );
        }
        let grid = look::grid(&question.rows);
        append(grid.upcast_ref());
        let entry = passphrase_entry(&grid, question.rows.len());
        let hint = look::text("", "hint");
        append(hint.upcast_ref());

        let buttons = gtk::Box::new(gtk::Orientation::Horizontal, 8);
        add_class(&buttons, "buttons");
        append(buttons.upcast_ref());
        let deny = gtk::Button::with_mnemonic("_Cancel");
        buttons.pack_start(&deny, false, false, 0);
        let unlock = gtk::Button::with_mnemonic("_Unlock");
        add_class(&unlock, "deny");
        unlock.set_can_default(true);
        buttons.pack_end(&unlock, false, false, 0);
        let foot = gtk::Box::new(gtk::Orientation::Horizontal, 24);
        foot.pack_start(
            &look::sentence(&format!("Asked by {}", question.why), "foot"),
            false,
            false,
            0,
        );
        let left = look::text("", "foot");
        foot.pack_end(&left, false, false, 0);
        append(foot.upcast_ref());
        unlock.grab_default();
        entry.grab_focus();

        let window = Rc::new(Self {
            question,
            stage,
            time_bar,
            entry,
            unlock,
            hint,
            left,
        });
        window.connect(&deny);
        window
    }

    fn connect(self: &Rc<Self>, deny: &gtk::Button) {
        let window = Rc::clone(self);
        deny.connect_clicked(move |_| window.closed());
        let window = Rc::clone(self);
        self.unlock.connect_clicked(move |_| window.send());
        let window = Rc::clone(self);
        self.entry.connect_changed(move |_| window.follow_entry());
    }

    fn follow_entry(&self) {
        self.unlock
            .set_sensitive(self.stage.is_armed() && self.entry.text_length() > 0);
    }

    fn send(&self) {
        let passphrase = Zeroizing::new(String::from(self.entry.text()));
        if !self.stage.is_armed() || passphrase.is_empty() || passphrase.len() > MAX_PASSPHRASE {
            return;
        }
        self.entry.set_text(""); // GTK wipes what it takes out of an entry
        end(answer::send_passphrase(
            &mut std::io::stdout(),
            &self.question.id,
            &passphrase,
        ));
    }

    fn decide(&self, decision: &Decision) {
        self.entry.set_text("");
        end(answer::send_decision(
            &mut std::io::stdout(),
            &self.question.id,
            decision,
            None,
            None,
        ));
    }
}

impl Play for PassphraseWindow {
    fn readiness(&self, readiness: Readiness) {
        let is_ready = readiness == Readiness::Ready;
        self.unlock
            .set_sensitive(is_ready && self.entry.text_length() > 0);
        self.hint.set_text(match readiness {
            Readiness::Away => "Typing needs this window in focus",
            Readiness::Quiet => "Typing opens after a quiet second",
            Readiness::Ready => "The passphrase is used once and stored nowhere",
        });
    }

    fn shown(&self) {
        if answer::send_shown(&mut std::io::stdout()).is_err() {
            self.abandoned();
        }
    }

    fn time_left(&self, left: Duration, whole: Duration) {
        self.time_bar
            .set_fraction(left.as_secs_f64() / whole.as_secs_f64());
        let words = format!("closes in {} s", left.as_secs_f64().ceil());
        if self.left.text() != words {
            self.left.set_text(&words);
        }
    }

    fn unanswered(&self) {
        self.decide(&Decision::Unanswered);
    }

    fn closed(&self) {
        self.decide(&Decision::Deny);
    }

    fn enter(&self, focus: Option<gtk::Widget>) -> bool {
        if focus.is_some_and(|widget| widget.is::<gtk::Entry>()) {
            self.send();
            return true;
        }
        false
    }

    fn update(&self, _untrusted_line: &[u8]) -> bool {
        self.abandoned(); // the protocol has no further lines for a passphrase
        true
    }

    fn abandoned(&self) {
        self.entry.set_text("");
        std::process::exit(crate::EXIT_ABANDONED);
    }
}

fn passphrase_entry(grid: &gtk::Grid, rows: usize) -> gtk::Entry {
    let line = i32::try_from(rows).unwrap_or(i32::MAX);
    let label = gtk::Label::with_mnemonic("_Passphrase");
    label.set_xalign(1.0);
    add_class(&label, "label");
    add_class(&label, "first");
    let entry = gtk::Entry::new();
    add_class(&entry, "first");
    entry.set_visibility(false);
    entry.set_input_purpose(gtk::InputPurpose::Password);
    entry.set_width_chars(40);
    set_spoken(&entry, "Passphrase");
    label.set_mnemonic_widget(Some(&entry));
    grid.attach(&label, 0, line, 1, 1);
    grid.attach(&entry, 1, line, 2, 1);
    entry
}
