//! What is answered: the list of keys, binds, and signatures. [`pipeline`] is the heart of the program.

mod binding;
pub mod content;
mod key_list;
mod listing;
mod outcome;
mod pipeline;
mod requests;
pub mod session;
mod unlock;

pub use requests::answer;
