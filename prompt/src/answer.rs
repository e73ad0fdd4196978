//! What goes back to the vault: lines of JSON, as `docs/prompt-protocol.md` says.

use std::io::{self, Write};

use serde::Serialize;
use zeroize::Zeroizing;

use policy::question::protocol::{PrompterAnswer, Shown};

pub const MAX_PASSPHRASE: usize = 1024;

/// That no passphrase is given.
#[derive(Serialize)]
struct NoPassphrase<'a> {
    id: &'a str,
    decision: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unanswered: bool,
}

#[derive(Serialize)]
struct Passphrase<'a> {
    id: &'a str,
    passphrase: &'a str,
}

#[derive(Serialize)]
struct Notified {
    notified: u32,
}

#[derive(Serialize)]
struct Locked {
    locked: bool,
}

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
    send(out, &answer)
}

/// Says that no passphrase is given; `unanswered` if nobody was there.
///
/// # Errors
/// The asker is gone.
pub fn send_no_passphrase(out: &mut impl Write, id: &str, unanswered: bool) -> io::Result<()> {
    let decision = "deny";
    send(
        out,
        &NoPassphrase {
            id,
            decision,
            unanswered,
        },
    )
}

/// Sends a passphrase and wipes the line that held it.
///
/// # Errors
/// The asker is gone.
pub fn send_passphrase(out: &mut impl Write, id: &str, passphrase: &str) -> io::Result<()> {
    // Room enough from the start: a line that grows would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(6 * passphrase.len() + id.len() + 64));
    serde_json::to_writer(&mut *line, &Passphrase { id, passphrase })?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// Says under which number a notification is shown.
///
/// # Errors
/// The asker is gone.
pub fn send_notified(out: &mut impl Write, number: u32) -> io::Result<()> {
    send(out, &Notified { notified: number })
}

/// Says that the screen was locked.
///
/// # Errors
/// The asker is gone.
pub fn send_locked(out: &mut impl Write) -> io::Result<()> {
    send(out, &Locked { locked: true })
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
    fn no_passphrase_is_as_the_protocol_says() {
        let line = |unanswered| {
            let mut out = Vec::new();
            send_no_passphrase(&mut out, "3", unanswered).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(line(false), "{\"id\":\"3\",\"decision\":\"deny\"}\n");
        assert_eq!(
            line(true),
            "{\"id\":\"3\",\"decision\":\"deny\",\"unanswered\":true}\n"
        );
    }

    #[test]
    fn a_passphrase_survives_json() {
        let mut out = Vec::new();
        send_passphrase(&mut out, "3", "p\"\\\u{e4}\u{1}").unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["passphrase"], "p\"\\\u{e4}\u{1}");
    }
}
