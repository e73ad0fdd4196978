//! Questions to the person: who waits for which, and who shows them.

pub mod asker;
pub mod changes;
pub mod lock_watch;
pub mod prompt;
pub mod questions;
pub mod showing;
