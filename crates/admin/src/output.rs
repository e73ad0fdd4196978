//! What commands print.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use common::error::Error;
use policy::display;
use serde::Serialize;

/// Characters of what the vault says, with room for paths and what to do. The vault cleaned its words already; this is the
/// same sanitizer once more.
pub const MAX_LINE: usize = 1000;

/// The vault's sentence.
pub fn prose(text: &str) -> String {
    display::prose(text.as_bytes(), MAX_LINE)
}

/// # Errors
/// Standard output is closed.
pub fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|error| Error::printing(&error))
}

/// Prints a line; a closed standard output is nobody's problem.
pub fn say(line: impl Display) {
    drop(writeln!(io::stdout(), "{line}"));
}

/// Whether a person reads it on a terminal.
pub fn is_for_people() -> bool {
    io::stdout().is_terminal()
}

/// What `--json` prints: lines for programs that people can read as well.
///
/// # Errors
/// The value has no JSON.
pub fn json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|error| Error::new(error.to_string()))
}

/// A message to another program, as a line.
///
/// # Errors
/// The value has no JSON.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// 0 if a command found what it looked for, and all is well; else 1.
pub fn exit_code(is_well: bool) -> ExitCode {
    match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// `1 rule`, `2 rules`.
pub fn counted<N: Display + PartialEq + From<u8>>(number: N, one: &str, many: &str) -> String {
    let noun = if number == N::from(1) { one } else { many };
    format!("{number} {noun}")
}
