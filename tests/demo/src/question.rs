//! The vault's question, shown by `split-ssh pending` and answered by `split-ssh allow` or `deny`, which the person
//! at this terminal decides or, with `--yes`, the demo itself.

use std::io::{self, BufRead};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use serde_json::Value;
use testbed::children::{Running, finish, run};
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;

use crate::screen::{Ink, Screen};

/// A question must be on the screen for so long before anything that is typed counts.
const QUIET: Duration = Duration::from_secs(1);
const PROMPT: &str = "Allow? Type yes or no:";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Consent,
    No,
    /// Nobody answered in time.
    Nothing,
}

/// Waits for the question that `asker` leads to, shows it, and has it answered.
pub fn answer(screen: &Screen, vault: &Vault, asker: &mut Running, by_itself: bool) -> Given {
    let question = wait(vault, asker);
    screen.line("");
    screen.command("vault", "split-ssh pending");
    let mut pending = vault.control(&["pending"]);
    if screen.has_colour() {
        pending.env("CLICOLOR_FORCE", "1");
    }
    screen.block(&run(&mut pending));
    screen.line("");
    let given = if by_itself {
        screen.ask(PROMPT);
        screen.line(&format!(
            "yes   {}",
            screen.paint(Ink::Dim, "(the demo answers itself)")
        ));
        Given::Consent
    } else {
        let seconds = question["seconds"].as_u64().expect("a number");
        ask_person(screen, Duration::from_secs(seconds))
    };
    let verdict = match given {
        Given::Consent => "allow",
        Given::No => "deny",
        Given::Nothing => return given,
    };
    let id = question["id"].as_str().expect("a number in a string");
    screen.command("vault", &format!("split-ssh {verdict} {id}"));
    run(&mut vault.control(&[verdict, id]));
    given
}

fn wait(vault: &Vault, asker: &mut Running) -> Value {
    wait_for("the vault's question", || {
        let pending = finish(&mut vault.control(&["pending", "--json"])).stdout;
        let pending: Value = serde_json::from_slice(&pending).expect("JSON");
        let question = pending.get(0).map(|first| first["question"].clone());
        assert!(
            question.is_some() || asker.exit_status().is_none(),
            "the vault did not ask: {}",
            asker.log().trim()
        );
        question
    })
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
                "yes" => return Given::Consent,
                "no" => return Given::No,
                _ => {}
            },
            _ => return Given::Nothing,
        }
    }
}
