//! What goes back to the vault: lines of JSON, as `docs/prompt-protocol.md` says.

use std::io::{self, Write};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::question::MUTE_SECONDS;

pub const MAX_PASSPHRASE: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Deny,
    /// Nobody answered in time.
    Unanswered,
    Mute,
    Once,
    /// Seconds.
    For(u64),
}

#[derive(Serialize)]
struct Shown {
    shown: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unanswered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    same: Option<u32>,
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

/// Sends the one decision. `name` goes along with an allow only; `same` is the number of requests
/// that the person saw the answer to be for, `None` for a passphrase.
///
/// # Errors
/// The asker is gone.
pub fn send_decision(
    out: &mut impl Write,
    id: &str,
    decision: &Decision,
    name: Option<&str>,
    same: Option<u32>,
) -> io::Result<()> {
    let (word, seconds) = match decision {
        Decision::Deny | Decision::Unanswered => ("deny", None),
        Decision::Mute => ("mute", Some(MUTE_SECONDS)),
        Decision::Once => ("once", None),
        Decision::For(seconds) => ("for", Some(*seconds)),
    };
    let allows = matches!(decision, Decision::Once | Decision::For(_));
    let name = name.filter(|_| allows);
    send(
        out,
        &Answer {
            id,
            decision: word,
            seconds,
            name,
            unanswered: *decision == Decision::Unanswered,
            same,
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
    use super::*;

    fn line(decision: &Decision, name: Option<&str>) -> String {
        let mut out = Vec::new();
        send_decision(&mut out, "17", decision, name, Some(1)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn answers_are_as_the_protocol_says() {
        assert_eq!(
            line(&Decision::Deny, None),
            "{\"id\":\"17\",\"decision\":\"deny\",\"same\":1}\n"
        );
        assert_eq!(
            line(&Decision::Unanswered, None),
            "{\"id\":\"17\",\"decision\":\"deny\",\"unanswered\":true,\"same\":1}\n"
        );
        assert_eq!(
            line(&Decision::Mute, None),
            "{\"id\":\"17\",\"decision\":\"mute\",\"seconds\":300,\"same\":1}\n"
        );
        assert_eq!(
            line(&Decision::For(900), Some("staging")),
            "{\"id\":\"17\",\"decision\":\"for\",\"seconds\":900,\"name\":\"staging\",\"same\":1}\n"
        );
    }

    #[test]
    fn a_no_names_nobody() {
        for no in [Decision::Deny, Decision::Mute, Decision::Unanswered] {
            assert!(!line(&no, Some("staging")).contains("staging"));
        }
    }

    #[test]
    fn a_passphrase_survives_json() {
        let mut out = Vec::new();
        send_passphrase(&mut out, "3", "p\"\\\u{e4}\u{1}").unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["passphrase"], "p\"\\\u{e4}\u{1}");
    }
}
