//! What was found, what can be done here, and what only a person can do.

use policy::display;

use super::change::Change;
use super::scan::Found;
use super::winner::Winner;
use crate::fold::fit;
use crate::output::say;
use common::error::reason;

#[derive(Debug, Default)]
pub struct Plan {
    parts: Vec<Part>,
}

/// One thing that an earlier split SSH left here.
#[derive(Debug, Default)]
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
            ..Self::default()
        }
    }

    /// Lines after the first are to be copied, so they stay whole.
    fn say_by_hand(&self) {
        for words in &self.by_hand {
            let mut lines = words.lines();
            item("by hand", lines.next().unwrap_or_default());
            lines.for_each(|line| say(format_args!("    {line}")));
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

    pub fn has_changes(&self) -> bool {
        self.parts.iter().any(|part| !part.changes.is_empty())
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub fn say(&self) {
        for part in &self.parts {
            sentence(&part.found);
            for change in &part.changes {
                item("to do", &change.to_string());
            }
            part.say_by_hand();
        }
        if self.has_changes() {
            sentence(&format!("nothing is changed yet; to do it: {HOW}"));
        }
    }

    /// Does it, part by part; false if something failed. A part whose change fails is left there, and the next one is
    /// tried.
    pub fn apply(&self) -> bool {
        let mut is_done = true;
        for part in &self.parts {
            sentence(&part.found);
            for change in &part.changes {
                match change.apply() {
                    Ok(kept) => {
                        item("done", &change.to_string());
                        if let Some(kept) = kept {
                            item("", &format!("as it was: {}", kept.display()));
                        }
                    }
                    Err(error) => {
                        is_done = false;
                        item("FAILED", &format!("{change}: {}", reason(&error)));
                        break;
                    }
                }
            }
            part.say_by_hand();
        }
        if !is_done {
            sentence(&format!(
                "what failed is as it was; to try again as root: {HOW}"
            ));
        } else if self.has_changes() {
            sentence("restart this qube; then `split-ssh doctor` says whether all is well");
        }
        is_done
    }
}

/// Parts of it are root's, parts the user's.
const HOW: &str = "sudo HOME=\"$HOME\" split-ssh migrate --apply";
/// Where an item's sentence begins.
const COLUMN: usize = 11;

/// Lines that were found; `word` says how it stands with them.
pub fn say_found(what: &str, word: &str, found: &[Found]) {
    if !found.is_empty() {
        sentence(what);
    }
    for one in found {
        item(word, &one.to_string());
    }
}

/// Which agent programs are led to now.
pub fn say_winners(winners: &[Winner]) {
    sentence("SSH_AUTH_SOCK, as this machine's shells say it now:");
    for winner in winners {
        let says = match (winner.value.as_str(), winner.is_ours()) {
            ("", _) => "is not set".to_owned(),
            (value, true) => format!("is {value}, split-ssh's"),
            (value, false) => format!("is {value}, NOT split-ssh's"),
        };
        item("in", &format!("{}: it {says}", winner.session));
    }
}

pub fn sentence(text: &str) {
    say(fit(text, 0, 0));
}

/// What files and shells say is in it, as it stands there.
fn item(word: &str, untrusted: &str) {
    let text = display::prose(untrusted.as_bytes(), usize::MAX);
    say(format_args!("  {word:<7}  {}", fit(&text, COLUMN, COLUMN)));
}
