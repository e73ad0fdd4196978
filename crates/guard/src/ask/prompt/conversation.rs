//! One question over one stream, to whichever process holds the other end.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::outcome::{NotShown, PromptAttempt, PromptContext, PromptOutcome};
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
pub(super) fn by_socket(asking: &PromptContext<'_>, path: &Path) -> PromptAttempt {
    match unit::connect(path) {
        Ok(stream) => converse(asking, &stream),
        Err(why) => PromptAttempt::NotShown(NotShown::Failed(why)),
    }
}

/// Asks over a stream and waits for the answer.
pub(super) fn converse(asking: &PromptContext<'_>, stream: &UnixStream) -> PromptAttempt {
    let Some(line) = protocol::ask(asking.question) else {
        return PromptAttempt::NotShown(NotShown::Failed(
            "the question is too long for it".to_owned(),
        ));
    };
    if let Err(why) = send(stream, &line) {
        return PromptAttempt::NotShown(NotShown::Failed(why));
    }
    let mut lines = PrompterLines::new(stream);
    match lines.next(asking, Instant::now() + START_TIME) {
        NextInput::Line(line) if protocol::is_shown(&line) => (asking.shown)(),
        // It might have been seen by somebody who said no.
        NextInput::Line(_) => return failed("it answered before it had shown the question"),
        NextInput::Withdrawn => return PromptAttempt::Finished(PromptOutcome::Withdrawn),
        NextInput::TimeUp => {
            return PromptAttempt::NotShown(NotShown::Failed(
                "it did not show the question in time".to_owned(),
            ));
        }
        NextInput::End => {
            return PromptAttempt::NotShown(NotShown::Failed(
                "it ended before it had shown the question".to_owned(),
            ));
        }
        NextInput::Garbage => return failed("it sent something that is no line"),
    }
    let until = Instant::now() + Duration::from_secs(asking.question.seconds) + GRACE;
    match lines.next(asking, until) {
        NextInput::Line(line) => match protocol::answer(&line, asking.question) {
            Ok(outcome) => PromptAttempt::Finished(outcome),
            Err(why) => failed(&why),
        },
        NextInput::Withdrawn => PromptAttempt::Finished(PromptOutcome::Withdrawn),
        NextInput::TimeUp => PromptAttempt::Finished(PromptOutcome::Nobody),
        NextInput::End => failed("it ended without an answer"),
        NextInput::Garbage => failed("it sent something that is no line"),
    }
}

fn failed(why: &str) -> PromptAttempt {
    PromptAttempt::Finished(PromptOutcome::Failed(why.to_owned()))
}

fn send(mut stream: &UnixStream, line: &[u8]) -> Result<(), String> {
    let sent = stream
        .set_write_timeout(Some(WRITE_TIME))
        .and_then(|()| stream.write_all(line));
    sent.map_err(|error| format!("it does not take the question: {error}"))
}

/// Bounded lines from a prompter; new counts go out meanwhile.
struct PrompterLines<'s> {
    stream: &'s UnixStream,
    buffer: Vec<u8>,
}

enum NextInput {
    Line(Vec<u8>),
    Withdrawn,
    TimeUp,
    End,
    Garbage,
}

impl<'s> PrompterLines<'s> {
    fn new(stream: &'s UnixStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    fn next(&mut self, asking: &PromptContext<'_>, until: Instant) -> NextInput {
        loop {
            if asking.dialog.is_withdrawn() {
                return NextInput::Withdrawn;
            }
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                return NextInput::Line(std::mem::replace(&mut self.buffer, rest));
            }
            if self.buffer.len() >= MAX_LINE {
                return NextInput::Garbage;
            }
            let mut fds = [
                PollFd::new(self.stream.as_fd(), PollFlags::POLLIN),
                PollFd::new(asking.dialog.fd(), PollFlags::POLLIN),
            ];
            match wait::until(&mut fds, Some(until)) {
                Ok(false) => return NextInput::TimeUp,
                Err(_) => return NextInput::End,
                Ok(true) => {}
            }
            let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or(false);
            let (from_prompter, from_vault) = (is_ready(&fds[0]), is_ready(&fds[1]));
            if from_vault {
                asking.dialog.clear();
                let send_counts = asking.dialog.take_counts();
                if let Some(line) =
                    send_counts.and_then(|counts| protocol::send_counts(asking.question, counts))
                {
                    // One that is gone is noticed by reading.
                    let _ = send(self.stream, &line);
                }
            }
            if from_prompter {
                let mut bytes = [0; 4096];
                match self.stream.read(&mut bytes) {
                    Ok(0) => return NextInput::End,
                    Ok(read) => self.buffer.extend(bytes.iter().take(read)),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return NextInput::End,
                }
            }
        }
    }
}
