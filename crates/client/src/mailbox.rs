//! What the thread that reads a carrying call leaves for one of its connections.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use wire::carry::Note;

use super::call::Unanswered;
use super::connection_table::ConnectionHandle;
use super::outgoing::Outgoing;
use common::sync::lock;
use common::wake::WakeEvent;

/// What has come for one connection.
#[derive(Debug, Default)]
pub struct Mailbox(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    reply: Option<Outgoing>,
    /// Why nothing more comes after the reply, if there is one.
    ended: Option<Unanswered>,
    /// At most one of each kind: a vault that sends more tells nothing new.
    notes: Vec<Note>,
    /// The program that gets the reply as it is, from the thread that reads: to wake another one for it costs more than
    /// all the rest of the way through this client.
    program: Option<Arc<UnixStream>>,
    /// Of whoever waits for it at present.
    wake: Option<Arc<WakeEvent>>,
}

impl Mailbox {
    /// What comes from now on wakes this connection, of which another thread may have had the use before. The next reply goes
    /// to `program`, if there is one.
    pub fn direct(&self, handle: &ConnectionHandle, program: Option<&Arc<UnixStream>>) {
        let mut contents = lock(&self.0);
        contents.wake = Some(Arc::clone(&handle.wake));
        contents.program = program.map(Arc::clone);
    }

    /// What the program's socket does not take now is left to the connection's thread: nobody else waits for a program.
    pub fn reply(&self, message: &[u8]) {
        let mut answer = Outgoing::new(message);
        self.put(|contents| {
            // Until it is delivered: who takes the program back finds what it was sent.
            if let Some(program) = contents.program.take() {
                // One that has left is found by the connection's thread.
                let _ = answer.send_now(&program);
            }
            contents.reply = Some(answer);
        });
    }

    pub fn note(&self, note: Note) {
        self.put(|contents| {
            // Whoever is told no can ask `split-ssh status` for the reason at once: it is noted before the reply.
            contents.program = None;
            if !contents.notes.contains(&note) {
                contents.notes.push(note);
            }
        });
    }

    /// The connection is over. A reply that has come before is still delivered.
    pub fn end(&self, why: Unanswered) {
        self.put(|contents| contents.ended = Some(why));
    }

    fn put(&self, put: impl FnOnce(&mut Contents)) {
        let mut contents = lock(&self.0);
        put(&mut contents);
        let wake = contents.wake.clone();
        drop(contents); // whoever is woken takes it at once
        if let Some(wake) = wake {
            wake.signal();
        }
    }

    pub fn take(&self) -> Option<Result<Outgoing, Unanswered>> {
        let mut contents = lock(&self.0);
        let reply = contents.reply.take().map(Ok);
        reply.or_else(|| contents.ended.take().map(Err))
    }

    pub fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut lock(&self.0).notes)
    }

    /// Nothing is sent to the program any more, unless it was by now.
    ///
    /// # Errors
    /// `why`, if there is no reply.
    pub fn take_back(&self, why: Unanswered) -> Result<Outgoing, Unanswered> {
        let mut contents = lock(&self.0);
        contents.program = None;
        contents.reply.take().ok_or(why)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::connection_table::ConnectionTable;
    use crate::status::outcome::CallOutcome;

    /// A vault may end its call right after its reply, before the connection's thread has looked: the program is not told
    /// no after it has got its reply.
    #[test]
    fn a_reply_that_has_come_outlives_the_end() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let handle = ConnectionTable::new().unwrap().register().unwrap();
        let mailbox = Mailbox::default();
        mailbox.direct(&handle, Some(&Arc::new(ours)));
        mailbox.reply(&[6]);
        mailbox.end(Unanswered::Because(CallOutcome::Cut));
        let Some(Ok(answer)) = mailbox.take() else {
            panic!("the reply is lost");
        };
        assert_eq!(answer.message(), [6]);
        let mut sent = [0; 5];
        theirs.read_exact(&mut sent).unwrap();
        assert_eq!(sent, [0, 0, 0, 1, 6]);
        let ended = mailbox.take();
        assert!(matches!(
            ended,
            Some(Err(Unanswered::Because(CallOutcome::Cut)))
        ));
    }
}
