//! The window that asks for a key file's passphrase, when its owner loads the key.

use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::prelude::*;
use zeroize::Zeroizing;

use crate::answer::{self, Decision, MAX_PASSPHRASE};
use crate::frame::Frame;
use crate::lines::Lines;
use crate::look::{add_class, set_spoken};
use crate::prompt_window::{PromptWindow, Readiness, WindowEvents};
use crate::question::PassphraseQuestion;
use crate::rows::Rows;
use crate::server::Server;
use crate::{Opened, end, look};

const TITLE: &str = "Split SSH: unlock a key";

struct PassphraseWindow {
    question: PassphraseQuestion,
    prompt: Rc<PromptWindow>,
    frame: Frame,
    entry: gtk::Entry,
    unlock: gtk::Button,
    hint: gtk::Label,
}

/// Builds the window and shows it. The process ends with the answer.
///
/// # Errors
/// No X server to show it on.
pub fn open(question: PassphraseQuestion, asker: Lines<Stdin>) -> Opened {
    let prompt = PromptWindow::new(TITLE, question.seconds, Server::connect()?);
    look::dress(prompt.window())?;
    let window = PassphraseWindow::build(question, Rc::clone(&prompt));
    prompt.open(window, asker);
    Ok(())
}

impl PassphraseWindow {
    fn build(question: PassphraseQuestion, prompt: Rc<PromptWindow>) -> Rc<Self> {
        let frame = Frame::new(prompt.window());
        frame.append_sentence("Unlock this key?", "heading");
        if question.attempt > 1 {
            let again = "That passphrase did not fit. Please try again.";
            frame.append_sentence(again, "warning");
        }
        let rows = Rows::new(&question.rows);
        frame.append(rows.widget());
        let entry = passphrase_entry(&rows);
        let hint = look::text("", "hint");
        frame.append(&hint);

        let buttons = frame.append_buttons();
        let deny = gtk::Button::with_mnemonic("_Cancel");
        buttons.pack_start(&deny, false, false, 0);
        let unlock = gtk::Button::with_mnemonic("_Unlock");
        add_class(&unlock, "deny");
        unlock.set_can_default(true);
        buttons.pack_end(&unlock, false, false, 0);
        frame.append_foot(&question.why);
        rows.fit(frame.page());
        unlock.grab_default();
        entry.grab_focus();

        let window = Rc::new(Self {
            question,
            prompt,
            frame,
            entry,
            unlock,
            hint,
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
            .set_sensitive(self.prompt.is_armed() && self.entry.text_length() > 0);
    }

    fn send(&self) {
        let passphrase = Zeroizing::new(String::from(self.entry.text()));
        if !self.prompt.is_armed() || passphrase.is_empty() || passphrase.len() > MAX_PASSPHRASE {
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

impl WindowEvents for PassphraseWindow {
    fn readiness(&self, readiness: Readiness) {
        let is_open = matches!(readiness, Readiness::Painting | Readiness::Ready);
        self.unlock
            .set_sensitive(is_open && self.entry.text_length() > 0);
        self.hint.set_text(match readiness {
            Readiness::Unfocused => "Typing needs this window in focus",
            Readiness::Waiting | Readiness::Painting => "Typing opens after a quiet second",
            Readiness::Ready => "The passphrase is used once and stored nowhere",
        });
    }

    fn shown(&self) {
        if answer::send_shown(&mut std::io::stdout()).is_err() {
            self.abandoned();
        }
    }

    fn time_left(&self, left: Duration, whole: Duration) {
        let words = format!("closes in {} s", left.as_secs_f64().ceil());
        self.frame.count_down(left, whole, &words);
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

fn passphrase_entry(rows: &Rows) -> gtk::Entry {
    let entry = gtk::Entry::new();
    entry.set_visibility(false);
    entry.set_input_purpose(gtk::InputPurpose::Password);
    entry.set_width_chars(40);
    set_spoken(&entry, "Passphrase");
    rows.add_field("_Passphrase", &entry);
    entry
}
