//! Names of qrexec targets.

/// What qrexec-client-vm keeps of a target's name, in bytes.
const MAX_TARGET: usize = 63;

/// A qube's name, or one of dom0's words for a target (`@default`, `@dispvm:NAME`).
pub(super) fn is_target(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@:".contains(&byte);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@');
    starts && text.len() <= MAX_TARGET && text.bytes().all(is_one)
}
