//! The window that asks for a key file's passphrase, when its owner loads the key.

use std::borrow::Cow;
use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::atk::Role;
use gtk::prelude::*;
use policy::question::protocol::{MAX_PASSPHRASE, PassphraseAnswer, PassphraseQuestion};
use zeroize::Zeroizing;

use crate::advice::CLICK_FIRST;
use crate::answer;
use crate::ending::{Opened, abandon, end};
use crate::fact_grid::{fact_grid, field};
use crate::frame::Frame;
use crate::gate::Gate;
use crate::icons::Icon;
use crate::lines::LineReader;
use crate::look::{add_class, set_spoken};
use crate::prompt_window::{PromptWindow, WindowEvents};
use crate::question::HeadingPart;
use crate::reading::Reading;
use crate::{buttons, look};

const TITLE: &str = "Split SSH: unlock a key";
const HEADING: &str = "Enter the passphrase to unlock this key";

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
pub fn open(question: PassphraseQuestion, asker: LineReader<Stdin>) -> Opened {
    let prompt = PromptWindow::new(TITLE, HEADING, question.seconds)?;
    let window = PassphraseWindow::build(question, Rc::clone(&prompt));
    prompt.open(window, asker);
    Ok(())
}

impl PassphraseWindow {
    fn build(question: PassphraseQuestion, prompt: Rc<PromptWindow>) -> Rc<Self> {
        let frame = Frame::new(prompt.window(), Icon::Padlock, "Unlock a key", None);
        frame.append_heading(&[HeadingPart::Words(HEADING.to_owned())], None);
        prompt.describe(Role::Dialog, HEADING);
        if question.attempt > 1 {
            frame.append_to_heading("Wrong passphrase. Please try again.", "warning");
        }
        let reading = Reading::new();
        reading.append(&fact_grid(&question.rows));
        reading.append(&look::sentence(&question.why, "sure"));
        frame.append(reading.widget());
        let entry = gtk::Entry::new();
        entry.set_visibility(false);
        entry.set_input_purpose(gtk::InputPurpose::Password);
        set_spoken(&entry, "Passphrase");
        frame.append(&field("_Passphrase", &entry));
        let hint = look::sentence("", "advice");
        frame.append(&hint);

        let deny = gtk::Button::with_mnemonic("_Cancel");
        let unlock = gtk::Button::with_mnemonic("_Unlock");
        add_class(&unlock, "deny");
        unlock.set_can_default(true);
        frame.append(&buttons::lay_out(
            std::slice::from_ref(&deny),
            std::slice::from_ref(&unlock),
        ));
        frame.append_foot();
        frame.fit(&reading);
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
        self.entry.connect_changed(move |_| window.gate_changed());
    }

    fn send(&self) {
        let passphrase = Zeroizing::new(String::from(self.entry.text()));
        let is_armed = self.prompt.gate().is_armed();
        if !is_armed || passphrase.is_empty() || passphrase.len() > MAX_PASSPHRASE {
            return;
        }
        self.end(Some(&passphrase));
    }

    fn end(&self, passphrase: Option<&str>) {
        self.entry.set_text(""); // GTK wipes what it takes out of an entry
        let (id, passphrase) = (self.question.id, passphrase.map(Cow::Borrowed));
        end(answer::send(&PassphraseAnswer { id, passphrase }));
    }
}

impl WindowEvents for PassphraseWindow {
    fn gate_changed(&self) {
        let gate = self.prompt.gate();
        let has_text = self.entry.text_length() > 0;
        self.unlock.set_sensitive(gate.is_open() && has_text);
        self.hint.set_text(match gate {
            Gate::Away => CLICK_FIRST,
            Gate::Quiet(_) | Gate::Painting(_) => {
                "You can type after one second without typing or clicking."
            }
            Gate::Armed(_) => "The passphrase is not stored; the key stays loaded.",
        });
    }

    fn time_left(&self, left: Duration, time_allowed: Duration) {
        self.frame.count_down(left, time_allowed, "Closes");
    }

    fn unanswered(&self) {
        self.end(None);
    }

    fn closed(&self) {
        self.end(None);
    }

    fn enter(&self, focus: Option<gtk::Widget>) -> bool {
        if focus.is_some_and(|widget| widget.is::<gtk::Entry>()) {
            self.send();
            return true;
        }
        false
    }

    fn scroll(&self, _down: bool) {}

    fn update(&self, _untrusted_line: &[u8]) -> bool {
        self.abandoned(); // the protocol has no further lines for a passphrase
        true
    }

    fn abandoned(&self) {
        self.entry.set_text("");
        abandon();
    }
}
