//! The buttons: some answers, and pages with the lengths of others. A page takes the place of the one before, so that
//! nothing opens outside of the window.

use std::cell::Cell;
use std::rc::Rc;

use gtk::prelude::*;
use policy::question::Decision;

use crate::question::Question;
use crate::{buttons, look, wording};

/// So many lengths have buttons on the first page; more have a page of their own.
const MAX_LENGTHS: usize = 3;

/// What is to be chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    First,
    DenyFor,
    AllowFor,
    /// The rule is shown, and wants a second look.
    Always,
}

/// What a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Decide(Decision),
    Turn(Page),
}

const BACK: (&str, Choice) = ("_Back", Choice::Turn(Page::First));

pub struct Answers {
    holder: gtk::Box,
    page: Cell<Page>,
    pages: Vec<(Page, gtk::Box)>,
    buttons: Vec<(Page, gtk::Button, Choice)>,
}

impl Answers {
    pub fn to(question: &Question) -> Self {
        let mut answers = Self {
            holder: gtk::Box::new(gtk::Orientation::Vertical, 0),
            page: Cell::new(Page::First),
            pages: Vec::new(),
            buttons: Vec::new(),
        };
        let has = |offer| question.offers.contains(&offer);
        answers.add(Page::First, "_Deny", Choice::Decide(Decision::DenyOnce));
        let lengths = question.denial_lengths();
        if !lengths.is_empty() {
            answers.add(Page::First, "Deny _for...", Choice::Turn(Page::DenyFor));
            answers.add_lengths(Page::DenyFor, "Deny", &lengths, Decision::DenyFor);
        }
        if has(Decision::Mute) {
            let length = wording::length(policy::question::MUTE_SECONDS);
            let caller = question.caller_noun().replace(' ', " _");
            let words = format!("Deny everything from {caller} for {length}");
            answers.add(Page::First, &words, Choice::Decide(Decision::Mute));
        }
        if has(Decision::AllowOnce) {
            let once = Choice::Decide(Decision::AllowOnce);
            answers.add(Page::First, "Allow _once", once);
        }
        let lengths = question.lengths();
        if lengths.len() > MAX_LENGTHS {
            answers.add(Page::First, "Allow fo_r...", Choice::Turn(Page::AllowFor));
            answers.add_lengths(Page::AllowFor, "Allow", &lengths, Decision::AllowFor);
        } else {
            answers.add_lengths(Page::First, "Allow", &lengths, Decision::AllowFor);
        }
        if has(Decision::AllowAlways) {
            answers.add(Page::First, "_Always...", Choice::Turn(Page::Always));
            answers.add(Page::Always, BACK.0, BACK.1);
            let always = Choice::Decide(Decision::AllowAlways);
            answers.add(Page::Always, "_Add this rule and allow", always);
        }
        for page in [Page::First, Page::DenyFor, Page::AllowFor, Page::Always] {
            answers.lay_out(page);
        }
        answers
    }

    fn lay_out(&mut self, page: Page) {
        let of = |allowing: bool| -> Vec<gtk::Button> {
            let group = self.buttons.iter();
            let group =
                group.filter(|(on, _, choice)| *on == page && is_allowing(*choice) == allowing);
            group.map(|(_, button, _)| button.clone()).collect()
        };
        let laid_out = buttons::lay_out(&of(false), &of(true));
        self.holder.pack_start(&laid_out, false, false, 0);
        self.pages.push((page, laid_out));
    }

    fn add(&mut self, page: Page, words: &str, choice: Choice) {
        let button = gtk::Button::with_mnemonic(words);
        if choice == Choice::Decide(Decision::DenyOnce) {
            look::add_class(&button, "deny");
            button.set_can_default(true);
        }
        self.buttons.push((page, button, choice));
    }

    fn add_lengths(
        &mut self,
        page: Page,
        verb: &str,
        lengths: &[u64],
        decision: impl Fn(u64) -> Decision,
    ) {
        if page != Page::First {
            self.add(page, BACK.0, BACK.1);
        }
        for (words, seconds) in wording::for_lengths(verb, lengths).iter().zip(lengths) {
            self.add(page, words, Choice::Decide(decision(*seconds)));
        }
    }

    pub fn widget(&self) -> &gtk::Box {
        &self.holder
    }

    pub fn page(&self) -> Page {
        self.page.get()
    }

    /// Puts a page's buttons into the window, and the focus on the first, which allows nothing.
    pub fn show(&self, page: Page) {
        self.page.set(page);
        for (on, laid_out) in &self.pages {
            look::set_shown(laid_out, *on == page);
        }
        self.holder.show_all();
        if let Some((_, first, _)) = self.buttons.iter().find(|(on, ..)| *on == page) {
            if first.can_default() {
                first.grab_default();
            }
            first.grab_focus();
        }
    }

    /// The buttons that allow something.
    pub fn allows(&self) -> impl Iterator<Item = &gtk::Button> {
        let allowing = self
            .buttons
            .iter()
            .filter(|(.., choice)| matches!(choice, Choice::Decide(decision) if decision.allows()));
        allowing.map(|(_, button, _)| button)
    }

    pub fn button(&self, wanted: Choice) -> Option<&gtk::Button> {
        let mut found = self.buttons.iter();
        let found = found.find(|(.., choice)| *choice == wanted);
        found.map(|(_, button, _)| button)
    }

    pub fn connect(&self, chosen: impl Fn(Choice) + 'static) {
        let chosen = Rc::new(chosen);
        for (_, button, choice) in &self.buttons {
            let (chosen, choice) = (Rc::clone(&chosen), *choice);
            button.connect_clicked(move |button| {
                // An accessibility action reaches the buttons of pages that are not on the screen.
                if button.is_mapped() {
                    chosen(choice);
                }
            });
        }
    }
}

/// Whether it stands on the right, among what allows.
fn is_allowing(choice: Choice) -> bool {
    match choice {
        Choice::Decide(decision) => decision.allows(),
        Choice::Turn(page) => matches!(page, Page::AllowFor | Page::Always),
    }
}
