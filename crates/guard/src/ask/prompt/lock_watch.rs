//! Forgets the remembered yeses when the screen is locked, where the desktop tells: the prompt program
//! listens to it and asks nothing, for as long as a yes is remembered.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::child::{self, Running};
use super::{Prompter, unit};
use crate::Vault;
use crate::ask::questions::QuestionEvent;
use crate::intake::stream::ByteStream;
use common::log::journal::{self, Priority};

/// How often a watch looks whether a yes is still remembered.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// A watch that ended by itself, or did not start, is not started again before.
const START_AGAIN: Duration = Duration::from_secs(60);
/// `{"locked":true}`, and some room.
const MAX_LINE: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntrustedLine {
    locked: bool,
}

/// Watches until the vault stops.
pub fn watch_lock(vault: &Arc<Vault>) {
    // A yes is told of by the end of its question.
    let told = vault.questions.listen();
    let vault = Arc::clone(vault);
    thread::spawn(move || {
        while told.recv().is_ok() {
            while vault.questions.remembers_a_yes() {
                let began = Instant::now();
                if let Some((_running, stream)) = vault.prompter.start_lock_watch() {
                    vault.listen_for_lock(stream, &told);
                }
                if vault.questions.remembers_a_yes() {
                    pass_over(&told, began + START_AGAIN);
                }
            }
        }
    });
}

/// Lets what is told go by until then.
fn pass_over(told: &Receiver<QuestionEvent>, until: Instant) {
    while told
        .recv_timeout(until.saturating_duration_since(Instant::now()))
        .is_ok()
    {}
}

impl Prompter {
    /// By the session's socket unit, else as our child; closing the stream ends it.
    fn start_lock_watch(&self) -> Option<(Option<Running>, UnixStream)> {
        if let Some(socket) = self.live_socket(unit::LOCK) {
            return Some((None, unit::connect(&socket).ok()?));
        }
        let environment = self.session.environment()?;
        let (running, stream) =
            child::start(self.program.as_deref()?, Some("--watch-lock"), &environment).ok()?;
        Some((Some(running), stream))
    }
}

impl Vault {
    /// Returns when no yes is remembered, or when the watch has ended or says what means nothing.
    fn listen_for_lock(&self, stream: UnixStream, told: &Receiver<QuestionEvent>) {
        let Ok(stream) = ByteStream::new(stream) else {
            return;
        };
        let mut held = Vec::new();
        while self.questions.remembers_a_yes() {
            told.try_iter().for_each(drop);
            let mut chunk = [0; MAX_LINE];
            match stream.read_until(&mut chunk, Instant::now() + LOOK_AGAIN) {
                Ok(None) => {}
                Ok(Some(0)) | Err(_) => return,
                Ok(Some(count)) => held.extend(chunk.iter().take(count)),
            }
            while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let rest = held.split_off(end + 1);
                match serde_json::from_slice(&std::mem::replace(&mut held, rest)) {
                    Ok(UntrustedLine { locked: true }) => self.screen_was_locked(),
                    _ => return,
                }
            }
            if held.len() >= MAX_LINE {
                return;
            }
        }
    }

    fn screen_was_locked(&self) {
        let ended = self
            .questions
            .with(|state| state.remembered.revoke_approvals());
        self.record_ended(&ended, "the screen was locked");
        let said = match ended.len() {
            0 => return,
            1 => "the screen was locked: 1 remembered yes has ended".to_owned(),
            count => format!("the screen was locked: {count} remembered yeses have ended"),
        };
        journal::say(Priority::Notice, &said);
        self.questions.notice(&said);
    }
}
