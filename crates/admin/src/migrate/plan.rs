//! What was found, what can be done here, and what only a person can do.

use super::super::fold::fold;
use super::change::Change;
use super::scan::Found;
use super::winner::Winner;
use common::error::reason;

#[derive(Debug, Default)]
pub struct Plan {
    parts: Vec<Part>,
}

/// One thing that an earlier split SSH left here.
#[derive(Debug)]
pub struct Part {
    /// What was found.
    pub found: String,
    pub changes: Vec<Change>,
    /// What is to be done elsewhere, or by hand.
    pub by_hand: Vec<String>,
}

impl Part {
    pub fn new(found: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            changes: Vec::new(),
            by_hand: Vec::new(),
        }
    }
}

impl Plan {
    /// Parts with nothing to do and nothing to say are dropped.
    pub fn add(&mut self, part: Part) {
        if !part.changes.is_empty() || !part.by_hand.is_empty() {
            self.parts.push(part);
        }
    }

    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.parts.iter().flat_map(|part| &part.changes)
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub fn say(&self, page: &mut Page) {
        for part in &self.parts {
            page.say(&part.found);
            for change in &part.changes {
                page.item("to do", &change.to_string());
            }
            page.by_hand(part);
        }
        if self.changes().next().is_some() {
            page.say(&format!("nothing is changed yet; to do it: {HOW}"));
        }
    }

    /// Does it, part by part; false if something failed. A part whose change fails is left there, and the next one is
    /// tried.
    pub fn apply(&self, page: &mut Page) -> bool {
        let mut is_done = true;
        for part in &self.parts {
            page.say(&part.found);
            for change in &part.changes {
                match change.apply() {
                    Ok(kept) => {
                        page.item("done", &change.to_string());
                        if let Some(kept) = kept {
                            page.item("", &format!("as it was: {}", kept.display()));
                        }
                    }
                    Err(error) => {
                        is_done = false;
                        page.item("FAILED", &format!("{change}: {}", reason(&error)));
                        break;
                    }
                }
            }
            page.by_hand(part);
        }
        if !is_done {
            page.say(&format!(
                "what failed is as it was; to try again as root: {HOW}"
            ));
        } else if self.changes().next().is_some() {
            page.say("restart this qube; then `split-ssh doctor` says whether all is well");
        }
        is_done
    }
}

/// Parts of it are root's, parts the user's.
const HOW: &str = "sudo HOME=\"$HOME\" split-ssh migrate --apply";
/// Where an item's sentence begins.
const COLUMN: usize = 11;

/// What is printed.
pub struct Page {
    text: String,
    to_people: bool,
}

impl Page {
    /// `to_people`: in lines that end between words.
    pub fn new(to_people: bool) -> Self {
        Self {
            text: String::new(),
            to_people,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is there; `word` says how it stands with it.
    pub fn found(&mut self, sentence: &str, word: &str, found: &[Found]) {
        if !found.is_empty() {
            self.say(sentence);
        }
        for one in found {
            self.item(word, &one.to_string());
        }
    }

    /// Which agent programs are led to now.
    pub fn winners(&mut self, winners: &[Winner]) {
        self.say("SSH_AUTH_SOCK, as this machine's shells say it now:");
        for winner in winners {
            let says = match (winner.value.as_str(), winner.is_ours()) {
                ("", _) => "is not set".to_owned(),
                (value, true) => format!("is {value}, split-ssh's"),
                (value, false) => format!("is {value}, NOT split-ssh's"),
            };
            self.item("in", &format!("{}: it {says}", winner.session));
        }
    }

    pub fn say(&mut self, sentence: &str) {
        let sentence = self.fit(sentence, 0);
        self.text += &format!("{sentence}\n");
    }

    fn item(&mut self, word: &str, sentence: &str) {
        let sentence = self.fit(sentence, COLUMN);
        self.text += &format!("  {word:<7}  {sentence}\n");
    }

    /// Lines after the first are to be copied, so they stay whole.
    fn by_hand(&mut self, part: &Part) {
        for words in &part.by_hand {
            let mut lines = words.lines();
            self.item("by hand", lines.next().unwrap_or_default());
            self.text.extend(lines.map(|line| format!("    {line}\n")));
        }
    }

    fn fit(&self, sentence: &str, column: usize) -> String {
        match self.to_people {
            true => fold(sentence, column, column),
            false => sentence.to_owned(),
        }
    }
}
