//! The oracle of the parsers' targets: whatever `parse` accepts, `rebuild` gives back byte for byte, and
//! whatever it refuses is wrong at a place inside the input.

use wire::Malformed;

/// The second opinion on what could be a login, shared with the tests of `policy`.
#[path = "../../crates/policy/tests/login_oracle/mod.rs"]
pub mod login_oracle;

/// The bytes of what the program only reads, shared with the tests of `wire`.
#[path = "../../crates/wire/tests/rebuild/mod.rs"]
pub mod rebuild;

/// Checks one outcome of a `parse` of `bytes`.
pub fn check<T>(bytes: &[u8], parsed: &Result<T, Malformed>, rebuild: impl Fn(&T) -> Vec<u8>) {
    match parsed {
        Ok(value) => assert_eq!(rebuild(value), bytes),
        Err(Malformed { at, .. }) => assert!(*at <= bytes.len()),
    }
}

/// Checks that a text is one line in which each character can be seen: none controls a screen, reorders the text or
/// has no width.
pub fn assert_visible(text: &str) {
    for c in text.chars() {
        let is_hidden = matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}');
        assert!(!c.is_control() && !is_hidden, "{text:?}");
        assert!(c == ' ' || !c.is_whitespace(), "{text:?}");
    }
}
