//! What the writer of the log (in the guard) and its readers share: files, lines, sentences, heads in the
//! journal.

pub mod files;
pub mod heads;
pub mod journal;
pub mod line;
pub mod read;
