//! The window with a question for a yes or a no.

use std::cell::Cell;
use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::prelude::*;
use policy::question::{MAX_HOST_LABEL, is_host_label};

use crate::answer::{self, Decision};
use crate::lines::Lines;
use crate::look::{add_class, set_spoken};
use crate::question::{Counts, Offer, Question};
use crate::server::Server;
use crate::stage::{Play, Readiness, Stage};
use crate::{Opened, end, look, wording};

/// From here on the bar is red.
const SOON: Duration = Duration::from_secs(10);

struct QuestionWindow {
    question: Question,
    stage: Rc<Stage>,
    counts: Cell<Counts>,
    time_bar: gtk::ProgressBar,
    same: gtk::Label,
    name: Option<gtk::Entry>,
    allows: Vec<(gtk::Button, Decision)>,
    advice: Advice,
    left: gtk::Label,
}

/// Builds the window and shows it. The process ends with the answer.
///
/// # Errors
/// No X server to show it on.
pub fn open(question: Question, asker: Lines<Stdin>) -> Opened {
    let stage = Stage::new(
        wording::title(question.kind),
        question.seconds,
        Server::connect()?,
    );
    look::dress(stage.window())?;
    let window = QuestionWindow::build(question, Rc::clone(&stage));
    stage.open(window, asker);
    Ok(())
}

impl QuestionWindow {
    fn build(question: Question, stage: Rc<Stage>) -> Rc<Self> {
        let frame = gtk::Box::new(gtk::Orientation::Vertical, 0);
        let time_bar = look::time_bar();
        frame.pack_start(&time_bar, false, false, 0);
        let page = gtk::Box::new(gtk::Orientation::Vertical, 0);
        add_class(&page, "page");
        frame.pack_start(&page, true, true, 0);
        stage.window().add(&frame);

        let append = |widget: &gtk::Widget| page.pack_start(widget, false, false, 0);
        append(look::sentence(&question.heading, "heading").upcast_ref());
        let same = look::sentence("", "same");
        same.set_no_show_all(true);
        append(same.upcast_ref());
        if let Some(warning) = &question.warning {
            append(look::sentence(warning, "warning").upcast_ref());
        }
        let grid = look::grid(&question.rows);
        append(grid.upcast_ref());
        let name = question
            .offers(Offer::Name)
            .then(|| name_entry(&grid, question.rows.len()));

        let scope = question
            .scope
            .as_ref()
            .filter(|_| !question.lengths().is_empty());
        let advice = Advice::new(scope.map(|scope| format!("Longer answers cover {scope}.")));
        append(advice.stack.upcast_ref());

        let buttons = gtk::Box::new(gtk::Orientation::Horizontal, 8);
        add_class(&buttons, "buttons");
        append(buttons.upcast_ref());
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

        deny.grab_default();
        deny.grab_focus();
        let counts = Cell::new(question.counts);
        let window = Rc::new(Self {
            question,
            stage,
            counts,
            time_bar,
            same,
            name,
            allows,
            advice,
            left,
        });
        window.connect(&deny, mute.as_ref());
        window.show_counts();
        window.time_left(
            Duration::from_secs(window.question.seconds),
            Duration::from_secs(window.question.seconds),
        );
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
                if window.stage.is_armed() && window.typed_name().is_ok() {
                    window.decide(&decision);
                }
            });
        }
        if let Some(entry) = &self.name {
            let window = Rc::clone(self);
            entry.connect_changed(move |_| window.follow_name());
        }
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

    fn follow_name(&self) {
        let is_good = self.typed_name().is_ok();
        self.set_allowing(is_good && self.stage.is_armed());
        self.advice.say(if is_good {
            ""
        } else {
            "A name has letters, digits, dots, dashes and underscores."
        });
    }

    fn set_allowing(&self, allowing: bool) {
        for (button, _) in &self.allows {
            button.set_sensitive(allowing);
        }
    }

    fn show_counts(&self) {
        let same = wording::same(self.counts.get());
        self.same.set_visible(same.is_some());
        self.same.set_text(same.as_deref().unwrap_or_default());
    }
}

impl Play for QuestionWindow {
    fn readiness(&self, readiness: Readiness) {
        let is_ready = readiness == Readiness::Ready;
        self.set_allowing(is_ready && self.typed_name().is_ok());
        self.advice.say(match readiness {
            Readiness::Away => "Answers need this window in focus.",
            Readiness::Quiet => "Answers open after a second without keys and clicks.",
            Readiness::Ready => "",
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
        if left < SOON {
            add_class(&self.time_bar, "soon");
        }
        let waiting = wording::waiting(self.counts.get());
        let seconds = format!("denied in {} s", left.as_secs_f64().ceil());
        let words = if waiting.is_empty() {
            seconds
        } else {
            format!("{waiting}   |   {seconds}")
        };
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
        scope.set_max_width_chars(-1);
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

fn name_entry(grid: &gtk::Grid, rows: usize) -> gtk::Entry {
    let line = i32::try_from(rows).unwrap_or(i32::MAX);
    let label = gtk::Label::with_mnemonic("_Name it");
    label.set_xalign(1.0);
    add_class(&label, "label");
    add_class(&label, "first");
    let entry = gtk::Entry::new();
    add_class(&entry, "first");
    entry.set_max_length(MAX_HOST_LABEL as i32);
    entry.set_placeholder_text(Some("if you like: your own name for this host"));
    entry.set_tooltip_text(Some(
        "Later questions and the log show it. Rules see it after: split-ssh hosts trust NAME",
    ));
    set_spoken(&entry, "Your own name for this host, optional");
    label.set_mnemonic_widget(Some(&entry));
    grid.attach(&label, 0, line, 1, 1);
    grid.attach(&entry, 1, line, 2, 1);
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
