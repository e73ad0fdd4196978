//! One call to a vault: from its start to its end.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use wire::frame::{self, Decoder, FrameError};

use super::config::VaultConfig;
use super::connection_table::{ConnectionHandle, Watcher};
use super::program::Answer;
use super::set_up::{self, MAX_FIRST_BYTES};
use super::slots::{CallSlots, Slot};
use super::transport::Stream;
use super::transport_process::TransportProcess;
use crate::status::outcome::CallOutcome;

/// For a transport process to end by itself once both its sides have.
const GRACE: Duration = Duration::from_secs(2);
/// For what is still on its way when the transport process has ended.
const LAST_BYTES: Duration = Duration::from_secs(5);
/// A vault that is there replies to a list, or says whether it carries, in far less.
const FIRST_REPLY_TIME: Duration = Duration::from_secs(2);
/// A call that nobody took in time is made once more: qrexec can lose one for ever.
const ATTEMPTS: usize = 2;
/// Read at once: most replies are far shorter.
const CHUNK: usize = 16 * 1024;

/// An open call.
#[derive(Debug)]
pub struct Call {
    stream: Stream,
    decoder: Decoder,
    /// Kept between reads: to clear one for each costs more than what is read.
    chunk: Vec<u8>,
    unsent: Vec<u8>,
    /// The vault has a message to reply to.
    is_due: bool,
    has_ended: bool,
    /// Others wait with their set-up until [`Call::end_set_up`], as they may need no call then, or until this time.
    set_up_slot: Option<(Slot, Instant)>,
    _slot: Slot,
}

/// How a call, or the attempt at one, ended.
#[derive(Debug)]
pub struct CallEnd {
    pub outcome: CallOutcome,
    pub untrusted_said: String,
}

impl From<CallOutcome> for CallEnd {
    fn from(outcome: CallOutcome) -> Self {
        Self {
            outcome,
            untrusted_said: String::new(),
        }
    }
}

impl Call {
    /// Makes a call whose first message is `message`, to which a reply is due. `None`: when it was this call's turn, it was no
    /// longer needed.
    ///
    /// # Errors
    /// Why there is no call.
    pub fn open(
        config: &VaultConfig,
        slots: &CallSlots,
        message: &[u8],
        watcher: &Watcher<'_>,
        is_needed: impl Fn() -> bool,
    ) -> Result<Option<Self>, CallEnd> {
        let time = config.set_up_time;
        let bytes = frame::encode(message);
        let (first, rest) = bytes.split_at(bytes.len().min(MAX_FIRST_BYTES));
        let slot = slots.open.take(watcher, Instant::now() + time)?;
        let mut attempts = ATTEMPTS;
        loop {
            let set_up_slot = slots.set_up.take(watcher, Instant::now() + time)?;
            if !is_needed() {
                return Ok(None);
            }
            let end = Instant::now() + time;
            let mut stream = config.transport.open(first, watcher, end)?;
            let Err(outcome) = set_up::watch(&mut stream, first, watcher, time) else {
                return Ok(Some(Self {
                    stream,
                    decoder: Decoder::new(),
                    chunk: vec![0; CHUNK],
                    unsent: rest.to_vec(),
                    is_due: true,
                    has_ended: false,
                    set_up_slot: Some((set_up_slot, Instant::now() + FIRST_REPLY_TIME)),
                    _slot: slot,
                }));
            };
            attempts -= 1;
            if attempts == 0 || !matches!(outcome, CallOutcome::SetUpTimedOut(_)) {
                return Err(CallEnd::with(outcome, stream.process.as_mut()));
            }
        }
    }

    /// Lets others set their calls up before the first reply.
    pub fn end_set_up(&mut self) {
        self.set_up_slot = None;
    }

    /// Sends `message`, unless the call was made with it, and waits for the reply.
    ///
    /// # Errors
    /// The call is over without it, or it did not come within `time`; [`Call::end`] may know better why.
    pub fn ask(
        &mut self,
        message: &[u8],
        watcher: &Watcher<'_>,
        time: Option<Duration>,
    ) -> Result<Answer, CallOutcome> {
        let end = time.map(|time| Instant::now() + time);
        if !std::mem::replace(&mut self.is_due, true) {
            self.unsent.extend(frame::encode(message));
        }
        let mut last_moment = None;
        self.write();
        loop {
            if let Some(reply) = self.next_message().map_err(|_| CallOutcome::Cut)? {
                self.is_due = false;
                return Ok(Answer::new(&reply));
            }
            if self.has_ended || last_moment.is_some_and(|end| Instant::now() >= end) {
                return Err(CallOutcome::Cut);
            }
            if let Some(time) = time.filter(|_| end.is_some_and(|end| Instant::now() >= end)) {
                return Err(CallOutcome::NoReply(time.as_secs()));
            }
            self.set_up_slot
                .take_if(|(_, until)| Instant::now() >= *until);
            let slot_until = self.set_up_slot.as_ref().map(|(_, until)| *until);
            // Before the wait: a reply that is there need not wait for it.
            if self.process_has_ended() && last_moment.is_none() {
                last_moment = Some(Instant::now() + LAST_BYTES);
            }
            let until = last_moment.into_iter().chain(slot_until).chain(end).min();
            self.wait_for_more(watcher, until)?;
        }
    }

    /// Waits until `end` for the vault, or for whatever wakes `watcher`; sends what is left, and takes what is there.
    ///
    /// # Errors
    /// As [`Watcher::wait`].
    pub fn wait_for_more(
        &mut self,
        watcher: &Watcher<'_>,
        end: Option<Instant>,
    ) -> Result<(), CallOutcome> {
        let process = self.stream.process.as_ref();
        let stderr = process.and_then(|process| process.stderr.as_ref());
        let unsent = Some(&self.stream.to_vault).filter(|_| !self.unsent.is_empty());
        let fds = [PollFd::new(
            self.stream.from_vault.as_fd(),
            PollFlags::POLLIN,
        )];
        let stderr = stderr.map(|stderr| PollFd::new(stderr.as_fd(), PollFlags::POLLIN));
        let unsent = unsent.map(|to_vault| PollFd::new(to_vault.as_fd(), PollFlags::POLLOUT));
        watcher.wait(fds.into_iter().chain(stderr).chain(unsent), end)?;
        self.write();
        self.read();
        Ok(())
    }

    fn write(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        match self.stream.to_vault.write(&self.unsent) {
            Ok(length) => drop(self.unsent.drain(..length)),
            Err(error) if is_not_now(&error) => {}
            // Nobody reads; what the vault still says counts.
            Err(_) => self.unsent.clear(),
        }
    }

    fn read(&mut self) {
        match self.stream.from_vault.read(&mut self.chunk) {
            Ok(0) => self.has_ended = true,
            Ok(length) => self
                .decoder
                .push(self.chunk.get(..length).unwrap_or_default()),
            Err(error) if is_not_now(&error) => {}
            Err(_) => self.has_ended = true,
        }
    }

    /// What becomes readable when a call that nobody uses is over.
    pub fn idle_fd(&self) -> BorrowedFd<'_> {
        self.stream.from_vault.as_fd()
    }

    /// Whether a call that nobody uses is over: the vault has closed it, or says what nobody asked for.
    pub fn is_over(&mut self) -> bool {
        self.read();
        self.has_ended() || self.decoder.is_mid_message()
    }

    /// A second handle for writing.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn writer(&self) -> io::Result<UnixStream> {
        self.stream.to_vault.try_clone()
    }

    /// The next whole message, whatever it is.
    ///
    /// # Errors
    /// It has a bad length.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        self.decoder.next()
    }

    /// Whether the vault has closed the call, or what carries it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process_has_ended() || self.has_ended
    }

    fn process_has_ended(&mut self) -> bool {
        self.stream.process.as_mut().is_some_and(|process| {
            process.listen();
            process.ended().is_some()
        })
    }

    /// Ends the call, and says how it ended. After `Served` and `Cut` the transport process may know better.
    pub fn end(mut self, cause: CallOutcome, handle: &ConnectionHandle) -> CallEnd {
        use CallOutcome::{ClientLeft, Cut, Exited, Killed, NoReply, Served, Stopped};
        // Fails only when the other side is gone.
        let _ = self.stream.to_vault.shutdown(Shutdown::Write);
        let is_answered = !self.is_due && !self.decoder.is_mid_message();
        let mut exit = None;
        if let Some(process) = &mut self.stream.process {
            // A vault that asks somebody only hears of a call's end, not of the end of its input.
            if !matches!(cause, ClientLeft | Stopped | NoReply(_)) {
                set_up::wait_for_end(process, handle, Instant::now() + GRACE);
            }
            exit = process.ended().map(CallOutcome::of_exit);
        }
        let outcome = match (cause, exit) {
            (Served | Cut, Some(exit @ (Exited(_) | Killed(_)))) => exit,
            (Served | Cut, _) if is_answered => Served,
            (Served, _) => Cut,
            (cause, _) => cause,
        };
        CallEnd::with(outcome, self.stream.process.as_mut())
    }
}

impl CallEnd {
    /// Whether it was not for us to decide that there is no reply: nothing hangs.
    pub fn is_known(&self) -> bool {
        use CallOutcome::{CannotStart, Cut, Exited, Killed, Served};
        matches!(
            self.outcome,
            Served | Exited(_) | Killed(_) | Cut | CannotStart(_)
        )
    }

    /// Ends the transport process, if it has not ended, and keeps its last words.
    fn with(outcome: CallOutcome, process: Option<&mut TransportProcess>) -> Self {
        let untrusted_said = process.map(|process| {
            process.kill();
            process.untrusted_last_line()
        });
        Self {
            outcome,
            untrusted_said: untrusted_said.unwrap_or_default(),
        }
    }
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
