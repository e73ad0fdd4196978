//! The vault's question, shown in this terminal as in one of the vault's, and answered there or, with
//! `--yes`, by the demo itself.

use std::io::{self, BufRead};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use policy::question::Question;

use super::screen::{Ink, Screen};
use super::vault::Vault;
use super::world::{PATIENCE, Running, wait_for};
use crate::control::{self, DecisionWord, Request, VERSION};
use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Yes,
    No,
    /// Nobody answered in time.
    Nothing,
}

/// Waits for the question that `asker` leads to, shows it, and has it answered.
pub fn answer(
    screen: &Screen,
    vault: &Vault,
    asker: &mut Running,
    by_itself: bool,
) -> Result<Given, Error> {
    let question = wait(vault, asker)?;
    tell(
        vault,
        &Request::Shown {
            v: VERSION,
            id: question.id,
        },
    )?;
    show(screen, &question);
    let given = if by_itself {
        screen.ask("Allow it once? [y/N]");
        screen.line(&format!(
            "y   {}",
            screen.paint(Ink::Dim, "(the demo answers itself)")
        ));
        Given::Yes
    } else {
        ask_person(screen, Duration::from_secs(question.seconds))
    };
    let decision = match given {
        Given::Yes => DecisionWord::Once,
        Given::No => DecisionWord::Deny,
        Given::Nothing => return Ok(given),
    };
    let answer = Request::Answer {
        v: VERSION,
        id: question.id,
        decision,
        seconds: None,
        same: question.same,
        name: None,
    };
    tell(vault, &answer)?;
    Ok(given)
}

fn wait(vault: &Vault, asker: &mut Running) -> Result<Question, Error> {
    let found = wait_for("the vault's question", PATIENCE, || {
        let pending = control::ask(&vault.paths, &Request::Pending { v: VERSION });
        let first = pending
            .ok()
            .and_then(|reply| reply.pending?.into_iter().next());
        match first {
            Some(pending) => Some(Some(pending.question)),
            None => (!asker.runs()).then_some(None),
        }
    })?;
    found.ok_or_else(|| Error::new(format!("the vault did not ask: {}", asker.said().trim())))
}

fn tell(vault: &Vault, request: &Request) -> Result<(), Error> {
    let reply = control::ask(&vault.paths, request)
        .map_err(|error| Error::io("ask", &vault.paths.control_socket(), &error))?;
    match reply.error {
        Some(error) => Err(Error::new(error)),
        None => Ok(()),
    }
}

/// The rows as they come: all text in them has passed the display door.
fn show(screen: &Screen, question: &Question) {
    let mut lines = vec![screen.paint(Ink::Strong, &question.heading)];
    lines.extend(
        question
            .warning
            .as_ref()
            .map(|warning| screen.paint(Ink::Question, warning)),
    );
    lines.push(String::new());
    for row in &question.rows {
        let ink = if row.stands_out {
            Ink::Question
        } else {
            Ink::Plain
        };
        let label = screen.paint(Ink::Dim, &format!("{:<10}", row.label));
        let mark = row.mark.map(|mark| mark.word().to_owned());
        let notes: Vec<_> = row.note.iter().cloned().chain(mark).collect();
        let notes = if notes.is_empty() {
            String::new()
        } else {
            screen.paint(Ink::Dim, &format!("  ({})", notes.join(", ")))
        };
        lines.push(format!("{label} {}{notes}", screen.paint(ink, &row.text)));
    }
    lines.push(String::new());
    lines.push(screen.paint(Ink::Dim, &question.why));
    screen.line("");
    screen.quote(&lines.join("\n"));
    screen.line("");
}

/// Only what is typed after the question was shown counts.
fn ask_person(screen: &Screen, time: Duration) -> Given {
    let end = Instant::now() + time;
    let input = io::stdin();
    let _ = tcflush(&input, FlushArg::TCIFLUSH);
    screen.ask(&format!("Allow it once? [y/N, {} s]", time.as_secs()));
    let left = end.saturating_duration_since(Instant::now());
    let mut wanted = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    if !poll(&mut wanted, timeout).is_ok_and(|ready| ready > 0) {
        screen.line("");
        return Given::Nothing;
    }
    let mut line = String::new();
    match input.lock().read_line(&mut line) {
        Ok(_) if matches!(line.trim(), "y" | "Y" | "yes") => Given::Yes,
        _ => Given::No,
    }
}
