//! The oracle of the parsers' targets: whatever `parse` accepts, `rebuild` gives back byte for byte, and
//! whatever it refuses is wrong at a place inside the input.

use wire::Malformed;

/// The second opinion on what could be a login, shared with the tests of `policy`.
#[path = "../../crates/policy/tests/login_oracle/mod.rs"]
pub mod login_oracle;

/// Checks one outcome of a `parse` of `bytes`.
pub fn check<T>(bytes: &[u8], parsed: &Result<T, Malformed>, rebuild: impl Fn(&T) -> Vec<u8>) {
    match parsed {
        Ok(value) => assert_eq!(rebuild(value), bytes),
        Err(Malformed { at, .. }) => assert!(*at <= bytes.len()),
    }
}
