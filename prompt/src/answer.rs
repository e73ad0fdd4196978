//! What goes back to the vault: lines of JSON, as `docs/prompt-protocol.md` says.

use std::io::{self, Write};

use policy::question::protocol::MAX_PASSPHRASE;
use serde::Serialize;
use zeroize::Zeroizing;

/// Bytes of the longest line with a passphrase, each character of which may be an escape.
const MAX_LINE: usize = 6 * MAX_PASSPHRASE + 64;

/// Sends one line.
///
/// # Errors
/// The asker is gone.
pub fn send(line: &impl Serialize) -> io::Result<()> {
    write(line, &mut io::stdout())
}

/// Writes one line, and wipes what held it: it may be a passphrase.
fn write(line: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    // Room enough from the start: a line that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LINE));
    serde_json::to_writer(&mut *bytes, line)?;
    bytes.push(b'\n');
    out.write_all(&bytes)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::question::protocol::PassphraseAnswer;

    #[test]
    fn a_passphrase_survives_json() {
        let mut out = Vec::new();
        let passphrase = Some("p\"\\\u{e4}\u{1}".into());
        write(&PassphraseAnswer { id: 3, passphrase }, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["passphrase"], "p\"\\\u{e4}\u{1}");
    }

    #[test]
    fn the_longest_passphrase_needs_no_more_room_than_there_is() {
        let mut out = Vec::new();
        let passphrase = Some("\u{1}".repeat(MAX_PASSPHRASE).into());
        write(
            &PassphraseAnswer {
                id: u64::MAX,
                passphrase,
            },
            &mut out,
        )
        .unwrap();
        assert!(out.len() <= MAX_LINE, "{}", out.len());
    }
}
