//! One call that carries many connections to a vault (docs/extensions.md): who may join it, and how its frames come and go.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use wire::carry::{Frame, MAX_CARRIED, Note, Terms};
use wire::frame;

use super::call::{Call, Unanswered};
use super::client_end::{ClientEnd, ClientEvent};
use super::connection_table::{ConnectionHandle, Watcher};
use super::mailbox::Mailbox;
use super::outgoing::Outgoing;
use crate::status::outcome::CallOutcome;
use common::sync::lock;
use common::wait;
use common::wake::WakeEvent;

/// A call without connections is kept for the next one; it costs the vault a thread and a stream.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// A vault that takes no bytes for so long is not there any more.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// A call that carries connections.
#[derive(Debug)]
pub struct CarryingCall {
    state: Mutex<State>,
    /// For whole frames, one after the other. Locked before `state` where both are.
    writer: Mutex<UnixStream>,
    /// Wakes the thread that reads.
    reader: Arc<WakeEvent>,
}

#[derive(Debug)]
struct State {
    protocol: ClientEnd,
    mailboxes: HashMap<u32, Arc<Mailbox>>,
    /// When its last connection ended, as far as there is none now.
    idle_since: Instant,
    /// How the call ended.
    over: Option<CallOutcome>,
}

/// One connection on a carrying call.
#[derive(Debug)]
pub struct CarriedConnection {
    pub call: Arc<CarryingCall>,
    mailbox: Arc<Mailbox>,
    /// `None` until the first request.
    number: Option<u32>,
}

impl CarryingCall {
    /// A call whose vault has agreed to carry; [`CarryingCall::read`] is to run in a thread of its own.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn new(call: &Call, terms: Terms, reader: &ConnectionHandle) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            state: Mutex::new(State {
                protocol: ClientEnd::new(terms.connections),
                mailboxes: HashMap::new(),
                idle_since: Instant::now(),
                over: None,
            }),
            writer: Mutex::new(call.stream.to_vault.try_clone()?),
            reader: Arc::clone(&reader.wake),
        }))
    }

    /// A place on this call. `None`: it can take no more, now or ever.
    pub fn join(self: &Arc<Self>) -> Option<CarriedConnection> {
        self.has_room().then(|| CarriedConnection {
            call: Arc::clone(self),
            mailbox: Arc::default(),
            number: None,
        })
    }

    pub fn is_over(&self) -> bool {
        lock(&self.state).over.is_some()
    }

    pub fn has_room(&self) -> bool {
        let state = lock(&self.state);
        state.over.is_none() && state.protocol.has_room()
    }

    /// Ends the call, and so all that it carries.
    pub fn end(&self, outcome: &CallOutcome) {
        lock(&self.state).over.get_or_insert(outcome.clone());
        self.reader.signal();
    }

    /// How many connections it carries.
    pub fn open(&self) -> usize {
        lock(&self.state).protocol.0.open.len()
    }

    /// Reads the call until it ends, and hands out what comes. Returns when all its connections know of the end.
    pub fn read(&self, mut call: Call, handle: &ConnectionHandle) {
        let cause = self.read_until_over(&mut call, handle);
        // From here on nobody joins.
        lock(&self.state).over = Some(CallOutcome::Cut);
        let outcome = match call.end(cause, handle).outcome {
            CallOutcome::Served => CallOutcome::Cut,
            outcome => outcome,
        };
        let mut state = lock(&self.state);
        for mailbox in std::mem::take(&mut state.mailboxes).into_values() {
            mailbox.end(Unanswered::Because(outcome.clone()));
        }
        state.over = Some(outcome);
    }

    fn read_until_over(&self, call: &mut Call, handle: &ConnectionHandle) -> CallOutcome {
        loop {
            loop {
                match call.decoder.next() {
                    Ok(Some(untrusted)) if self.take(&untrusted).is_ok() => {}
                    Ok(None) => break,
                    _ => return CallOutcome::Cut,
                }
            }
            if call.has_ended {
                return CallOutcome::Cut;
            }
            let idle_since = {
                let mut state = lock(&self.state);
                if !state.protocol.0.open.is_empty() {
                    state.idle_since = Instant::now();
                } else if state.protocol.0.is_draining || state.idle_since.elapsed() >= IDLE_TIME {
                    state.over.get_or_insert(CallOutcome::Served);
                }
                if let Some(over) = &state.over {
                    return over.clone();
                }
                state.idle_since
            };
            if let Err(outcome) = call.wait_for_more(&handle.alone(), Some(idle_since + IDLE_TIME))
            {
                return outcome;
            }
        }
    }

    fn take(&self, untrusted: &[u8]) -> Result<(), wire::carry::Violation> {
        let frame = Frame::parse(untrusted)?;
        let mut state = lock(&self.state);
        match state.protocol.take(&frame)? {
            ClientEvent::Reply(number, message) => {
                let mailbox = state.mailboxes.get(&number).map(Arc::clone);
                drop(state);
                if let Some(mailbox) = mailbox {
                    mailbox.reply(message);
                }
            }
            ClientEvent::Note(number, note) => {
                if let Some(mailbox) = state.mailboxes.get(&number) {
                    mailbox.note(note);
                }
            }
            ClientEvent::Ended(numbers, ended) => {
                for number in numbers {
                    if let Some(mailbox) = state.mailboxes.remove(&number) {
                        mailbox.end(ended.into());
                    }
                }
            }
            ClientEvent::Nothing => {}
        }
        Ok(())
    }

    /// Writes whole frames.
    fn write(&self, writer: &mut UnixStream, frames: &[Frame<'_>]) -> io::Result<()> {
        let mut unsent = Outgoing::default();
        for frame in frames {
            unsent.bytes.extend(frame::encode(&frame.rebuild()));
        }
        let end = Instant::now() + WRITE_TIME;
        let error = loop {
            match unsent.send_now(writer) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => break error,
            }
            let mut fds = [PollFd::new(writer.as_fd(), PollFlags::POLLOUT)];
            if !wait::until(&mut fds, Some(end))? {
                break io::ErrorKind::TimedOut.into();
            }
        };
        // Half a frame may be out: nothing can follow it.
        let _ = writer.shutdown(Shutdown::Both);
        self.end(&CallOutcome::Cut);
        Err(error)
    }
}

impl CarriedConnection {
    /// Sends a request and returns its reply, sent to `program` as far as that takes it at once, if it comes within `time`.
    /// `note` hears what the vault tells meanwhile.
    ///
    /// # Errors
    /// There is no reply, and the connection is over.
    pub fn ask(
        &mut self,
        message: &[u8],
        watcher: &Watcher<'_>,
        time: Option<Duration>,
        program: Option<&Arc<UnixStream>>,
        note: &dyn Fn(Note),
    ) -> Result<Outgoing, Unanswered> {
        self.mailbox.direct(watcher.handle, program);
        self.send(message)?;
        let reply = self.reply(watcher, time, note);
        reply.or_else(|why| self.mailbox.take_back(why))
    }

    fn send(&mut self, message: &[u8]) -> Result<(), Unanswered> {
        if message.len() > MAX_CARRIED {
            return Err(Unanswered::Because(CallOutcome::Cut));
        }
        let mut writer = lock(&self.call.writer);
        let mut state = lock(&self.call.state);
        if state.over.is_some() {
            return Err(self.gone());
        }
        let mut frames = Vec::new();
        let number = match self.number {
            Some(number) => number,
            None => {
                // Numbers rise on the wire: it is written before the writer is free for others.
                let number = state.protocol.begin().ok_or(Unanswered::Untaken)?;
                state.mailboxes.insert(number, Arc::clone(&self.mailbox));
                frames.push(Frame::Open(number));
                *self.number.insert(number)
            }
        };
        if !state.protocol.request(number) {
            return Err(self.gone());
        }
        drop(state);
        frames.push(Frame::Message(number, message));
        self.call
            .write(&mut writer, &frames)
            .map_err(|_| Unanswered::Unseen(CallOutcome::Cut))
    }

    fn reply(
        &self,
        watcher: &Watcher<'_>,
        time: Option<Duration>,
        note: &dyn Fn(Note),
    ) -> Result<Outgoing, Unanswered> {
        let end = time.map(|time| Instant::now() + time);
        loop {
            let delivery = self.mailbox.take();
            // Those that came before it.
            self.mailbox.take_notes().into_iter().for_each(note);
            if let Some(delivery) = delivery {
                return delivery;
            }
            if let Some(time) = time.filter(|_| end.is_some_and(|end| Instant::now() >= end)) {
                return Err(Unanswered::Because(CallOutcome::NoReply(time.as_secs())));
            }
            watcher.wait([], end).map_err(Unanswered::Because)?;
        }
    }

    /// Why the vault has ended this connection, or its call is over; if neither, `handle` is woken when it is.
    pub fn look(&self, handle: &ConnectionHandle) -> Option<CallOutcome> {
        self.mailbox.direct(handle, None);
        match self.mailbox.take()? {
            Err(Unanswered::Because(outcome) | Unanswered::Unseen(outcome)) => Some(outcome),
            _ => Some(CallOutcome::Cut),
        }
    }

    /// Why nothing can be sent.
    fn gone(&self) -> Unanswered {
        match (self.mailbox.take(), self.number) {
            (Some(Err(Unanswered::Because(outcome))), _) => Unanswered::Unseen(outcome),
            (Some(Err(why)), _) => why,
            (_, None) => Unanswered::Untaken,
            _ => Unanswered::Unseen(CallOutcome::Cut),
        }
    }
}

impl Drop for CarriedConnection {
    fn drop(&mut self) {
        let Some(number) = self.number else {
            return;
        };
        let (frame, was_awaited) = {
            let mut state = lock(&self.call.state);
            state.mailboxes.remove(&number);
            let frame = state.protocol.0.end(number);
            state.idle_since = Instant::now();
            (frame, state.protocol.0.is_draining)
        };
        if let Some(frame) = frame {
            // A call that cannot be written to is over.
            let _ = self.call.write(&mut lock(&self.call.writer), &[frame]);
        }
        if was_awaited {
            self.call.reader.signal(); // perhaps it was the last one
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::thread;

    use super::*;
    use crate::config::values::CommandLine;
    use crate::config::{Start, VaultConfig};
    use crate::connection_table::ConnectionTable;
    use crate::slots::{CallSlots, Slots};
    use crate::transport::Transport;

    /// The reply is longer than what is read at once, and what carries it has ended before it is read.
    #[test]
    fn a_reply_outlives_the_process_that_brought_it() {
        let reply = vec![7; 40_000];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("reply");
        let frame = Frame::Message(1, &reply).rebuild();
        std::fs::write(&file, frame::encode(&frame)).unwrap();
        let brings = format!("head -c 1 >/dev/null; cat {}", file.display());
        let words = ["sh".to_owned(), "-c".to_owned(), brings];
        let config = VaultConfig {
            name: String::new(),
            socket: PathBuf::new(),
            transport: Transport::Command(CommandLine::try_from(words.to_vec()).unwrap()),
            set_up_time: Duration::from_secs(60),
            set_ups: 1,
            calls: 1,
            carry: true,
            start: Start::OnList,
            remember: false,
        };
        let handle = ConnectionTable::new().unwrap().register().unwrap();
        let slots = CallSlots {
            open: Slots::new(1),
            set_up: Slots::new(1),
        };
        let call = Call::open(&config, &slots, b"hello", &handle.alone(), || true);
        let (mut call, _) = call.unwrap().unwrap();
        while call.stream.process.as_mut().unwrap().ended().is_none() {
            thread::yield_now();
        }
        let terms = Terms {
            connections: 1,
            tells: false,
            may_remember: false,
        };
        let carrying = CarryingCall::new(&call, terms, &handle).unwrap();
        let connection = carrying.join().unwrap();
        {
            let mut state = lock(&carrying.state);
            let number = state.protocol.begin().unwrap();
            assert!(state.protocol.request(number));
            let mailbox = Arc::clone(&connection.mailbox);
            state.mailboxes.insert(number, mailbox);
        }
        carrying.read(call, &handle);
        let delivered = connection.mailbox.take().unwrap().unwrap();
        assert!(delivered.message() == reply);
    }
}
