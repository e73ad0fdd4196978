//! The policy's files: where they are, how they are read, and how rules are added to them.

pub mod added_rules;
mod load;
mod save;

pub use added_rules::{AddedRule, add, added_rules, proposed};
pub use load::{BrokenPolicy, LoadedPolicy, found, load, load_file, text_of, watched};
pub use save::{load_with, may_hold_rules, save};
