//! How names from requests, known hosts and the person look in a question.

use crate::display;
use crate::facts::HostIdentity;

/// The longest name within a sentence. One that is longer has a fact of its own, in full.
const MAX_NAME: usize = 40;
/// The longest name of a host within a sentence.
const MAX_HOST: usize = 48;

/// How a host is called in a heading or a list: by the vault's own words only.
pub(super) fn short_name(host: &HostIdentity) -> String {
    match (host.names.first(), &host.label) {
        (Some(name), _) => display::ascii(name.as_bytes(), MAX_HOST),
        (None, Some(label)) => format!("\"{}\"", display::ascii(label.as_bytes(), MAX_HOST)),
        (None, None) => "an unnamed server".to_owned(),
    }
}

/// A value from outside, sanitized; one that is empty is there to be seen too.
pub(super) fn value(untrusted: &[u8], max: usize) -> String {
    if untrusted.is_empty() {
        "(empty)".to_owned()
    } else {
        display::ascii(untrusted, max)
    }
}

/// What was sanitized, in quotes that it cannot end.
pub(super) fn quoted(shown: &str) -> String {
    format!("\"{}\"", shown.replace('"', "\\x22"))
}

/// A name from the request. One that is not plainly a name is quoted, so that it cannot pass for more of the sentence.
pub(super) fn inline_name(untrusted: &[u8]) -> String {
    let shown = value(untrusted, MAX_NAME);
    if is_plain(untrusted) {
        shown
    } else {
        // Quotes within it become longer.
        let shown = display::ascii(shown.replace('"', "\\x22").as_bytes(), MAX_NAME);
        format!("\"{shown}\"")
    }
}

/// Whether a name is what names mostly are, and short enough to be read within a sentence.
pub(super) fn is_plain(untrusted: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(byte);
    (1..=MAX_NAME).contains(&untrusted.len())
        && untrusted.iter().all(plain)
        && display::ascii(untrusted, MAX_NAME).as_bytes() == untrusted
}
