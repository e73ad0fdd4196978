//! One connection of a local program, from its first byte to its end.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::child::Carrier;
use super::crowd::Seat;
use super::first_byte::{self, is_unread};
use super::pump::{self, Ending};
use super::refusal;
use super::set_up::{self, SetUp};
use super::slots::Slots;
use super::transport::{Stream, Transport};
use common::client_status::file::StatusFile;
use common::client_status::outcome::StreamOutcome;

/// For a carrier to end by itself once both its sides have.
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
    outcome: StreamOutcome,
    /// A request that was taken is known to be unanswered.
    owes_answer: bool,
    untrusted_said: String,
}

/// What a client still has to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Nothing,
    /// No more than the close, once its request is out of the way.
    CloseOnly,
    ToUnreadRequest,
    /// What carried the stream took the request with it.
    ToTakenRequest,
}

/// Serves one connection, and leaves nothing of it behind.
pub fn serve(client: &UnixStream, vault: &Vault, seat: &Seat) {
    let Ok(Some(first)) = first_byte::wait_for(client, seat) else {
        return;
    };
    let end = stream(client, &first, vault, seat);
    let owed = owed(client, &first, &end);
    // Before the answer: who is told no can ask `split-ssh status` for the reason at once.
    vault
        .status
        .note(&end.outcome, owed.is_answer(), &end.untrusted_said);
    // A client that does not take its answer has chosen the close.
    let _ = match owed {
        Owed::Nothing => Ok(()),
        Owed::CloseOnly => refusal::take_one_request(client),
        Owed::ToUnreadRequest => refusal::refuse_one_request(client),
        Owed::ToTakenRequest => refusal::refuse_taken_request(client),
    };
    // Whoever else may have a copy of the socket: the client sees its end now.
    let _ = client.shutdown(Shutdown::Both);
}

/// Opens a stream and lets it run.
fn stream(client: &UnixStream, first: &[u8], vault: &Vault, seat: &Seat) -> End {
    let timed_out = StreamOutcome::SetUpTimedOut(vault.set_up_time.as_secs());
    let mut end = End::of(timed_out.clone());
    for _ in 0..ATTEMPTS {
        let slot = match vault
            .slots
            .take(client, seat, Instant::now() + vault.set_up_time)
        {
            Ok(slot) => slot,
            Err(outcome) => return End::of(outcome),
        };
        let until = Instant::now() + vault.set_up_time;
        let mut stream = match vault.transport.open(first, until) {
            Ok(stream) => stream,
            Err(error) => return End::of(StreamOutcome::CannotStart(error.to_string())),
        };
        match set_up::watch(&mut stream, first, client, seat, until) {
            SetUp::Done => {
                drop(slot);
                return run(stream, client, first.len(), seat);
            }
            SetUp::Ended(status) => {
                return End::with(StreamOutcome::of_end(status), stream.carrier());
            }
            SetUp::TimedOut => end = End::with(timed_out.clone(), stream.carrier()),
            SetUp::ClientLeft => return End::of(StreamOutcome::ClientLeft),
            SetUp::MustLeave => return End::of(StreamOutcome::Stopped),
        }
    }
    end
}

/// Lets an open stream run to its end.
fn run(stream: Stream, client: &UnixStream, taken: usize, seat: &Seat) -> End {
    match stream {
        Stream::Piped {
            mut carrier,
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
                Some(&mut carrier),
                seat,
            );
            match ending {
                // A vault that asks somebody only hears of a call's end, not of the end of its input.
                Ok(Ending::MustLeave | Ending::GaveUp) => {}
                _ => set_up::wait_for_end(&mut carrier, seat, Instant::now() + GRACE),
            }
            let end = carrier.ended().map(StreamOutcome::of_exit);
            End::with(of_pump(&ending, end), Some(&mut carrier)).owing(&ending)
        }
        Stream::Connected(vault) => {
            let ending = vault
                .try_clone()
                .and_then(|to| pump::pump(client, 0, to, &vault, None, seat));
            End::of(of_pump(&ending, None)).owing(&ending)
        }
    }
}

/// The carrier's exit says more than the bytes do, if it says that something went wrong.
fn of_pump(ending: &io::Result<Ending>, exit: Option<StreamOutcome>) -> StreamOutcome {
    match (ending, exit) {
        (Ok(Ending::MustLeave), _) => StreamOutcome::Stopped,
        (Ok(Ending::GaveUp), _) => StreamOutcome::ClientLeft,
        (Ok(Ending::ClientLeft), _) => StreamOutcome::Served,
        (_, Some(exit @ (StreamOutcome::Exited(_) | StreamOutcome::Killed(_)))) => exit,
        (Ok(Ending::Complete), _) => StreamOutcome::Served,
        _ => StreamOutcome::Cut,
    }
}

/// What the client is owed.
fn owed(client: &UnixStream, first: &[u8], end: &End) -> Owed {
    match () {
        () if end.outcome == StreamOutcome::ClientLeft => Owed::Nothing,
        () if refusal::is_list(first) && is_unread(client, first) => Owed::CloseOnly,
        () if refusal::is_list(first) => Owed::Nothing,
        () if is_unread(client, first) => Owed::ToUnreadRequest,
        () if end.owes_answer || end.outcome.is_refusal() => Owed::ToTakenRequest,
        () => Owed::Nothing,
    }
}

impl Owed {
    fn is_answer(self) -> bool {
        matches!(self, Self::ToUnreadRequest | Self::ToTakenRequest)
    }
}

impl End {
    fn of(outcome: StreamOutcome) -> Self {
        Self {
            outcome,
            owes_answer: false,
            untrusted_said: String::new(),
        }
    }

    /// Ends the carrier, if it has not ended, and keeps its last words.
    fn with(outcome: StreamOutcome, carrier: Option<&mut Carrier>) -> Self {
        let untrusted_said = carrier.map(|carrier| {
            carrier.kill();
            carrier.untrusted_last_line()
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
