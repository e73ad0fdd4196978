//! One call to a vault: from its start to its end.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use wire::frame::{self, Decoder};

use super::client_end::Ended;
use super::config::VaultConfig;
use super::connection_table::{ConnectionHandle, Watcher};
use super::outgoing::Outgoing;
use super::set_up::{self, MAX_FIRST_BYTES};
use super::slots::{CallSlots, Slot};
use super::transport::Stream;
use super::transport_process::TransportProcess;
use crate::status::outcome::CallOutcome;

/// For a transport process to end by itself once both its sides have.
const GRACE: Duration = Duration::from_secs(2);
/// A call that nobody took in time is made once more: qrexec can lose one for ever.
const ATTEMPTS: usize = 2;
/// Read at once: most replies are far shorter.
const CHUNK: usize = 16 * 1024;

/// An open call.
#[derive(Debug)]
pub struct Call {
    pub stream: Stream,
    pub decoder: Decoder,
    /// Kept between reads: to clear one for each costs more than what is read.
    chunk: Vec<u8>,
    unsent: Outgoing,
    /// The vault has a message to reply to.
    is_due: bool,
    /// The vault has closed it, or what carries it has ended, and all has been read.
    pub has_ended: bool,
    _slot: Slot,
}

/// How a call, or the attempt at one, ended.
#[derive(Debug)]
pub struct CallEnd {
    pub outcome: CallOutcome,
    pub untrusted_said: String,
}

/// Why a request has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The vault never looked at the connection: another call will do.
    Untaken,
    /// The vault never looked at the request: it may be made once more on another connection.
    Unseen(CallOutcome),
    Because(CallOutcome),
}

impl From<Ended> for Unanswered {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Untaken => Self::Untaken,
            Ended::Unseen => Self::Unseen(CallOutcome::Cut),
            Ended::Seen => Self::Because(CallOutcome::Cut),
        }
    }
}

impl Unanswered {
    pub fn outcome(self) -> CallOutcome {
        match self {
            Self::Untaken => CallOutcome::Served,
            Self::Unseen(outcome) | Self::Because(outcome) => outcome,
        }
    }
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
    /// Makes a call whose first message is `message`, to which a reply is due. Others wait with theirs until the slot is
    /// dropped. `None`: when it was this call's turn, it was no longer needed.
    ///
    /// # Errors
    /// Why there is no call.
    pub fn open(
        config: &VaultConfig,
        slots: &CallSlots,
        message: &[u8],
        watcher: &Watcher<'_>,
        is_needed: impl Fn() -> bool,
    ) -> Result<Option<(Self, Slot)>, CallEnd> {
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
                let mut unsent = Outgoing::default();
                unsent.bytes.extend(rest);
                let call = Self {
                    stream,
                    decoder: Decoder::new(),
                    chunk: vec![0; CHUNK],
                    unsent,
                    is_due: true,
                    has_ended: false,
                    _slot: slot,
                };
                return Ok(Some((call, set_up_slot)));
            };
            attempts -= 1;
            if attempts == 0 || !matches!(outcome, CallOutcome::SetUpTimedOut(_)) {
                return Err(CallEnd::with(outcome, stream.process.as_mut()));
            }
        }
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
    ) -> Result<Outgoing, CallOutcome> {
        let end = time.map(|time| Instant::now() + time);
        if !std::mem::replace(&mut self.is_due, true) {
            self.unsent = Outgoing::new(message);
        }
        self.write();
        loop {
            if let Some(reply) = self.decoder.next().map_err(|_| CallOutcome::Cut)? {
                self.is_due = false;
                return Ok(Outgoing::new(&reply));
            }
            if self.has_ended {
                return Err(CallOutcome::Cut);
            }
            if let Some(time) = time.filter(|_| end.is_some_and(|end| Instant::now() >= end)) {
                return Err(CallOutcome::NoReply(time.as_secs()));
            }
            self.wait_for_more(watcher, end)?;
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
        if self.process_has_ended() {
            // All that it has written is there.
            self.has_ended = !self.read();
            return Ok(());
        }
        let process = self.stream.process.as_ref();
        let stderr = process.and_then(|process| process.stderr.as_ref());
        let unsent = Some(&self.stream.to_vault).filter(|_| !self.unsent.is_sent());
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
        if self.unsent.send_now(&self.stream.to_vault).is_err() {
            // Nobody reads; what the vault still says counts.
            self.unsent = Outgoing::default();
        }
    }

    /// Takes what is there, if it is not too much at once; whether there was anything.
    fn read(&mut self) -> bool {
        use io::ErrorKind::{Interrupted, WouldBlock};
        match self.stream.from_vault.read(&mut self.chunk) {
            Ok(length @ 1..) => {
                let read = self.chunk.get(..length).unwrap_or_default();
                self.decoder.push(read);
                return true;
            }
            Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => {}
            Ok(0) | Err(_) => self.has_ended = true,
        }
        false
    }

    /// Whether a call that nobody uses is over: the vault has closed it, or says what nobody asked for.
    pub fn is_over(&mut self) -> bool {
        self.read();
        self.has_ended || self.process_has_ended() || self.decoder.is_mid_message()
    }

    fn process_has_ended(&mut self) -> bool {
        self.stream.process.as_mut().is_some_and(|process| {
            process.listen();
            process.ended().is_some()
        })
    }

    /// Ends the call, and says how it ended. After `Served` and `Cut` the transport process may know better.
    pub fn end(mut self, cause: CallOutcome, handle: &ConnectionHandle) -> CallEnd {
        use CallOutcome::{ClientLeft, Cut, NoReply, Served, Stopped};
        // Fails only when the other side is gone.
        let _ = self.stream.to_vault.shutdown(Shutdown::Write);
        let is_answered = !self.is_due && !self.decoder.is_mid_message();
        let mut exit = None;
        if let Some(process) = &mut self.stream.process {
            // A vault that asks somebody only hears of a call's end, not of the end of its input.
            if !matches!(cause, ClientLeft | Stopped | NoReply(_)) {
                set_up::wait_for_end(process, handle, Instant::now() + GRACE);
            }
            exit = process.ended().and_then(CallOutcome::of_exit);
        }
        let outcome = match (cause, exit) {
            (Served | Cut, Some(exit)) => exit,
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
