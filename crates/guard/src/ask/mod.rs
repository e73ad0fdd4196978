//! Questions to the person: who waits for which, and who shows them.

pub mod prompt;
pub mod questions;
