//! What is answered: the list of keys, binds, and signatures. [`pipeline`] is the heart of the program.

mod binding;
pub mod listing;
mod pipeline;
pub mod unlock;
