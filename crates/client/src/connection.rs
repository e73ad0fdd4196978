//! One connection of a local program, from its first byte to its end.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::connection_table::ConnectionHandle;
use super::first_byte::{self, is_unread};
use super::pump::{self, Ending};
use super::refusal;
use super::set_up::{self, SetUp};
use super::slots::Slots;
use super::transport::{Stream, Transport};
use super::transport_process::TransportProcess;
use crate::status::file::StatusFile;
use crate::status::outcome::CallOutcome;

/// For a process to end by itself once both its sides have.
const GRACE: Duration = Duration::from_secs(2);
/// A call that nobody took in time is made once more: qrexec can lose one for ever.
const ATTEMPTS: usize = 2;

/// One vault, with one keyring, behind one socket.
#[derive(Debug)]
pub struct Vault {
    pub transport: Transport,
    /// From the start of a call until somebody takes the request; also the longest wait for a slot.
    pub set_up_time: Duration,
    pub slots: Slots,
    pub status: StatusFile,
}

/// How a stream ended, and what is to be done and told about it.
#[derive(Debug)]
struct End {
    outcome: CallOutcome,
    /// A request that was taken is known to be unanswered.
    owes_answer: bool,
    untrusted_said: String,
}

/// What a client still has to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingReply {
    Nothing,
    /// No more than the close, once its request is out of the way.
    CloseOnly,
    ToUnreadRequest,
    /// What carried the stream took the request with it.
    ToTakenRequest,
}

/// Serves one connection, and leaves nothing of it behind.
pub fn serve(client: &UnixStream, vault: &Vault, handle: &ConnectionHandle) {
    let Ok(Some(first)) = first_byte::wait_for(client, handle) else {
        return;
    };
    let end = stream(client, &first, vault, handle);
    let owed = owed(client, &first, &end);
    // Before the answer: who is told no can ask `split-ssh status` for the reason at once.
    vault
        .status
        .note(&end.outcome, owed.is_answer(), &end.untrusted_said);
    // A client that does not take its answer has chosen the close.
    let _ = match owed {
        PendingReply::Nothing => Ok(()),
        PendingReply::CloseOnly => refusal::take_one_request(client),
        PendingReply::ToUnreadRequest => refusal::refuse_one_request(client),
        PendingReply::ToTakenRequest => refusal::refuse_taken_request(client),
    };
    // Whoever else may have a copy of the socket: the client sees its end now.
    let _ = client.shutdown(Shutdown::Both);
}

/// Opens a stream and lets it run.
fn stream(client: &UnixStream, first: &[u8], vault: &Vault, handle: &ConnectionHandle) -> End {
    let timed_out = CallOutcome::SetUpTimedOut(vault.set_up_time.as_secs());
    let mut end = End::of(timed_out.clone());
    for _ in 0..ATTEMPTS {
        let slot = match vault
            .slots
            .take(client, handle, Instant::now() + vault.set_up_time)
        {
            Ok(slot) => slot,
            Err(outcome) => return End::of(outcome),
        };
        let until = Instant::now() + vault.set_up_time;
        let mut stream = match vault.transport.open(first, until) {
            Ok(stream) => stream,
            Err(error) => return End::of(CallOutcome::CannotStart(error.to_string())),
        };
        match set_up::watch(&mut stream, first, client, handle, until) {
            SetUp::Done => {
                drop(slot);
                return run(stream, client, first.len(), handle);
            }
            SetUp::Ended(status) => {
                return End::with(CallOutcome::of_end(status), stream.process());
            }
            SetUp::TimedOut => end = End::with(timed_out.clone(), stream.process()),
            SetUp::ClientLeft => return End::of(CallOutcome::ClientLeft),
            SetUp::MustLeave => return End::of(CallOutcome::Stopped),
        }
    }
    end
}

/// Lets an open stream run to its end.
fn run(stream: Stream, client: &UnixStream, taken: usize, handle: &ConnectionHandle) -> End {
    match stream {
        Stream::Piped {
            mut process,
            to_stdin,
            its_stdin,
            from_stdout,
        } => {
            drop(its_stdin);
            let ending = pump::pump(
                client,
                taken,
                to_stdin,
                from_stdout,
                Some(&mut process),
                handle,
            );
            match ending {
                // A vault that asks somebody only hears of a call's end, not of the end of its input.
                Ok(Ending::MustLeave | Ending::GaveUp) => {}
                _ => set_up::wait_for_end(&mut process, handle, Instant::now() + GRACE),
            }
            let end = process.ended().map(CallOutcome::of_exit);
            End::with(of_pump(&ending, end), Some(&mut process)).owing(&ending)
        }
        Stream::Connected(vault) => {
            let ending = vault
                .try_clone()
                .and_then(|to| pump::pump(client, 0, to, &vault, None, handle));
            End::of(of_pump(&ending, None)).owing(&ending)
        }
    }
}

/// The process's exit says more than the bytes do, if it says that something went wrong.
fn of_pump(ending: &io::Result<Ending>, exit: Option<CallOutcome>) -> CallOutcome {
    match (ending, exit) {
        (Ok(Ending::MustLeave), _) => CallOutcome::Stopped,
        (Ok(Ending::GaveUp), _) => CallOutcome::ClientLeft,
        (Ok(Ending::ClientLeft), _) => CallOutcome::Served,
        (_, Some(exit @ (CallOutcome::Exited(_) | CallOutcome::Killed(_)))) => exit,
        (Ok(Ending::Complete), _) => CallOutcome::Served,
        _ => CallOutcome::Cut,
    }
}

/// What the client is owed.
fn owed(client: &UnixStream, first: &[u8], end: &End) -> PendingReply {
    match () {
        () if end.outcome == CallOutcome::ClientLeft => PendingReply::Nothing,
        () if refusal::is_list(first) && is_unread(client, first) => PendingReply::CloseOnly,
        () if refusal::is_list(first) => PendingReply::Nothing,
        () if is_unread(client, first) => PendingReply::ToUnreadRequest,
        () if end.owes_answer || end.outcome.is_refusal() => PendingReply::ToTakenRequest,
        () => PendingReply::Nothing,
    }
}

impl PendingReply {
    fn is_answer(self) -> bool {
        matches!(self, Self::ToUnreadRequest | Self::ToTakenRequest)
    }
}

impl End {
    fn of(outcome: CallOutcome) -> Self {
        Self {
            outcome,
            owes_answer: false,
            untrusted_said: String::new(),
        }
    }

    /// Ends the process, if it has not ended, and keeps its last words.
    fn with(outcome: CallOutcome, process: Option<&mut TransportProcess>) -> Self {
        let untrusted_said = process.map(|process| {
            process.kill();
            process.untrusted_last_line()
        });
        Self {
            outcome,
            owes_answer: false,
            untrusted_said: untrusted_said.unwrap_or_default(),
        }
    }

    fn owing(mut self, ending: &io::Result<Ending>) -> Self {
        self.owes_answer = matches!(ending, Ok(Ending::Unanswered));
        self
    }
}
