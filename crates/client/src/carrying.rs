//! One call that carries many connections to a vault (docs/extensions.md): who may join it, and how its frames come and go.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use wire::carry::{Frame, MAX_CARRIED, Note, Terms};
use wire::frame;

use super::call::Call;
use super::client_end::{ClientEnd, ClientEvent};
use super::connection_table::{ConnectionHandle, Watcher};
use super::mailbox::Mailbox;
use super::program::{Answer, Unanswered};
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
    call: Arc<CarryingCall>,
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
            writer: Mutex::new(call.writer()?),
            reader: Arc::clone(&reader.wake),
        }))
    }

    /// A place on this call. `None`: it can take no more, now or ever.
    pub fn join(self: &Arc<Self>, watcher: &Watcher<'_>) -> Option<CarriedConnection> {
        let state = lock(&self.state);
        (state.over.is_none() && state.protocol.has_room()).then(|| CarriedConnection {
            call: Arc::clone(self),
            mailbox: Arc::new(Mailbox::waking(watcher.handle)),
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

    /// How many connections it carries.
    pub fn open(&self) -> usize {
        lock(&self.state).protocol.open()
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
                match call.next_message() {
                    Ok(Some(untrusted)) if self.take(&untrusted).is_ok() => {}
                    Ok(None) => break,
                    _ => return CallOutcome::Cut,
                }
            }
            if call.has_ended() {
                return CallOutcome::Cut;
            }
            let idle_since = {
                let mut state = lock(&self.state);
                if state.protocol.open() > 0 {
                    state.idle_since = Instant::now();
                } else if state.protocol.is_draining() || state.idle_since.elapsed() >= IDLE_TIME {
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
            ClientEvent::Gone(number) => {
                state.end(number, Unanswered::Because(CallOutcome::Cut));
            }
            ClientEvent::Unseen(number) => {
                state.end(number, Unanswered::Unseen(CallOutcome::Cut));
            }
            ClientEvent::Untaken(numbers) => {
                for number in numbers {
                    state.end(number, Unanswered::Untaken);
                }
            }
            ClientEvent::Nothing => {}
        }
        Ok(())
    }

    /// Writes whole frames.
    fn write(&self, writer: &mut UnixStream, frames: &[Frame<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = frames
            .iter()
            .flat_map(|frame| frame::encode(&frame.rebuild()))
            .collect();
        let mut unsent = bytes.as_slice();
        let end = Instant::now() + WRITE_TIME;
        while !unsent.is_empty() {
            match writer.write(unsent) {
                Ok(length) => unsent = unsent.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let mut fds = [PollFd::new(writer.as_fd(), PollFlags::POLLOUT)];
                    let is_full = error.kind() == io::ErrorKind::WouldBlock;
                    if !is_full || !wait::until(&mut fds, Some(end))? {
                        // Half a frame may be out: nothing can follow it.
                        let _ = writer.shutdown(Shutdown::Both);
                        lock(&self.state).over.get_or_insert(CallOutcome::Cut);
                        self.reader.signal();
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}

impl State {
    fn end(&mut self, number: u32, why: Unanswered) {
        if let Some(mailbox) = self.mailboxes.remove(&number) {
            mailbox.end(why);
        }
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
    ) -> Result<Answer, Unanswered> {
        self.wake_instead(watcher.handle);
        self.mailbox.reply_to(program);
        self.send(message)?;
        let reply = self.reply(watcher, time, note);
        reply.or_else(|why| self.mailbox.take_back(why))
    }

    /// From now on what comes wakes this connection: another thread may have used it before.
    pub fn wake_instead(&self, handle: &ConnectionHandle) {
        self.mailbox.wake_instead(handle);
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
    ) -> Result<Answer, Unanswered> {
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

    /// Why the vault has ended this connection, or its call is over.
    pub fn look(&self) -> Option<CallOutcome> {
        match self.mailbox.take()? {
            Err(Unanswered::Because(outcome) | Unanswered::Unseen(outcome)) => Some(outcome),
            _ => Some(CallOutcome::Cut),
        }
    }

    pub fn is_call_over(&self) -> bool {
        self.call.is_over()
    }

    /// Ends the call, and so all that it carries.
    pub fn end_call(&self, outcome: &CallOutcome) {
        lock(&self.call.state).over.get_or_insert(outcome.clone());
        self.call.reader.signal();
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
            let frame = state.protocol.end(number);
            state.idle_since = Instant::now();
            (frame, state.protocol.is_draining())
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
