//! The fallback window: `zenity`, with the flags that make Enter and Escape a no, no markup, and only
//! the everyday choices. Weaker than our dialog: a click within its first moments is told apart by the
//! clock alone, counted from zenity's start and not from its window.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use policy::display;
use policy::question::{Answer, Decision, Mark, Offer, Question, Row, length_in_words};

use super::child::Running;
use super::session::Environment;
use super::{Asking, Outcome, Try};
use crate::intake::stream::poll_until;

const PROGRAM: &str = "/usr/bin/zenity";
/// An answer sooner than this was meant for another window: asked again.
const TOO_SOON: Duration = Duration::from_millis(1500);
/// So often at most; whoever still answers at once is not reading.
const TRIES: usize = 3;
/// zenity widens its window to the longest line.
const MAX_VALUE: usize = 72;
const DENY: &str = "Deny";
const ONCE: &str = "Allow once";
/// zenity's exit codes.
const EXIT_OK: i32 = 0;
const EXIT_CANCEL: i32 = 1;
const EXIT_TIME_UP: i32 = 5;

pub(super) fn find() -> Option<PathBuf> {
    Some(PathBuf::from(PROGRAM)).filter(|path| path.is_file())
}

/// How a question fares that zenity is not for.
pub(super) fn unfit(question: &Question) -> Option<Try> {
    if question.offers.contains(&Offer::Name) {
        // No room to compare a fingerprint and type a name: a no, which the notification explains.
        return Some(Try::Over(Outcome::Failed(format!(
            "zenity can't ask about an unnamed server; its key is {}",
            fingerprint(question)
        ))));
    }
    let why = "it can't show such a question; answer it in a terminal";
    (!is_everyday(question)).then(|| Try::Unseen(why.to_owned()))
}

/// Asks by zenity, if it is a question for it.
pub(super) fn by_zenity(asking: &Asking<'_>, program: &Path, environment: &Environment) -> Try {
    let question = asking.question;
    if let Some(unfit) = unfit(question) {
        return unfit;
    }
    for _ in 0..TRIES {
        let zenity = match start(question, program, environment) {
            Ok(zenity) => zenity,
            Err(error) => return Try::Unseen(error.to_string()),
        };
        match wait(asking, zenity) {
            Ended::Withdrawn => return Try::Over(Outcome::Withdrawn),
            Ended::NoDisplay => return Try::Unseen("it cannot open the display".to_owned()),
            Ended::TooSoon => {}
            Ended::Said { status, label } => {
                return Try::Over(read(question, status, label.trim()));
            }
        }
    }
    Try::Over(Outcome::Failed(
        "zenity was answered at once, three times".to_owned(),
    ))
}

/// Named hosts and signatures, which leave a grant; not what needs a closer look.
fn is_everyday(question: &Question) -> bool {
    question.warning.is_none() && ["login", "sshsig"].contains(&question.kind.as_str())
}

fn fingerprint(question: &Question) -> &str {
    let mut rows = question.rows.iter().skip_while(|row| row.label != "Server");
    rows.nth(1).map_or("unknown", |row| row.text.as_str())
}

fn start(
    question: &Question,
    program: &Path,
    environment: &Environment,
) -> std::io::Result<Running> {
    let mut command = Command::new(program);
    command
        .args([
            "--question",
            "--no-markup",
            "--default-cancel",
            "--title=Split SSH",
        ])
        .arg(format!("--text={}", text(question)))
        .arg(format!("--timeout={}", question.seconds.max(1)))
        .arg(format!("--ok-label={ONCE}"))
        .arg(format!("--cancel-label={DENY}"))
        .arg("--width=560")
        .env_clear()
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(seconds) = longer(question) {
        command.arg(format!("--extra-button={}", extra(seconds)));
    }
    command.spawn().map(Running)
}

/// The one longer answer that is offered: 15 minutes, or the rule's longest if that is shorter.
fn longer(question: &Question) -> Option<u64> {
    let lengths = question.offers.iter().filter_map(|offer| match offer {
        Offer::For(seconds) if *seconds <= 900 => Some(*seconds),
        _ => None,
    });
    lengths.max()
}

fn extra(seconds: u64) -> String {
    format!("Allow for {}", length_in_words(seconds))
}

/// The rows as lines. With markup zenity turns `\n` and the like in its text into what they stand for;
/// without, 3.44 and 4.1 do not. Every backslash of a value is doubled, which is safe with either.
fn text(question: &Question) -> String {
    let line = |row: &Row| {
        let value = display::ascii(row.text.as_bytes(), MAX_VALUE);
        let mark = row.mark.map_or("", Mark::word);
        let notes = [row.note.as_deref().unwrap_or(""), mark];
        let notes: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        let notes = if notes.is_empty() {
            String::new()
        } else {
            format!("  ({})", notes.join("; "))
        };
        let label = if row.label.is_empty() {
            String::new()
        } else {
            format!("{}: ", row.label)
        };
        format!("{label}{value}{notes}")
    };
    let rows = question.rows.iter().map(line);
    let mut lines = vec![question.heading.clone(), String::new()];
    lines.extend(rows);
    lines.push(format!("Why: {}", question.why));
    if let (Some(scope), Some(_)) = (&question.scope, longer(question)) {
        lines.push(format!("A longer answer covers {scope}."));
    }
    if question.same > 1 {
        lines.push(format!("This answer serves {} requests.", question.same));
    }
    lines.join("\n").replace('\\', "\\\\")
}

enum Ended {
    Said {
        status: ExitStatus,
        label: String,
    },
    /// Before anybody can have read the question.
    TooSoon,
    NoDisplay,
    Withdrawn,
}

fn wait(asking: &Asking<'_>, mut zenity: Running) -> Ended {
    let Some(output) = zenity.0.stdout.take() else {
        return Ended::Withdrawn;
    };
    let began = Instant::now();
    let end = began + Duration::from_secs(asking.question.seconds + 5);
    let mut seen = false;
    loop {
        if asking.dialog.is_withdrawn() {
            return Ended::Withdrawn;
        }
        let mut fds = [
            PollFd::new(output.as_fd(), PollFlags::POLLIN),
            PollFd::new(asking.dialog.fd(), PollFlags::POLLIN),
        ];
        let ready = poll_until(&mut fds, if seen { end } else { began + TOO_SOON });
        let (said, told) = (fds[0].any().unwrap_or(false), fds[1].any().unwrap_or(false));
        if told {
            asking.dialog.rest();
        }
        if said {
            break;
        }
        match ready {
            Ok(0) if !seen => {
                // zenity does not tell when its window is up; by now it is.
                seen = true;
                (asking.shown)();
            }
            Ok(1..) => {}
            _ => {
                let _ = zenity.0.kill();
                break;
            }
        }
    }
    let label = first_bytes(output);
    let complaint = zenity.0.stderr.take().map(first_bytes).unwrap_or_default();
    match zenity.0.wait() {
        // On a slow machine it takes longer to find that out than a person to answer.
        _ if complaint.contains("open display") => Ended::NoDisplay,
        _ if !seen => Ended::TooSoon,
        Ok(status) => Ended::Said { status, label },
        Err(_) => Ended::Withdrawn,
    }
}

/// What a process that ends has said, as far as it matters.
fn first_bytes(output: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = output.take(4096).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read(question: &Question, status: ExitStatus, label: &str) -> Outcome {
    let answer = |decision| {
        Outcome::Answered(Answer {
            decision,
            name: None,
            same: question.same,
        })
    };
    match (status.code(), longer(question)) {
        (Some(EXIT_OK), _) if label.is_empty() => answer(Decision::Once),
        (Some(EXIT_CANCEL), Some(seconds)) if label == extra(seconds) => {
            answer(Decision::For(seconds))
        }
        (Some(EXIT_CANCEL), _) if label.is_empty() => answer(Decision::Deny),
        (Some(EXIT_TIME_UP), _) => Outcome::Nobody,
        _ => Outcome::Failed(format!("zenity ended with {status}")),
    }
}
