//! One call to a vault that carries one connection: from its start to its end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use wire::frame::{self, Decoder, FrameError};

use super::connection_table::{ConnectionHandle, Watcher};
use super::route::Route;
use super::set_up::{self, MAX_FIRST_BYTES, SetUp};
use super::slots::Slot;
use super::transport::Stream;
use super::transport_process::{TransportProcess, set_nonblocking};
use crate::status::outcome::CallOutcome;
use common::wait;

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
/// Connections that wait for a call at most; more would only grow old.
const MAX_WAITING: usize = 1024;

/// An open call.
#[derive(Debug)]
pub struct Call {
    process: Option<TransportProcess>,
    to_vault: UnixStream,
    from_vault: File,
    decoder: Decoder,
    /// Kept between reads: to clear one for each costs more than what is read.
    chunk: Vec<u8>,
    unsent: Vec<u8>,
    /// Replies that the vault has still to send.
    due: usize,
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
    /// Makes a call whose first messages are `messages`, to each of which a reply is due. `None`: when it was this call's
    /// turn, it was no longer needed.
    ///
    /// # Errors
    /// Why there is no call.
    pub fn open(
        route: &Route,
        messages: &[&[u8]],
        watcher: &Watcher<'_>,
        is_needed: impl Fn() -> bool,
    ) -> Result<Option<Self>, CallEnd> {
        let set_up_time = route.set_up_time;
        let in_time = || Instant::now() + set_up_time;
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|message| frame::encode(message))
            .collect();
        let (first, rest) = bytes.split_at(bytes.len().min(MAX_FIRST_BYTES));
        let slot = route.calls.take(watcher, MAX_WAITING, in_time())?;
        let timed_out = CallOutcome::SetUpTimedOut(set_up_time.as_secs());
        let mut end = CallEnd::from(timed_out.clone());
        for _ in 0..ATTEMPTS {
            let set_up_slot = route.set_ups.take(watcher, MAX_WAITING, in_time())?;
            if !is_needed() {
                return Ok(None);
            }
            let until = in_time();
            let mut stream = route
                .transport
                .open(first, until)
                .map_err(|error| CallOutcome::CannotStart(error.to_string()))?;
            match set_up::watch(&mut stream, first, watcher, until) {
                SetUp::Done => {
                    let unsent = match &stream {
                        Stream::Piped { .. } => rest.to_vec(),
                        Stream::Connected(_) => bytes,
                    };
                    let mut call = Self::over(stream, unsent, messages.len(), slot)
                        .map_err(|error| CallOutcome::CannotStart(error.to_string()))?;
                    call.set_up_slot = Some((set_up_slot, Instant::now() + FIRST_REPLY_TIME));
                    return Ok(Some(call));
                }
                SetUp::Ended(status) => {
                    return Err(CallEnd::with(CallOutcome::of_end(status), stream.process()));
                }
                SetUp::TimedOut => end = CallEnd::with(timed_out.clone(), stream.process()),
                SetUp::ClientLeft => return Err(CallOutcome::ClientLeft.into()),
                SetUp::MustLeave => return Err(CallOutcome::Stopped.into()),
            }
        }
        Err(end)
    }

    fn over(stream: Stream, unsent: Vec<u8>, due: usize, slot: Slot) -> io::Result<Self> {
        let (process, to_vault, from_vault) = match stream {
            Stream::Piped {
                process,
                to_stdin,
                from_stdout,
                ..
            } => (Some(process), to_stdin, OwnedFd::from(from_stdout)),
            Stream::Connected(vault) => (None, vault.try_clone()?, OwnedFd::from(vault)),
        };
        set_nonblocking(&to_vault)?;
        set_nonblocking(&from_vault)?;
        Ok(Self {
            process,
            to_vault,
            from_vault: File::from(from_vault),
            decoder: Decoder::new(),
            chunk: vec![0; CHUNK],
            unsent,
            due,
            has_ended: false,
            set_up_slot: None,
            _slot: slot,
        })
    }

    /// Lets others set their calls up before the first reply.
    pub fn end_set_up(&mut self) {
        self.set_up_slot = None;
    }

    /// Sends `message`; its reply is due then.
    pub fn send(&mut self, message: &[u8]) {
        self.unsent.extend(frame::encode(message));
        self.due += 1;
    }

    /// Waits for the reply to the last message that was sent; earlier ones are dropped.
    ///
    /// # Errors
    /// The call is over without it, or it did not come until `end`; [`Call::end`] says why.
    pub fn last_reply(
        &mut self,
        watcher: &Watcher<'_>,
        end: Option<Instant>,
    ) -> Result<Vec<u8>, Option<CallOutcome>> {
        let began = Instant::now();
        let mut last_moment = None;
        self.write();
        loop {
            while let Some(reply) = self.decoder.next().map_err(|_| None)? {
                match self.due {
                    0 => return Err(None), // said without being asked
                    1 => {
                        self.due = 0;
                        return Ok(reply);
                    }
                    _ => self.due -= 1,
                }
            }
            if self.has_ended || last_moment.is_some_and(|end| Instant::now() >= end) {
                return Err(None);
            }
            if watcher.handle.must_leave() {
                return Err(Some(CallOutcome::Stopped));
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Err(Some(CallOutcome::NoReply(began.elapsed().as_secs())));
            }
            let slot_until = self.set_up_slot.as_ref().map(|(_, until)| *until);
            if slot_until.is_some_and(|until| Instant::now() >= until) {
                self.set_up_slot = None;
                continue;
            }
            // Before the wait: a reply that is there need not wait for it.
            if self.process_has_ended() && last_moment.is_none() {
                last_moment = Some(Instant::now() + LAST_BYTES);
            }
            let until = last_moment.into_iter().chain(slot_until).chain(end).min();
            if self
                .wait(watcher.handle, Some(watcher.program), until)
                .is_err()
            {
                return Err(Some(CallOutcome::ClientLeft));
            }
            self.write();
            self.read();
        }
    }

    /// Waits until `end` for the vault, for whatever wakes `handle`, and for the end of `program`.
    ///
    /// # Errors
    /// The program has left, or as `poll(2)`.
    fn wait(
        &self,
        handle: &ConnectionHandle,
        program: Option<&UnixStream>,
        end: Option<Instant>,
    ) -> io::Result<()> {
        let mut fds = vec![
            PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN),
            PollFd::new(self.from_vault.as_fd(), PollFlags::POLLIN),
        ];
        if !self.unsent.is_empty() {
            fds.push(PollFd::new(self.to_vault.as_fd(), PollFlags::POLLOUT));
        }
        if let Some(stderr) = self.process.as_ref().and_then(|p| p.stderr.as_ref()) {
            fds.push(PollFd::new(stderr.as_fd(), PollFlags::POLLIN));
        }
        fds.extend(program.map(|program| PollFd::new(program.as_fd(), PollFlags::empty())));
        wait::until(&mut fds, end)?;
        let has_hung_up = |fd: &PollFd<'_>| wait::revents(fd).contains(PollFlags::POLLHUP);
        let has_left = program.is_some() && fds.last().is_some_and(has_hung_up);
        let is_woken = !wait::revents(&fds[0]).is_empty();
        drop(fds);
        if is_woken {
            handle.wake().clear();
        }
        if has_left {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    fn write(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        match self.to_vault.write(&self.unsent) {
            Ok(length) => drop(self.unsent.drain(..length)),
            Err(error) if is_not_now(&error) => {}
            // Nobody reads; what the vault still says counts.
            Err(_) => self.unsent.clear(),
        }
    }

    fn read(&mut self) {
        match self.from_vault.read(&mut self.chunk) {
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
        self.from_vault.as_fd()
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
        self.to_vault.try_clone()
    }

    /// The next whole message, whatever it is.
    ///
    /// # Errors
    /// It has a bad length.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        self.decoder.next()
    }

    /// Waits until `end` for bytes of the vault, or for whatever wakes `handle`, and takes what is there.
    ///
    /// # Errors
    /// As `poll(2)`.
    pub fn wait_for_more(&mut self, handle: &ConnectionHandle, end: Instant) -> io::Result<()> {
        self.wait(handle, None, Some(end))?;
        self.read();
        Ok(())
    }

    /// Whether the vault has closed the call, or what carries it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process_has_ended() || self.has_ended
    }

    fn process_has_ended(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| {
            process.listen();
            process.ended().is_some()
        })
    }

    /// Ends the call, and says how it ended. `cause`: what we know better than the transport process.
    pub fn end(mut self, cause: Option<CallOutcome>, handle: &ConnectionHandle) -> CallEnd {
        // Fails only when the other side is gone.
        let _ = self.to_vault.shutdown(Shutdown::Write);
        let is_answered = self.due == 0 && !self.decoder.is_mid_message();
        let mut exit = None;
        if let Some(process) = &mut self.process {
            // A vault that asks somebody only hears of a call's end, not of the end of its input.
            let is_urgent = matches!(
                cause,
                Some(CallOutcome::ClientLeft | CallOutcome::Stopped | CallOutcome::NoReply(_))
            );
            if !is_urgent {
                set_up::wait_for_end(process, handle, Instant::now() + GRACE);
            }
            exit = process.ended().map(CallOutcome::of_exit);
        }
        let outcome = match (cause, exit) {
            (Some(cause), _) => cause,
            (_, Some(exit @ (CallOutcome::Exited(_) | CallOutcome::Killed(_)))) => exit,
            _ if is_answered => CallOutcome::Served,
            _ => CallOutcome::Cut,
        };
        CallEnd::with(outcome, self.process.as_mut())
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
