//! The window with a question for a yes or a no.

use std::cell::Cell;
use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::atk::Role;
use gtk::prelude::*;
use policy::question::protocol::PrompterAnswer;
use policy::question::{Answer, Decision};

use crate::advice::{Advice, BAD_NAME, CLICK_FIRST, ENTER, RULE, SCROLL, UNDO, WAIT};
use crate::answer;
use crate::answers::{Answers, Choice, Page};
use crate::ending::{Opened, abandon, end};
use crate::frame::Frame;
use crate::gate::Gate;
use crate::icons::Icon;
use crate::lines::LineReader;
use crate::name_fields::NameFields;
use crate::prompt_window::{PromptWindow, WindowEvents};
use crate::question::{self, Counts, Question, Risk};
use crate::reading::Reading;
use crate::{to_read, wording};

struct QuestionWindow {
    question: Question,
    prompt: Rc<PromptWindow>,
    frame: Frame,
    reading: Rc<Reading>,
    counts: Cell<Counts>,
    same: gtk::Label,
    name: Option<NameFields>,
    answers: Answers,
    /// The rule that is to be read before it is written.
    rule: Option<Rc<Reading>>,
    advice: Advice,
}

/// Builds the window and shows it. The process ends with the answer.
///
/// # Errors
/// No X server to show it on.
pub fn open(question: Question, asker: LineReader<Stdin>) -> Opened {
    let (title, _) = wording::titles(question.kind);
    let prompt = PromptWindow::new(title, &question.sentence(), question.seconds)?;
    let window = QuestionWindow::build(question, Rc::clone(&prompt));
    prompt.open(window, asker);
    Ok(())
}

impl QuestionWindow {
    fn build(question: Question, prompt: Rc<PromptWindow>) -> Rc<Self> {
        let risk = question.risk;
        let role = match risk {
            Risk::Routine | Risk::Unusual => Role::Dialog,
            Risk::Dangerous => Role::Alert,
        };
        let mut spoken = vec![risk.word().to_owned(), question.sentence()];
        spoken.extend_from_slice(&question.warnings);
        prompt.describe(role, &spoken.join(". "));
        let (icon, (_, kind)) = (Icon::of_kind(question.kind), wording::titles(question.kind));
        let frame = Frame::new(prompt.window(), icon, kind, Some(risk));
        frame.append_heading(&question.heading, question.color);
        let same = frame.append_to_heading("", "same");
        same.set_no_show_all(true);
        let reading = Reading::new();
        frame.append(reading.widget());
        to_read::append_what_to_read(&reading, &question);
        let rule = question.rule.as_deref().map(to_read::rule_to_read);
        if let Some(rule) = &rule {
            rule.widget().set_vexpand(true);
            frame.append(rule.widget());
        }
        let name = question.takes_name.then(|| NameFields::new(&frame));
        let scope = question
            .scope
            .as_ref()
            .filter(|_| !question.lengths().is_empty());
        let advice = Advice::new(scope.map_or_else(
            || "Allow once does not cover later requests.".to_owned(),
            |scope| format!("\"Allow for...\" covers only {scope}."),
        ));
        frame.append(&advice.label);

        let answers = Answers::to(&question);
        frame.append(answers.widget());
        frame.append_foot();
        answers.show(Page::First);
        let window = Rc::new(Self {
            counts: Cell::new(question.counts()),
            question,
            prompt,
            frame,
            reading,
            same,
            name,
            answers,
            rule,
            advice,
        });
        window.append_details();
        window.connect();
        window.show_counts();
        window.follow();
        let time_allowed = Duration::from_secs(window.question.seconds);
        window.time_left(time_allowed, time_allowed);
        window.frame.fit(&window.reading);
        window
    }

    fn append_details(self: &Rc<Self>) {
        let window = Rc::clone(self);
        self.reading
            .append_details(&to_read::details(&self.question), move || {
                window.frame.fit(window.shown_reading());
                // The buttons have moved: whoever answers must have had a quiet second with where they are now.
                window.prompt.restart_gate();
            });
    }

    fn connect(self: &Rc<Self>) {
        let window = Rc::clone(self);
        self.answers.connect(move |choice| window.choose(choice));
        if let Some(mute) = self.answers.button(Choice::Decide(Decision::Mute)) {
            let window = Rc::clone(self);
            mute.connect_state_flags_changed(move |_, _| window.follow());
        }
        if let Some(name) = &self.name {
            let window = Rc::clone(self);
            name.entry.connect_changed(move |entry| {
                if let Some(name) = &window.name {
                    name.trust.set_sensitive(!entry.text().is_empty());
                }
                window.follow();
            });
        }
        for reading in [Some(&self.reading), self.rule.as_ref()]
            .into_iter()
            .flatten()
        {
            let window = Rc::clone(self);
            reading.connect_read(move || window.follow());
        }
    }

    fn choose(&self, choice: Choice) {
        match choice {
            Choice::Decide(decision) if !decision.allows() => self.decide(decision),
            Choice::Decide(decision) => {
                if self.prompt.gate().is_armed() && self.obstacle().is_none() {
                    self.decide(decision);
                }
            }
            Choice::Turn(page) => self.turn(page),
        }
    }

    /// Shows another page of answers; with the rule that would be written, in place of what was to be read before.
    fn turn(&self, page: Page) {
        self.frame.keep_size();
        self.answers.show(page);
        let shows_rule = page == Page::Always;
        self.reading.show(!shows_rule);
        if let Some(rule) = &self.rule {
            rule.show(shows_rule);
        }
        if let Some(name) = &self.name {
            name.show(page == Page::First);
        }
        self.frame.fit(self.shown_reading());
        // Other buttons stand where others stood.
        self.prompt.restart_gate();
        self.follow();
    }

    fn shown_reading(&self) -> &Reading {
        match (&self.rule, self.answers.page()) {
            (Some(rule), Page::Always) => rule,
            _ => &self.reading,
        }
    }

    fn has_read_all(&self) -> bool {
        self.reading.has_been_read() && self.shown_reading().has_been_read()
    }

    fn decide(&self, decision: Decision) {
        // A name goes along with an allow only.
        let name = self.typed_name().ok().flatten();
        let name = name.filter(|_| decision.allows());
        let is_trusted = self.name.as_ref().is_some_and(NameFields::is_trusted);
        self.end(Some(Answer {
            decision,
            trust: is_trusted && name.is_some(),
            name,
            same: self.counts.get().same,
        }));
    }

    /// `None`: nobody answered in time.
    fn end(&self, answer: Option<Answer>) {
        let id = self.question.id;
        end(answer::send(&PrompterAnswer { id, answer }));
    }

    fn typed_name(&self) -> Result<Option<String>, ()> {
        self.name.as_ref().map_or(Ok(None), NameFields::typed)
    }

    /// What must be done before an allow can be chosen.
    fn obstacle(&self) -> Option<&'static str> {
        match self.prompt.gate() {
            Gate::Away => Some(CLICK_FIRST),
            Gate::Quiet(_) => Some(WAIT),
            _ if !self.has_read_all() => Some(SCROLL),
            _ if self.typed_name().is_err() => Some(BAD_NAME),
            Gate::Painting(_) | Gate::Armed(_) => None,
        }
    }

    fn follow(&self) {
        let obstacle = self.obstacle();
        for button in self.answers.allows() {
            button.set_sensitive(obstacle.is_none());
        }
        // Until the enabled buttons are on the screen, they do not count.
        if !matches!(self.prompt.gate(), Gate::Painting(_)) {
            let page = match self.answers.page() {
                Page::Always => RULE,
                Page::DenyFor => UNDO,
                _ if self.is_on_mute() => UNDO,
                _ => "",
            };
            self.advice.say(obstacle.unwrap_or(page));
        }
    }

    /// Whether the pointer or the focus is on the button that denies everything.
    fn is_on_mute(&self) -> bool {
        let mute = self.answers.button(Choice::Decide(Decision::Mute));
        let is_on = gtk::StateFlags::PRELIGHT | gtk::StateFlags::FOCUSED;
        mute.is_some_and(|mute| mute.state_flags().intersects(is_on))
    }

    fn show_counts(&self) {
        let same = wording::same(self.counts.get());
        self.same.set_visible(same.is_some());
        self.same.set_text(same.as_deref().unwrap_or_default());
    }
}

impl WindowEvents for QuestionWindow {
    fn gate_changed(&self) {
        self.follow();
    }

    fn time_left(&self, left: Duration, time_allowed: Duration) {
        self.frame.count_down(left, time_allowed, "Denies");
        self.frame
            .show_waiting(&wording::waiting(self.counts.get()));
    }

    fn unanswered(&self) {
        self.end(None);
    }

    fn closed(&self) {
        self.decide(Decision::DenyOnce);
    }

    fn enter(&self, focus: Option<gtk::Widget>) -> bool {
        let Some(focus) = focus else { return false };
        let on_allow = self
            .answers
            .allows()
            .any(|button| *button.upcast_ref::<gtk::Widget>() == focus);
        if on_allow {
            self.advice.say(ENTER);
        }
        on_allow || focus.is::<gtk::Entry>()
    }

    fn scroll(&self, down: bool) {
        self.shown_reading().scroll(down);
    }

    fn update(&self, untrusted_line: &[u8]) -> bool {
        let Ok(counts) = question::parse_counts(&self.question, untrusted_line) else {
            self.abandoned(); // an asker that does not speak the protocol is none
            return true;
        };
        let grew = counts.same > self.counts.replace(counts).same;
        self.show_counts();
        if grew {
            self.frame.fit(self.shown_reading());
        }
        grew
    }

    fn abandoned(&self) {
        abandon();
    }
}
