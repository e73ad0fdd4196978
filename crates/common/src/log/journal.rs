//! The system's journal, in its native protocol; standard error where there is none.

use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use policy::record::sentence::Tone;

use crate::clock;

const SOCKET: &str = "/run/systemd/journal/socket";
const IDENTIFIER: &str = "split-ssh";

/// syslog's levels, those that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

impl From<Tone> for Priority {
    fn from(tone: Tone) -> Self {
        match tone {
            Tone::Signed | Tone::Plain => Self::Info,
            Tone::Refused => Self::Notice,
            Tone::Alarm => Self::Warning,
        }
    }
}

/// Says one line in the journal, or on standard error where there is none (with syslog's `<N>` before
/// it, for a service's log); on a terminal too. Never waits, never fails.
pub fn say(priority: Priority, text: &str) {
    let sent = note(priority, text, &[]);
    let mut stderr = io::stderr().lock();
    let written = if stderr.is_terminal() {
        writeln!(stderr, "split-ssh: {}", one_line(text))
    } else if sent {
        Ok(())
    } else {
        writeln!(stderr, "<{}>{}", priority as u8, one_line(text))
    };
    // There is nowhere left to say that standard error is closed.
    drop(written);
}

/// Notes one line in the journal only; `fields` are names and values. False where there is no
/// journal.
pub fn note(priority: Priority, text: &str, fields: &[(&str, &str)]) -> bool {
    send(datagram(priority, text, fields).as_bytes())
}

/// Whether there is a journal, as far as is known. Where it was missing, true again after a minute, so that it is
/// tried again.
pub fn is_available() -> bool {
    let absent = ABSENT.load(Ordering::Relaxed);
    absent == 0 || clock::since_1970().as_secs().saturating_sub(absent) >= 60
}

/// When the journal was last found missing, in seconds since 1970; 0 = it was there.
static ABSENT: AtomicU64 = AtomicU64::new(0);

/// systemd's native protocol: a field a line, so no value may hold a newline.
fn datagram(priority: Priority, text: &str, fields: &[(&str, &str)]) -> String {
    let mut datagram = format!(
        "PRIORITY={}\nSYSLOG_IDENTIFIER={IDENTIFIER}\n",
        priority as u8
    );
    for (name, value) in [("MESSAGE", text)].iter().chain(fields) {
        datagram.push_str(&format!("{name}={}\n", one_line(value)));
    }
    datagram
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// One socket for all: each record is a datagram. Not connected, so that it outlives a journal's restart.
fn send(datagram: &[u8]) -> bool {
    static OURS: OnceLock<Option<UnixDatagram>> = OnceLock::new();
    let ours = OURS.get_or_init(|| {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(socket)
    });
    let sent = ours.as_ref().map(|socket| socket.send_to(datagram, SOCKET));
    let is_absent = matches!(&sent, Some(Err(error)) if error.kind() == io::ErrorKind::NotFound);
    let absent = if is_absent {
        clock::since_1970().as_secs()
    } else {
        0
    };
    ABSENT.store(absent, Ordering::Relaxed);
    matches!(sent, Some(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_field_of_its_own() {
        assert_eq!(
            datagram(
                Priority::Warning,
                "a\nPRIORITY=0\r\u{85}b",
                &[("MESSAGE_ID", "1\n2")]
            ),
            "PRIORITY=4\nSYSLOG_IDENTIFIER=split-ssh\nMESSAGE=a PRIORITY=0  b\nMESSAGE_ID=1 2\n"
        );
    }
}
