//! Colours of a terminal (ECMA-48).

use std::io::{self, IsTerminal};
use std::sync::LazyLock;

pub const STRONG: &str = "1";
pub const DIM: &str = "2";
pub const RED: &str = "31";
pub const GREEN: &str = "32";
pub const YELLOW: &str = "33";
pub const STRONG_RED: &str = "1;31";

/// Colour is for terminals whose owner did not say no (<https://no-color.org>). Tests compare words.
static HAS_COLOURS: LazyLock<bool> = LazyLock::new(|| {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    // As other tools do for whoever passes the output on to a terminal: https://bixense.com/clicolors
    !cfg!(test)
        && (io::stdout().is_terminal() || set("CLICOLOR_FORCE").is_some())
        && set("NO_COLOR").is_none()
        && set("TERM").is_none_or(|term| term != "dumb")
});

/// `text` in a colour, where there are colours.
pub fn paint(code: &str, text: &str) -> String {
    match *HAS_COLOURS {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}
