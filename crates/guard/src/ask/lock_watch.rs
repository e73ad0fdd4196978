//! Forgets the approvals when the screen is locked, where the desktop tells: the prompt program
//! listens to it and asks nothing, for as long as a yes is remembered.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use policy::question::protocol::ScreenLocked;

use super::asker::Asker;
use super::prompt::{LOCK, NextLine, PrompterLines};
use super::questions::QuestionEvent;

/// How often a watch looks whether a yes is still remembered.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// A watch that ended by itself, or did not start, is not started again before.
const RESTART_DELAY: Duration = Duration::from_secs(60);
/// `{"locked":true}`, and some room.
const MAX_LINE: usize = 256;

/// Watches until the vault stops.
pub fn watch(asker: &Arc<Asker>) {
    // A yes is told of by the end of its question.
    let told = asker.questions.listen();
    let asker = Arc::clone(asker);
    thread::spawn(move || {
        while told.recv().is_ok() {
            while asker.questions.has_approvals() {
                let began = Instant::now();
                if let Ok((_running, stream)) = asker.prompter.start(LOCK, Some("--watch-lock")) {
                    asker.listen_for_lock(&stream, &told);
                }
                if asker.questions.has_approvals() {
                    discard_until(&told, began + RESTART_DELAY);
                }
            }
        }
    });
}

/// Lets what is told go by until then.
fn discard_until(told: &Receiver<QuestionEvent>, until: Instant) {
    while told
        .recv_timeout(until.saturating_duration_since(Instant::now()))
        .is_ok()
    {}
}

impl Asker {
    /// Returns when no yes is remembered, or when the watch has ended or says what means nothing.
    fn listen_for_lock(&self, stream: &UnixStream, told: &Receiver<QuestionEvent>) {
        let mut lines = PrompterLines::new(stream, MAX_LINE);
        while self.questions.has_approvals() {
            told.try_iter().for_each(drop);
            match lines.next(None, Instant::now() + POLL_INTERVAL) {
                NextLine::TimeUp => {}
                NextLine::Line(line) => match serde_json::from_slice(&line) {
                    Ok(ScreenLocked { locked: true }) => self.screen_was_locked(),
                    _ => return,
                },
                _ => return,
            }
        }
    }
}
