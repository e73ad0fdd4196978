//! What goes back to the vault: lines of JSON, as `docs/prompt-protocol.md` says.

use std::borrow::Cow;
use std::io::{self, Write};

use policy::question::QuestionId;
use policy::question::protocol::PassphraseAnswer;
use serde::Serialize;
use zeroize::Zeroizing;

/// Sends one line.
///
/// # Errors
/// The asker is gone.
pub fn send(line: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    let mut out = io::stdout();
    out.write_all(&line)?;
    out.flush()
}

/// Sends a passphrase, or that none is given, and wipes the line that held it.
///
/// # Errors
/// The asker is gone.
pub fn send_passphrase(
    out: &mut impl Write,
    id: QuestionId,
    passphrase: Option<&str>,
) -> io::Result<()> {
    // Room enough from the start: a line that grows would leave copies behind.
    let room = 6 * passphrase.map_or(0, str::len) + 64;
    let mut line = Zeroizing::new(Vec::with_capacity(room));
    let passphrase = passphrase.map(Cow::Borrowed);
    serde_json::to_writer(&mut *line, &PassphraseAnswer { id, passphrase })?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_survives_json() {
        let mut out = Vec::new();
        send_passphrase(&mut out, 3, Some("p\"\\\u{e4}\u{1}")).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["passphrase"], "p\"\\\u{e4}\u{1}");
    }
}
