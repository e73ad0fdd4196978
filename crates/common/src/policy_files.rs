//! The policy's files: where they are, how they are read, and how rules are added to them.

mod added_rules;
mod load;
mod save;

pub use added_rules::{
    AddedRule, Addition, Preset, add, add_preset, added_rules, propose_preset, proposed, remove,
};
pub use load::{BrokenPolicy, LoadedPolicy, found, load, load_file, watched};
pub use save::{may_hold_rules, save};
