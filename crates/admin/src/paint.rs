//! Colours of a terminal (ECMA-48).

pub const STRONG: &str = "1";
pub const DIM: &str = "2";
pub const RED: &str = "31";
pub const GREEN: &str = "32";
pub const YELLOW: &str = "33";
pub const STRONG_RED: &str = "1;31";

/// `text` in a colour, where there are colours.
pub fn paint(colours: bool, code: &str, text: &str) -> String {
    match colours {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}
