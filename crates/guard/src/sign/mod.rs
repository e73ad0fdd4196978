//! What is answered: the list of keys, binds, and signatures. [`pipeline`] is the heart of the program.

mod binding;
mod content;
pub mod held_content;
mod key_list;
mod listing;
mod outcome;
mod pipeline;
mod requests;
pub mod session;
mod unlock;

pub use requests::answer;
