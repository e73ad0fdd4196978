//! The vault's question, shown in this terminal as in one of the vault's, and answered there or, with
//! `--yes`, by the demo itself.

use std::io::{self, BufRead};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};

use super::running::{PATIENCE, Running, wait_for};
use super::screen::{Ink, Screen};
use super::vault::Vault;
use admin::shown_question;
use common::control::{self, DecisionWord, Pending, Request, VERSION};
use common::error::Error;

/// A question must be on the screen for so long before anything that is typed counts.
const QUIET: Duration = Duration::from_secs(1);
const PROMPT: &str = "Allow? Type yes or no:";

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
    let pending = wait(vault, asker)?;
    let question = &pending.question;
    tell(
        vault,
        &Request::Shown {
            v: VERSION,
            id: question.id,
        },
    )?;
    screen.line("");
    screen.block(&shown_question::text(&pending, screen.has_colour()));
    screen.line("");
    let given = if by_itself {
        screen.ask(PROMPT);
        screen.line(&format!(
            "yes   {}",
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

fn wait(vault: &Vault, asker: &mut Running) -> Result<Pending, Error> {
    let found = wait_for("the vault's question", PATIENCE, || {
        let pending = control::ask(&vault.paths, &Request::Pending { v: VERSION });
        let first = pending
            .ok()
            .and_then(|reply| reply.pending?.into_iter().next());
        match first {
            Some(pending) => Some(Some(pending)),
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

/// Only a whole word counts, and only one that is typed after the question could be read.
fn ask_person(screen: &Screen, time: Duration) -> Given {
    let end = Instant::now() + time;
    let input = io::stdin();
    thread::sleep(QUIET);
    loop {
        let _ = tcflush(&input, FlushArg::TCIFLUSH);
        screen.ask(PROMPT);
        let left = end.saturating_duration_since(Instant::now());
        let mut wanted = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        if !poll(&mut wanted, timeout).is_ok_and(|ready| ready > 0) {
            screen.line("");
            return Given::Nothing;
        }
        let mut line = String::new();
        match input.lock().read_line(&mut line) {
            Ok(1..) => match line.trim() {
                "yes" => return Given::Yes,
                "no" => return Given::No,
                _ => {}
            },
            _ => return Given::Nothing,
        }
    }
}
