//! The configuration files of people: strict, with the place of every mistake.

pub mod keyring;
pub mod sandbox;
mod shared_agents;
pub mod vault;

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::trusted_files;

/// More than anybody writes by hand.
const MAX_FILE: usize = 1 << 20;

/// Reads a file of TOML 1.0 as it was saved whole; `None` if there is none.
///
/// # Errors
/// A file that others can write, or that is not what `T` takes, with `file:line:column`.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    trusted_files::wait_until_saved(path)?;
    let Some(bytes) = trusted_files::read(path, MAX_FILE)? else {
        return Ok(None);
    };
    let place = path.display();
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::new(format!("{place}: not UTF-8 text")).hint("save it as UTF-8"))?;
    toml::from_str(&text).map(Some).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let (line, column) = line_and_column(&text, start);
        Error::new(format!("{place}:{line}:{column}: {}", error.message())).hint(format!(
            "line {line} is: {}",
            text.lines().nth(line - 1).unwrap_or_default().trim()
        ))
    })
}

/// Both from 1; the column in characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count() + 1)
}
