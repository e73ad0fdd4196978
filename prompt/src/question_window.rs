//! The window with a question for a yes or a no.

use std::cell::Cell;
use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::prelude::*;
use policy::question::{MAX_HOST_LABEL, is_host_label};

use crate::answer::{self, Decision};
use crate::frame::Frame;
use crate::lines::Lines;
use crate::look::{add_class, set_spoken};
use crate::prompt_window::{PromptWindow, Readiness, WindowEvents};
use crate::question::{Counts, Offer, Question};
use crate::rows::Rows;
use crate::server::Server;
use crate::{Opened, end, look, wording};

/// What a longer answer covers is one line as a rule; a longer one is no wider than the widest row.
const SCOPE_WIDTH: i32 = 84;

struct QuestionWindow {
    question: Question,
    prompt: Rc<PromptWindow>,
    frame: Frame,
    rows: Rc<Rows>,
    readiness: Cell<Readiness>,
    counts: Cell<Counts>,
    same: gtk::Label,
    name: Option<gtk::Entry>,
    allows: Vec<(gtk::Button, Decision)>,
    advice: Advice,
}

/// Builds the window and shows it. The process ends with the answer.
///
/// # Errors
/// No X server to show it on.
pub fn open(question: Question, asker: Lines<Stdin>) -> Opened {
    let prompt = PromptWindow::new(
        wording::title(question.kind),
        question.seconds,
        Server::connect()?,
    );
    look::dress(prompt.window())?;
    let window = QuestionWindow::build(question, Rc::clone(&prompt));
    prompt.open(window, asker);
    Ok(())
}

impl QuestionWindow {
    fn build(question: Question, prompt: Rc<PromptWindow>) -> Rc<Self> {
        let frame = Frame::new(prompt.window());
        frame.append_sentence(&question.heading, "heading");
        let same = frame.append_sentence("", "same");
        same.set_no_show_all(true);
        if let Some(warning) = &question.warning {
            frame.append_sentence(warning, "warning");
        }
        let rows = Rows::new(&question.rows);
        frame.append(rows.widget());
        let name = question.offers(Offer::Name).then(|| name_entry(&rows));
        let scope = question
            .scope
            .as_ref()
            .filter(|_| !question.lengths().is_empty());
        let advice = Advice::new(scope.map(|scope| format!("Longer answers cover {scope}.")));
        frame.append(&advice.stack);

        let buttons = frame.append_buttons();
        let deny = gtk::Button::with_mnemonic("_Deny");
        add_class(&deny, "deny");
        deny.set_can_default(true);
        buttons.pack_start(&deny, false, false, 0);
        let mute = question
            .offers(Offer::Mute)
            .then(|| gtk::Button::with_mnemonic("Deny and _mute 5 min"));
        if let Some(mute) = &mute {
            buttons.pack_start(mute, false, false, 0);
        }
        let allows = allow_buttons(&question);
        buttons.pack_start(&look::text("", "gap"), true, true, 0);
        for (button, _) in &allows {
            button.set_sensitive(false);
            buttons.pack_start(button, false, false, 0);
        }
        frame.append_foot(&question.why);

        deny.grab_default();
        deny.grab_focus();
        let window = Rc::new(Self {
            counts: Cell::new(question.counts),
            readiness: Cell::new(Readiness::Unfocused),
            question,
            prompt,
            frame,
            rows,
            same,
            name,
            allows,
            advice,
        });
        window.connect(&deny, mute.as_ref());
        window.show_counts();
        let whole = Duration::from_secs(window.question.seconds);
        window.time_left(whole, whole);
        window.rows.fit(window.frame.page());
        window
    }

    fn connect(self: &Rc<Self>, deny: &gtk::Button, mute: Option<&gtk::Button>) {
        let window = Rc::clone(self);
        deny.connect_clicked(move |_| window.decide(&Decision::Deny));
        if let Some(mute) = mute {
            let window = Rc::clone(self);
            mute.connect_clicked(move |_| window.decide(&Decision::Mute));
        }
        for (button, decision) in &self.allows {
            let (window, decision) = (Rc::clone(self), decision.clone());
            button.connect_clicked(move |_| {
                if window.prompt.is_armed() && window.obstacle().is_none() {
                    window.decide(&decision);
                }
            });
        }
        if let Some(entry) = &self.name {
            let window = Rc::clone(self);
            entry.connect_changed(move |_| window.follow());
        }
        let window = Rc::clone(self);
        self.rows.connect_read(move || window.follow());
    }

    fn decide(&self, decision: &Decision) {
        let name = self.typed_name().ok().flatten();
        let (id, same) = (&self.question.id, self.counts.get().same);
        end(answer::send_decision(
            &mut std::io::stdout(),
            id,
            decision,
            name.as_deref(),
            Some(same),
        ));
    }

    /// The name that the person typed, `None` if there is none; an error if it is none that can be
    /// taken.
    fn typed_name(&self) -> Result<Option<String>, ()> {
        let typed = self
            .name
            .as_ref()
            .map(|entry| entry.text().to_string())
            .unwrap_or_default();
        match typed.as_str() {
            "" => Ok(None),
            name if is_host_label(name) => Ok(Some(typed)),
            _ => Err(()),
        }
    }

    /// What must be done before an allow can be chosen.
    fn obstacle(&self) -> Option<&'static str> {
        match self.readiness.get() {
            Readiness::Unfocused => Some("Answers need this window in focus."),
            Readiness::Waiting => Some("Answers open after a second without keys and clicks."),
            Readiness::Painting | Readiness::Ready if !self.rows.is_read() => {
                Some("There is more to read: allowing opens at the last line.")
            }
            Readiness::Painting | Readiness::Ready if self.typed_name().is_err() => {
                Some("No host is called so. A name has letters, digits, dots, dashes, underscores.")
            }
            Readiness::Painting | Readiness::Ready => None,
        }
    }

    fn follow(&self) {
        let obstacle = self.obstacle();
        for (button, _) in &self.allows {
            button.set_sensitive(obstacle.is_none());
        }
        // Until the open buttons are on the screen, they do not count.
        if self.readiness.get() != Readiness::Painting {
            self.advice.say(obstacle.unwrap_or_default());
        }
    }

    fn show_counts(&self) {
        let same = wording::same(self.counts.get());
        self.same.set_visible(same.is_some());
        self.same.set_text(same.as_deref().unwrap_or_default());
    }
}

impl WindowEvents for QuestionWindow {
    fn readiness(&self, readiness: Readiness) {
        self.readiness.set(readiness);
        self.follow();
    }

    fn shown(&self) {
        if answer::send_shown(&mut std::io::stdout()).is_err() {
            self.abandoned();
        }
    }

    fn time_left(&self, left: Duration, whole: Duration) {
        let waiting = wording::waiting(self.counts.get());
        let seconds = format!("denied in {} s", left.as_secs_f64().ceil());
        let words = if waiting.is_empty() {
            seconds
        } else {
            format!("{waiting}   |   {seconds}")
        };
        self.frame.count_down(left, whole, &words);
    }

    fn unanswered(&self) {
        self.decide(&Decision::Unanswered);
    }

    fn closed(&self) {
        self.decide(&Decision::Deny);
    }

    fn enter(&self, focus: Option<gtk::Widget>) -> bool {
        let Some(focus) = focus else { return false };
        let on_allow = self
            .allows
            .iter()
            .any(|(button, _)| *button.upcast_ref::<gtk::Widget>() == focus);
        if on_allow {
            self.advice
                .say("Enter never allows. Press Space, or Alt and the underlined letter.");
        }
        on_allow || focus.is::<gtk::Entry>()
    }

    fn update(&self, untrusted_line: &[u8]) -> bool {
        let Ok(counts) = self.question.parse_update(untrusted_line) else {
            self.abandoned(); // an asker that does not speak the protocol is none
            return true;
        };
        let grew = counts.same > self.counts.replace(counts).same;
        self.show_counts();
        grew
    }

    fn abandoned(&self) {
        std::process::exit(crate::EXIT_ABANDONED);
    }
}

/// The line above the buttons: what a longer answer would cover, or else what must be done first.
/// Both have their room from the start, so that no button moves under the pointer.
struct Advice {
    stack: gtk::Stack,
    scope: gtk::Label,
    hint: gtk::Label,
}

impl Advice {
    fn new(scope: Option<String>) -> Self {
        let scope = look::sentence(&scope.unwrap_or_default(), "scope");
        scope.set_max_width_chars(SCOPE_WIDTH);
        let hint = look::text("", "hint");
        let stack = gtk::Stack::new();
        stack.add(&scope);
        stack.add(&hint);
        Self { stack, scope, hint }
    }

    /// An empty hint gives way to the scope.
    fn say(&self, hint: &str) {
        self.hint.set_text(hint);
        if hint.is_empty() {
            self.stack.set_visible_child(&self.scope);
        } else {
            self.stack.set_visible_child(&self.hint);
        }
    }
}

fn name_entry(rows: &Rows) -> gtk::Entry {
    let entry = gtk::Entry::new();
    entry.set_max_length(MAX_HOST_LABEL as i32);
    entry.set_placeholder_text(Some("if you like: your own name for this host"));
    entry.set_tooltip_text(Some(
        "Later questions and the log show it. Rules see it after: split-ssh hosts trust NAME",
    ));
    set_spoken(&entry, "Your own name for this host, optional");
    rows.add_field("_Name it", &entry);
    entry
}

fn allow_buttons(question: &Question) -> Vec<(gtk::Button, Decision)> {
    let mut allows = Vec::new();
    if question.offers(Offer::Once) {
        allows.push((gtk::Button::with_mnemonic("Allow _once"), Decision::Once));
    }
    for (length, seconds) in wording::with_mnemonics(&question.lengths())
        .into_iter()
        .zip(question.lengths())
    {
        allows.push((
            gtk::Button::with_mnemonic(&format!("Allow for {length}")),
            Decision::For(seconds),
        ));
    }
    allows
}
