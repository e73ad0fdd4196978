//! The window that asks for a key file's passphrase, when its owner loads the key.

use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::atk::Role;
use gtk::prelude::*;
use policy::question::protocol::{MAX_PASSPHRASE, PassphraseQuestion, Shown};
use zeroize::Zeroizing;

use crate::answer;
use crate::ending::{Opened, abandon, end};
use crate::fact_grid::{fact_grid, field};
use crate::frame::{Band, Frame};
use crate::icons::Icon;
use crate::lines::LineReader;
use crate::look::{add_class, set_spoken};
use crate::prompt_window::{PromptWindow, Readiness, WindowEvents};
use crate::question::HeadingPart;
use crate::reading::Reading;
use crate::server::Server;
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
    let prompt = PromptWindow::new(TITLE, HEADING, question.seconds, Server::connect()?);
    look::dress(prompt.window())?;
    let window = PassphraseWindow::build(question, Rc::clone(&prompt));
    prompt.open(window, asker);
    Ok(())
}

impl PassphraseWindow {
    fn build(question: PassphraseQuestion, prompt: Rc<PromptWindow>) -> Rc<Self> {
        let band = Band {
            icon: Icon::Padlock,
            words: "Unlock a key",
            risk: None,
        };
        let frame = Frame::new(prompt.window(), &band);
        add_class(prompt.window(), "routine");
        frame.append_heading(&[HeadingPart::Words(HEADING.to_owned())], None);
        if let Some(accessible) = prompt.window().accessible() {
            accessible.set_role(Role::Dialog);
            accessible.set_description(HEADING);
        }
        if question.attempt > 1 {
            frame.append_to_heading("Wrong passphrase. Please try again.", "warning");
        }
        let reading = Reading::new();
        reading.append(&fact_grid(&question.rows));
        reading.append(&look::sentence(&question.why, "sure"));
        frame.append(reading.widget());
        let entry = passphrase_entry(&frame);
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
            self.question.id,
            Some(&passphrase),
        ));
    }

    fn give_none(&self) {
        self.entry.set_text("");
        let mut out = std::io::stdout();
        end(answer::send_passphrase(&mut out, self.question.id, None));
    }
}

impl WindowEvents for PassphraseWindow {
    fn readiness(&self, readiness: Readiness) {
        let is_open = matches!(readiness, Readiness::Painting | Readiness::Ready);
        self.unlock
            .set_sensitive(is_open && self.entry.text_length() > 0);
        self.hint.set_text(match readiness {
            Readiness::Unfocused => "Click this window first.",
            Readiness::Waiting | Readiness::Painting => {
                "You can type after one second without typing or clicking."
            }
            Readiness::Ready => "The passphrase is not stored; the key stays loaded.",
        });
    }

    fn shown(&self) {
        if answer::send(&Shown { shown: true }).is_err() {
            self.abandoned();
        }
    }

    fn time_left(&self, left: Duration, whole: Duration) {
        let words = format!("Closes automatically in {} s", left.as_secs_f64().ceil());
        self.frame.count_down(left, whole, &words);
    }

    fn unanswered(&self) {
        self.give_none();
    }

    fn closed(&self) {
        self.give_none();
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

fn passphrase_entry(frame: &Frame) -> gtk::Entry {
    let entry = gtk::Entry::new();
    entry.set_visibility(false);
    entry.set_input_purpose(gtk::InputPurpose::Password);
    set_spoken(&entry, "Passphrase");
    frame.append(&field("_Passphrase", &entry));
    entry
}
