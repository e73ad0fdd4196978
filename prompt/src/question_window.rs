//! The window with a question for a yes or a no.

use std::cell::Cell;
use std::io::Stdin;
use std::rc::Rc;
use std::time::Duration;

use gtk::atk::Role;
use gtk::prelude::*;
use policy::question::protocol::PrompterAnswer;
use policy::question::{Answer, Decision, MAX_HOST_LABEL, is_host_label, proof_sentence};

use crate::answer;
use crate::ending::{EXIT_ABANDONED, Opened, end};
use crate::fact_grid::{fact_grid, field};
use crate::frame::{Band, Frame};
use crate::icons::{self, Icon};
use crate::lines::LineReader;
use crate::look::{add_class, set_spoken};
use crate::prompt_window::{PromptWindow, Readiness, WindowEvents};
use crate::question::{self, Counts, HeadingPart, Offer, Question, Risk, Row, RowClass};
use crate::reading::Reading;
use crate::server::Server;
use crate::{buttons, look, wording};

const CLICK_FIRST: &str = "Click this window first.";
const WAIT: &str = "Allow unlocks after one second without typing or clicking.";
const SCROLL: &str = "Scroll to the end to enable Allow (Page Down).";
const BAD_NAME: &str = "Not a valid host name: use letters, digits, dots, dashes and underscores.";
const ENTER: &str = "Enter never allows. Press Space, or Alt and the underlined letter.";
const UNDO: &str = "To undo it in the vault: split-ssh approvals";
/// All that may stand above the buttons for a while.
const HINTS: [&str; 6] = [CLICK_FIRST, WAIT, SCROLL, BAD_NAME, ENTER, UNDO];

struct QuestionWindow {
    question: Question,
    prompt: Rc<PromptWindow>,
    frame: Frame,
    reading: Rc<Reading>,
    readiness: Cell<Readiness>,
    counts: Cell<Counts>,
    same: gtk::Label,
    name: Option<gtk::Entry>,
    allows: Vec<(gtk::Button, Decision)>,
    /// The pointer or the focus is on the button that denies everything.
    is_on_mute: Cell<bool>,
    advice: Advice,
}

/// Builds the window and shows it. The process ends with the answer.
///
/// # Errors
/// No X server to show it on.
pub fn open(question: Question, asker: LineReader<Stdin>) -> Opened {
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
        let risk = question.risk;
        add_class(prompt.window(), wording::risk_class(risk));
        describe(prompt.window(), &question);
        let frame = Frame::new(
            prompt.window(),
            &Band {
                icon: Icon::of_kind(question.kind),
                words: wording::kind(question.kind),
                risk: Some((Icon::of_risk(risk), risk.word())),
            },
        );
        frame.append_heading(&question.heading, question.color);
        let same = frame.append_sentence("", "same");
        same.set_no_show_all(true);
        let reading = Reading::new();
        frame.append(reading.widget());
        append_what_to_read(&reading, &question);
        let name = question
            .offers
            .contains(&Offer::Name)
            .then(|| name_entry(&frame));
        let scope = question
            .scope
            .as_ref()
            .filter(|_| question.lengths().next().is_some());
        let advice = Advice::new(scope.map_or_else(
            || "Allow once does not cover later requests.".to_owned(),
            |scope| format!("\"Allow for...\" covers only {scope}."),
        ));
        frame.append(&advice.label);

        let deny = gtk::Button::with_mnemonic("_Deny");
        add_class(&deny, "deny");
        deny.set_can_default(true);
        let mute = question.offers.contains(&Offer::Mute).then(|| {
            let length = wording::length(policy::remembered::MUTE_SECONDS);
            gtk::Button::with_mnemonic(&format!("Deny everything from this _qube for {length}"))
        });
        let allows = allow_buttons(&question);
        let denying: Vec<_> = [Some(deny.clone()), mute.clone()]
            .into_iter()
            .flatten()
            .collect();
        let allowing: Vec<_> = allows.iter().map(|(button, _)| button.clone()).collect();
        for button in &allowing {
            button.set_sensitive(false);
        }
        frame.append(&buttons::lay_out(&denying, &allowing));
        frame.append_foot();

        deny.grab_default();
        deny.grab_focus();
        let window = Rc::new(Self {
            counts: Cell::new(question.counts()),
            readiness: Cell::new(Readiness::Unfocused),
            question,
            prompt,
            frame,
            reading,
            same,
            name,
            allows,
            is_on_mute: Cell::new(false),
            advice,
        });
        window.append_details();
        window.connect(&deny, mute.as_ref());
        window.show_counts();
        window.follow();
        let time_allowed = Duration::from_secs(window.question.seconds);
        window.time_left(time_allowed, time_allowed);
        window.frame.fit(&window.reading);
        window
    }

    /// What only a closer look needs, and which rule asks.
    fn append_details(self: &Rc<Self>) {
        let mut details = self.question.details.clone();
        details.push(Row {
            label: "Why asked".to_owned(),
            text: self.question.why.clone(),
            note: None,
            class: RowClass::Sentence,
            stands_out: false,
        });
        let window = Rc::clone(self);
        self.reading.append_details(&fact_grid(&details), move || {
            window.frame.fit(&window.reading);
            // The buttons have moved: whoever answers must have had a quiet second with where they are now.
            window.prompt.restart_gate();
        });
    }

    fn connect(self: &Rc<Self>, deny: &gtk::Button, mute: Option<&gtk::Button>) {
        let window = Rc::clone(self);
        deny.connect_clicked(move |_| window.decide(Decision::DenyOnce, false));
        if let Some(mute) = mute {
            let window = Rc::clone(self);
            mute.connect_clicked(move |_| window.decide(Decision::Mute, false));
            let window = Rc::clone(self);
            mute.connect_state_flags_changed(move |mute, _| {
                let flags = mute.state_flags();
                let is_on = flags.intersects(gtk::StateFlags::PRELIGHT | gtk::StateFlags::FOCUSED);
                window.is_on_mute.set(is_on);
                window.follow();
            });
        }
        for (button, decision) in &self.allows {
            let (window, decision) = (Rc::clone(self), *decision);
            button.connect_clicked(move |_| {
                if window.prompt.is_armed() && window.obstacle().is_none() {
                    window.decide(decision, false);
                }
            });
        }
        if let Some(entry) = &self.name {
            let window = Rc::clone(self);
            entry.connect_changed(move |_| window.follow());
        }
        let window = Rc::clone(self);
        self.reading.connect_read(move || window.follow());
    }

    /// Ends with an answer; `unanswered` if it is nobody's.
    fn decide(&self, decision: Decision, unanswered: bool) {
        let answer = PrompterAnswer {
            id: self.question.id,
            answer: Answer {
                decision,
                name: self.typed_name().ok().flatten(),
                same: self.counts.get().same,
            },
            unanswered,
        };
        end(answer::send_answer(&mut std::io::stdout(), answer));
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
            Readiness::Unfocused => Some("Click this window first."),
            Readiness::Waiting => {
                Some("Allow unlocks after one second without typing or clicking.")
            }
            Readiness::Painting | Readiness::Ready if !self.reading.has_been_read() => {
                Some("Scroll to the end to enable Allow (Page Down).")
            }
            Readiness::Painting | Readiness::Ready if self.typed_name().is_err() => {
                Some("Not a valid host name: use letters, digits, dots, dashes and underscores.")
            }
            Readiness::Painting | Readiness::Ready => None,
        }
    }

    fn follow(&self) {
        let obstacle = self.obstacle();
        for (button, _) in &self.allows {
            button.set_sensitive(obstacle.is_none());
        }
        // Until the enabled buttons are on the screen, they do not count.
        if self.readiness.get() != Readiness::Painting {
            let undo = self.is_on_mute.get().then_some(UNDO);
            self.advice.say(obstacle.or(undo).unwrap_or_default());
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

    fn time_left(&self, left: Duration, time_allowed: Duration) {
        let words = format!("Denies automatically in {} s", left.as_secs_f64().ceil());
        self.frame.count_down(left, time_allowed, &words);
        self.frame
            .show_waiting(&wording::waiting(self.counts.get()));
    }

    fn unanswered(&self) {
        self.decide(Decision::DenyOnce, true);
    }

    fn closed(&self) {
        self.decide(Decision::DenyOnce, false);
    }

    fn enter(&self, focus: Option<gtk::Widget>) -> bool {
        let Some(focus) = focus else { return false };
        let on_allow = self
            .allows
            .iter()
            .any(|(button, _)| *button.upcast_ref::<gtk::Widget>() == focus);
        if on_allow {
            self.advice.say(ENTER);
        }
        on_allow || focus.is::<gtk::Entry>()
    }

    fn scroll(&self, down: bool) {
        self.reading.scroll(down);
    }

    fn update(&self, untrusted_line: &[u8]) -> bool {
        let Ok(counts) = question::parse_counts(&self.question, untrusted_line) else {
            self.abandoned(); // an asker that does not speak the protocol is none
            return true;
        };
        let grew = counts.same > self.counts.replace(counts).same;
        self.show_counts();
        if grew {
            self.frame.fit(&self.reading);
        }
        grew
    }

    fn abandoned(&self) {
        std::process::exit(EXIT_ABANDONED);
    }
}

/// What a screen reader says of the window as a whole.
fn describe(window: &gtk::Window, question: &Question) {
    let Some(accessible) = window.accessible() else {
        return;
    };
    accessible.set_role(match question.risk {
        Risk::Routine | Risk::Unusual => Role::Dialog,
        Risk::Dangerous => Role::Alert,
    });
    let heading: String = question.heading.iter().map(HeadingPart::text).collect();
    let sentences = [question.risk.word().to_owned(), heading];
    let sentences: Vec<_> = sentences
        .into_iter()
        .chain(question.warnings.clone())
        .collect();
    accessible.set_description(&sentences.join(". "));
}

/// Warnings first, then how sure it is and what was before, then the facts.
fn append_what_to_read(reading: &Reading, question: &Question) {
    for warning in &question.warnings {
        let line = gtk::Box::new(gtk::Orientation::Horizontal, 10);
        add_class(&line, "warning");
        let icon = Icon::of_risk(question.risk).unwrap_or(Icon::Triangle);
        line.pack_start(
            &icons::picture(icon, look::icon_size(), "Warning"),
            false,
            false,
            0,
        );
        let width = look::line_width() - look::icon_size() - 40;
        line.pack_start(&look::wrapped(warning, "words", width), true, true, 0);
        reading.append(&line);
    }
    let proof = question.proof.map(|proof| proof_sentence(proof).to_owned());
    let history = question
        .history
        .and_then(|history| history.sentence(question.kind));
    for words in [proof, history].into_iter().flatten() {
        reading.append(&look::sentence(&words, "sure"));
    }
    if !question.facts.is_empty() {
        reading.append(&fact_grid(&question.facts));
    }
}

/// The line above the buttons: what an answer would cover, or else what must be done first. It has room for all that it
/// may say from the start, so that no button moves under the pointer.
struct Advice {
    label: gtk::Label,
    covers: String,
}

impl Advice {
    fn new(covers: String) -> Self {
        let label = look::sentence("", "advice");
        label.set_valign(gtk::Align::Start);
        let width = look::line_width();
        let heights = HINTS.iter().copied().chain([covers.as_str()]).map(|words| {
            label.set_text(words);
            label.preferred_height_for_width(width).1
        });
        let most = heights.max().unwrap_or(0);
        label.set_size_request(-1, most);
        Self { label, covers }
    }

    /// An empty hint gives way to what an answer would cover.
    fn say(&self, hint: &str) {
        let words = if hint.is_empty() { &self.covers } else { hint };
        if self.label.text() != words {
            self.label.set_text(words);
        }
    }
}

fn name_entry(frame: &Frame) -> gtk::Entry {
    let entry = gtk::Entry::new();
    entry.set_max_length(MAX_HOST_LABEL as i32);
    entry.set_placeholder_text(Some("optional: your own name for this server"));
    set_spoken(&entry, "Your own name for this server, optional");
    frame.append(&field("_Name", &entry));
    entry
}

fn allow_buttons(question: &Question) -> Vec<(gtk::Button, Decision)> {
    let mut allows = Vec::new();
    if question.offers.contains(&Offer::Once) {
        allows.push((
            gtk::Button::with_mnemonic("Allow _once"),
            Decision::AllowOnce,
        ));
    }
    let lengths = question::lengths(question);
    for (length, seconds) in wording::with_mnemonics(&lengths).into_iter().zip(lengths) {
        allows.push((
            gtk::Button::with_mnemonic(&format!("Allow for {length}")),
            Decision::AllowFor(seconds),
        ));
    }
    allows
}
