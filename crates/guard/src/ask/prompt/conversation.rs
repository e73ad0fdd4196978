//! One question over one stream, to whichever process holds the other end.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::lines::{NextLine, PrompterLines};
use super::outcome::{NotShown, PromptAttempt, PromptContext, PromptOutcome};
use super::protocol::{self, MAX_LINE};
use super::unit;

/// From the start until the window is on the screen: a vault that has just booted is slow.
pub(super) const START_TIME: Duration = Duration::from_secs(20);
/// The prompter counts its own seconds; it gets a little longer to say that they are over.
pub(super) const GRACE: Duration = Duration::from_secs(3);
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
    let Some(line) = protocol::line(asking.question) else {
        return PromptAttempt::NotShown(NotShown::Failed(
            "the question is too long for it".to_owned(),
        ));
    };
    if let Err(why) = send(stream, &line) {
        return PromptAttempt::NotShown(NotShown::Failed(why));
    }
    let Ok(mut lines) = PrompterLines::new(stream, MAX_LINE) else {
        return failed("it cannot be listened to");
    };
    match next_line(&mut lines, asking, stream, Instant::now() + START_TIME) {
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
    match next_line(&mut lines, asking, stream, until) {
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

/// Waits for a line; new counts go out meanwhile.
fn next_line(
    lines: &mut PrompterLines,
    asking: &PromptContext<'_>,
    stream: &UnixStream,
    until: Instant,
) -> NextInput {
    loop {
        if asking.dialog.is_withdrawn() {
            return NextInput::Withdrawn;
        }
        let wake = PollFd::new(asking.dialog.fd(), PollFlags::POLLIN);
        match lines.next(Some(&wake), until) {
            NextLine::Interrupted => asking.dialog.clear(),
            NextLine::Line(line) => return NextInput::Line(line),
            NextLine::TimeUp => return NextInput::TimeUp,
            NextLine::End => return NextInput::End,
            NextLine::TooLong => return NextInput::Garbage,
        }
        let counts = asking.dialog.take_counts();
        if let Some(line) = counts.and_then(|counts| protocol::counts(asking.question, counts)) {
            // A prompter that is gone is noticed by reading.
            let _ = send(stream, &line);
        }
    }
}

enum NextInput {
    Line(Vec<u8>),
    Withdrawn,
    TimeUp,
    End,
    Garbage,
}
