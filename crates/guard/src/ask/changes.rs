//! Who wants to know that the log, or who is connected, has changed.

use std::sync::Mutex;
use std::sync::mpsc::Sender;

use super::questions::QuestionEvent;
use common::sync::lock;

/// Those who listen, beside what happens to questions.
#[derive(Debug, Default)]
pub struct Changes(Mutex<Vec<Sender<QuestionEvent>>>);

impl Changes {
    pub fn listen(&self, listener: Sender<QuestionEvent>) {
        lock(&self.0).push(listener);
    }

    /// No other lock may be held.
    pub fn tell(&self) {
        lock(&self.0).retain(|listener| listener.send(QuestionEvent::Elsewhere).is_ok());
    }
}
