//! A question on the terminal before something is changed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use common::error::Error;

/// Asks on the terminal; only a spelled-out yes is one.
///
/// # Errors
/// There is no terminal. The command has a `--yes` for that.
pub(super) fn confirm(question: &str) -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::new("there is no terminal to ask on")
            .hint("add --yes to the command to go on without asking"));
    }
    print!("{question} [yes/no] ");
    let failed = |error: io::Error| Error::new(format!("cannot ask: {error}"));
    io::stdout().flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "yes" | "y"))
}
