//! What goes back to the vault: lines of JSON, as `docs/prompt-protocol.md` says.

use std::borrow::Cow;
use std::io::{self, Write};

use policy::overview::Action;
use policy::question::QuestionId;
use policy::question::protocol::{PassphraseAnswer, PrompterAnswer, ScreenLocked, Shown};
use serde::Serialize;
use zeroize::Zeroizing;

/// Says that the window is on the screen.
///
/// # Errors
/// The asker is gone.
pub fn send_shown(out: &mut impl Write) -> io::Result<()> {
    send(out, &Shown { shown: true })
}

/// Sends the one answer to a question. A name goes along with an allow only.
///
/// # Errors
/// The asker is gone.
pub fn send_answer(out: &mut impl Write, mut answer: PrompterAnswer) -> io::Result<()> {
    let given = &mut answer.answer;
    given.name = given.name.take().filter(|_| given.decision.allows());
    given.trust = given.trust && given.name.is_some();
    send(out, &answer)
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

/// Tells which button of the overview was pressed.
///
/// # Errors
/// The asker is gone.
pub fn send_action(out: &mut impl Write, action: Action) -> io::Result<()> {
    send(out, &action)
}

/// Says that the screen was locked.
///
/// # Errors
/// The asker is gone.
pub fn send_locked(out: &mut impl Write) -> io::Result<()> {
    send(out, &ScreenLocked { locked: true })
}

fn send(out: &mut impl Write, answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use policy::question::{Answer, Decision};

    use super::*;

    #[test]
    fn a_no_names_nobody() {
        for decision in [Decision::DenyOnce, Decision::Mute, Decision::AllowOnce] {
            let mut out = Vec::new();
            let answer = Answer {
                decision,
                name: Some("staging".to_owned()),
                trust: false,
                same: 1,
            };
            let answer = PrompterAnswer {
                id: 17,
                answer,
                unanswered: false,
            };
            send_answer(&mut out, answer).unwrap();
            let names = String::from_utf8(out).unwrap().contains("staging");
            assert_eq!(names, decision.allows(), "{decision:?}");
        }
    }

    #[test]
    fn a_passphrase_survives_json() {
        let mut out = Vec::new();
        send_passphrase(&mut out, 3, Some("p\"\\\u{e4}\u{1}")).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["passphrase"], "p\"\\\u{e4}\u{1}");
    }
}
