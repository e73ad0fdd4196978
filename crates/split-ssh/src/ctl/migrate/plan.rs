//! What was found, what can be done here, and what only a person can do.

use super::super::doctor::Place;
use super::super::doctor::read_qubesdb;
use super::super::dom0_policy::{Action, Wanted};
use super::change::Change;

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

    /// dom0's lines for this client and a vault.
    pub fn say_policy(&mut self, place: &Place, vault: &str, keyrings: &[String]) {
        let client = read_qubesdb(place, "/name").unwrap_or_else(|| "CLIENT".to_owned());
        self.say_policy_for(&client, vault, keyrings);
    }

    pub fn say_policy_for(&mut self, client: &str, vault: &str, keyrings: &[String]) {
        let wanted = Wanted {
            clients: vec![client.to_owned()],
            vault: vault.to_owned(),
            keyrings: keyrings.to_vec(),
            all_keyrings: false,
            action: Action::Ask,
            notify: false,
            autostart: true,
        };
        if let Ok(lines) = wanted.lines() {
            self.by_hand.push(format!(
                "in dom0, in /etc/qubes/policy.d/30-user-split-ssh.policy:\n       {}",
                lines.join("\n       ")
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

    pub fn to_text(&self) -> String {
        if self.parts.is_empty() {
            return NOTHING.to_owned();
        }
        let mut text = String::new();
        for part in &self.parts {
            text += &format!("{}\n", part.found);
            for change in &part.changes {
                text += &format!("  to do    {change}\n");
            }
            text += &by_hand(part);
        }
        if self.changes().next().is_some() {
            text += &format!("nothing is changed yet; to do it: {HOW}\n");
        }
        text
    }

    /// Does it, part by part. A part whose change fails is left there, and the next one is tried.
    pub fn apply(&self) -> (String, bool) {
        if self.parts.is_empty() {
            return (NOTHING.to_owned(), true);
        }
        let mut text = String::new();
        let mut is_done = true;
        for part in &self.parts {
            text += &format!("{}\n", part.found);
            for change in &part.changes {
                match change.apply() {
                    Ok(None) => text += &format!("  done     {change}\n"),
                    Ok(Some(kept)) => {
                        text += &format!("  done     {change}; as it was: {}\n", kept.display());
                    }
                    Err(error) => {
                        is_done = false;
                        text += &format!("  FAILED   {change}: {error}\n");
                        break;
                    }
                }
            }
            text += &by_hand(part);
        }
        if !is_done {
            text += &format!("what failed is as it was; to try again as root: {HOW}\n");
        } else if self.changes().next().is_some() {
            text += "restart this qube, then see: split-ssh doctor\n";
        }
        (text, is_done)
    }
}

/// Parts of it are root's, parts the user's.
const HOW: &str = "sudo HOME=\"$HOME\" split-ssh migrate --apply";
const NOTHING: &str = "nothing of an earlier split SSH is left to change here\n";

fn by_hand(part: &Part) -> String {
    let lines = part.by_hand.iter();
    lines.map(|line| format!("  by hand  {line}\n")).collect()
}
