//! What the thread that reads a carrying call leaves for one of its connections.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use wire::carry::Note;

use super::connection_table::ConnectionHandle;
use super::program::Answer;
use crate::status::outcome::CallOutcome;
use common::sync::lock;
use common::wake::WakeEvent;

/// What has come for one connection.
#[derive(Debug)]
pub struct Mailbox {
    reply: Mutex<Option<Answer>>,
    /// Why nothing more comes after the reply, if there is one.
    ended: Mutex<Option<Why>>,
    /// At most one of each kind: a vault that sends more tells nothing new.
    notes: Mutex<Vec<Note>>,
    /// The program that gets the reply as it is, from the thread that reads: to wake another one for it costs more than
    /// all the rest of the way through this client.
    program: Mutex<Option<Arc<UnixStream>>>,
    /// Of whoever waits for it at present.
    wake: Mutex<Arc<WakeEvent>>,
}

#[derive(Debug)]
pub enum Delivery {
    Reply(Answer),
    Ended(Why),
}

/// Why a carried connection has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The vault never looked at the connection: another call will do.
    Untaken,
    /// The vault never looked at the request, or its call ended in the middle of one that may be made twice: it may be made
    /// once more on another connection.
    Repeatable(CallOutcome),
    /// No reply came in time.
    Late,
    Outcome(CallOutcome),
}

impl Mailbox {
    /// One that wakes this connection.
    pub fn waking(handle: &ConnectionHandle) -> Self {
        Self {
            reply: Mutex::default(),
            ended: Mutex::default(),
            notes: Mutex::default(),
            program: Mutex::default(),
            wake: Mutex::new(Arc::clone(handle.wake())),
        }
    }

    /// From now on what comes wakes this connection.
    pub fn wake_instead(&self, handle: &ConnectionHandle) {
        *lock(&self.wake) = Arc::clone(handle.wake());
    }

    /// The next reply goes to this program, if there is one.
    pub fn reply_to(&self, program: Option<&Arc<UnixStream>>) {
        *lock(&self.program) = program.map(Arc::clone);
    }

    /// What the program's socket does not take now is left to the connection's thread: nobody else waits for a program.
    pub fn reply(&self, message: &[u8]) {
        let mut answer = Answer::new(message);
        // Until it is delivered: who takes the program back finds what it was sent.
        let mut program = lock(&self.program);
        if let Some(program) = program.take() {
            // One that has left is found by the connection's thread.
            let _ = answer.send_now(&program);
        }
        *lock(&self.reply) = Some(answer);
        lock(&self.wake).signal();
    }

    pub fn note(&self, note: Note) {
        // Whoever is told no can ask `split-ssh status` for the reason at once: it is noted before the reply.
        lock(&self.program).take();
        let mut notes = lock(&self.notes);
        if !notes.contains(&note) {
            notes.push(note);
        }
        lock(&self.wake).signal();
    }

    /// The connection is over. A reply that has come before is still delivered.
    pub fn end(&self, why: Why) {
        *lock(&self.ended) = Some(why);
        lock(&self.wake).signal();
    }

    pub fn take(&self) -> Option<Delivery> {
        let reply = lock(&self.reply).take().map(Delivery::Reply);
        reply.or_else(|| lock(&self.ended).take().map(Delivery::Ended))
    }

    pub fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *lock(&self.notes))
    }

    /// Nothing is sent to the program any more, unless it was by now.
    ///
    /// # Errors
    /// `why`, if there is no reply.
    pub fn take_back(&self, why: Why) -> Result<Answer, Why> {
        lock(&self.program).take();
        match self.take() {
            Some(Delivery::Reply(answer)) => Ok(answer),
            _ => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// A vault may end its call right after its reply, before the connection's thread has looked: the program is not told
    /// no after it has got its reply.
    #[test]
    fn a_reply_that_has_come_outlives_the_end() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mailbox = Mailbox {
            reply: Mutex::default(),
            ended: Mutex::default(),
            notes: Mutex::default(),
            program: Mutex::new(Some(Arc::new(ours))),
            wake: Mutex::new(Arc::new(WakeEvent::new().unwrap())),
        };
        mailbox.reply(&[6]);
        mailbox.end(Why::Outcome(CallOutcome::Cut));
        let Some(Delivery::Reply(answer)) = mailbox.take() else {
            panic!("the reply is lost");
        };
        assert_eq!(answer.reply(), [6]);
        let mut sent = [0; 5];
        theirs.read_exact(&mut sent).unwrap();
        assert_eq!(sent, [0, 0, 0, 1, 6]);
        let ended = mailbox.take();
        assert!(matches!(
            ended,
            Some(Delivery::Ended(Why::Outcome(CallOutcome::Cut)))
        ));
    }
}
