//! One question over one stream, to whichever process holds the other end.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::outcome::{Asking, PromptOutcome, Try, Unseen};
use super::protocol::{self, MAX_LINE};
use super::unit;
use common::wait;

/// From the start until the window is on the screen: a vault that has just booted is slow.
const START_TIME: Duration = Duration::from_secs(20);
/// The prompter counts its own seconds; it gets a little longer to say that they are over.
const GRACE: Duration = Duration::from_secs(3);
/// A line fits into the socket's buffer, so a prompter that does not read is not waited for.
const WRITE_TIME: Duration = Duration::from_secs(2);

/// Asks through the session's socket unit: systemd starts a prompter for each connection.
pub(super) fn by_socket(asking: &Asking<'_>, path: &Path) -> Try {
    match unit::connect(path) {
        Ok(stream) => converse(asking, &stream),
        Err(why) => Try::Unseen(Unseen::Failed(why)),
    }
}

/// Asks over a stream and waits for the answer.
pub(super) fn converse(asking: &Asking<'_>, stream: &UnixStream) -> Try {
    let Some(line) = protocol::ask(asking.question) else {
        return Try::Unseen(Unseen::Failed("the question is too long for it".to_owned()));
    };
    if let Err(why) = send(stream, &line) {
        return Try::Unseen(Unseen::Failed(why));
    }
    let mut lines = Lines::new(stream);
    match lines.next(asking, Instant::now() + START_TIME) {
        Next::Line(line) if protocol::is_shown(&line) => (asking.shown)(),
        // It might have been seen by somebody who said no.
        Next::Line(_) => return failed("it answered before it had shown the question"),
        Next::Withdrawn => return Try::Over(PromptOutcome::Withdrawn),
        Next::TimeUp => {
            return Try::Unseen(Unseen::Failed(
                "it did not show the question in time".to_owned(),
            ));
        }
        Next::End => {
            return Try::Unseen(Unseen::Failed(
                "it ended before it had shown the question".to_owned(),
            ));
        }
        Next::Garbage => return failed("it sent something that is no line"),
    }
    let until = Instant::now() + Duration::from_secs(asking.question.seconds) + GRACE;
    match lines.next(asking, until) {
        Next::Line(line) => match protocol::answer(&line, asking.question) {
            Ok(outcome) => Try::Over(outcome),
            Err(why) => failed(&why),
        },
        Next::Withdrawn => Try::Over(PromptOutcome::Withdrawn),
        Next::TimeUp => Try::Over(PromptOutcome::Nobody),
        Next::End => failed("it ended without an answer"),
        Next::Garbage => failed("it sent something that is no line"),
    }
}

fn failed(why: &str) -> Try {
    Try::Over(PromptOutcome::Failed(why.to_owned()))
}

fn send(mut stream: &UnixStream, line: &[u8]) -> Result<(), String> {
    let sent = stream
        .set_write_timeout(Some(WRITE_TIME))
        .and_then(|()| stream.write_all(line));
    sent.map_err(|error| format!("it does not take the question: {error}"))
}

/// Bounded lines from a prompter; new counts go out meanwhile.
struct Lines<'s> {
    stream: &'s UnixStream,
    buffer: Vec<u8>,
}

enum Next {
    Line(Vec<u8>),
    Withdrawn,
    TimeUp,
    End,
    Garbage,
}

impl<'s> Lines<'s> {
    fn new(stream: &'s UnixStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    fn next(&mut self, asking: &Asking<'_>, until: Instant) -> Next {
        loop {
            if asking.dialog.is_withdrawn() {
                return Next::Withdrawn;
            }
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                return Next::Line(std::mem::replace(&mut self.buffer, rest));
            }
            if self.buffer.len() >= MAX_LINE {
                return Next::Garbage;
            }
            let mut fds = [
                PollFd::new(self.stream.as_fd(), PollFlags::POLLIN),
                PollFd::new(asking.dialog.fd(), PollFlags::POLLIN),
            ];
            match wait::until(&mut fds, Some(until)) {
                Ok(false) => return Next::TimeUp,
                Err(_) => return Next::End,
                Ok(true) => {}
            }
            let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or(false);
            let (from_prompter, from_vault) = (is_ready(&fds[0]), is_ready(&fds[1]));
            if from_vault {
                asking.dialog.clear();
                let recount = asking.dialog.take_counts();
                if let Some(line) =
                    recount.and_then(|counts| protocol::recount(asking.question, counts))
                {
                    // One that is gone is noticed by reading.
                    let _ = send(self.stream, &line);
                }
            }
            if from_prompter {
                let mut bytes = [0; 4096];
                match self.stream.read(&mut bytes) {
                    Ok(0) => return Next::End,
                    Ok(read) => self.buffer.extend(bytes.iter().take(read)),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return Next::End,
                }
            }
        }
    }
}
