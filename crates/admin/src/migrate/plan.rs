//! What was found, what can be done here, and what only a person can do.

use super::super::doctor::Machine;
use super::super::doctor::read_qubesdb;
use super::super::dom0_policy::{Action, WantedRules};
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

    /// dom0's lines for this client and its vaults, of which the first answers `@default`.
    pub fn say_policy(&mut self, place: &Machine, vaults: &[String], keyrings: &[String]) {
        let client = read_qubesdb(place, "/name").unwrap_or_else(|| "CLIENT".to_owned());
        self.say_policy_for(&client, vaults, keyrings);
    }

    pub fn say_policy_for(&mut self, client: &str, vaults: &[String], keyrings: &[String]) {
        let mut lines = Vec::new();
        for vault in vaults {
            let wanted = WantedRules {
                clients: vec![client.to_owned()],
                vault: vault.clone(),
                keyrings: keyrings.to_vec(),
                all_keyrings: false,
                action: Action::Ask,
                notify: false,
                autostart: true,
            };
            let is_first = lines.is_empty();
            let of_vault = wanted.lines().unwrap_or_default().into_iter();
            lines.extend(of_vault.filter(|line| is_first || !line.contains(" @default ")));
        }
        if !lines.is_empty() {
            self.by_hand.push(format!(
                "in dom0, in /etc/qubes/policy.d/30-user-split-ssh.policy:\n{}",
                lines.join("\n")
            ));
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
                            page.more(&format!("as it was: {}", kept.display()));
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

    /// What there is, before anything is changed.
    pub fn found(&mut self, found: &[Found]) {
        if !found.is_empty() {
            self.say("found in this qube:");
        }
        for one in found {
            self.item("found", &one.to_string());
        }
    }

    /// What there is after all that could be changed was.
    pub fn left(&mut self, found: &[Found]) {
        if !found.is_empty() {
            self.say("still here; remove or keep them as you like:");
        }
        for one in found {
            self.item("left", &one.to_string());
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
        let sentence = self.fit(sentence, 0, 0);
        self.text += &format!("{sentence}\n");
    }

    fn item(&mut self, word: &str, sentence: &str) {
        let sentence = self.fit(sentence, COLUMN, COLUMN);
        self.text += &format!("  {word:<7}  {sentence}\n");
    }

    fn more(&mut self, sentence: &str) {
        let sentence = self.fit(sentence, COLUMN, COLUMN);
        self.text += &format!("{:COLUMN$}{sentence}\n", "");
    }

    /// Lines after the first are to be copied, so they stay whole.
    fn by_hand(&mut self, part: &Part) {
        for words in &part.by_hand {
            let mut lines = words.lines();
            self.item("by hand", lines.next().unwrap_or_default());
            self.text.extend(lines.map(|line| format!("    {line}\n")));
        }
    }

    fn fit(&self, sentence: &str, column: usize, indent: usize) -> String {
        match self.to_people {
            true => fold(sentence, column, indent),
            false => sentence.to_owned(),
        }
    }
}
