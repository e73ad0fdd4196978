//! One question over one stream, to whichever process holds the other end.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use policy::question::Question;

use super::dialog::Dialog;
use super::lines::{NextLine, PrompterLines};
use super::protocol::{self, MAX_LINE, PromptOutcome};

/// From the start until the window is on the screen: a vault that has just booted is slow.
pub(super) const START_TIME: Duration = Duration::from_secs(20);
/// The prompter counts its own seconds; it gets a little longer to say that they are over.
pub(super) const GRACE: Duration = Duration::from_secs(3);
/// A line fits into the socket's buffer, so a prompter that does not read is not waited for.
const WRITE_TIME: Duration = Duration::from_secs(2);

/// Asks over a stream and waits for the answer. `shown` is called once, when the question is on the screen.
///
/// # Errors
/// Why nobody has seen the question.
pub(super) fn converse(
    question: &Question,
    dialog: &Dialog,
    shown: &dyn Fn(),
    stream: &UnixStream,
) -> Result<PromptOutcome, String> {
    let not_shown = |why: String| Err(format!("split-ssh-prompt {why}"));
    let failed = |why: &str| Ok(PromptOutcome::Failed(why.to_owned()));
    let Some(line) = protocol::line(question) else {
        return not_shown("does not take so long a question".to_owned());
    };
    if let Err(error) = send(stream, &line) {
        return not_shown(format!("does not take the question: {error}"));
    }
    let mut lines = PrompterLines::new(stream, MAX_LINE);
    let mut next = |until| next_line(&mut lines, dialog, stream, until);
    match next(Instant::now() + START_TIME) {
        NextLine::Line(line) if protocol::is_shown(&line) => shown(),
        // It might have been seen by somebody who said no.
        NextLine::Line(_) => return failed("it answered before it had shown the question"),
        NextLine::Interrupted => return Ok(PromptOutcome::Withdrawn),
        NextLine::TimeUp => return not_shown("did not show the question in time".to_owned()),
        NextLine::End => return not_shown("ended before it had shown the question".to_owned()),
        NextLine::TooLong => return failed("it sent something that is no line"),
    }
    match next(Instant::now() + Duration::from_secs(question.seconds) + GRACE) {
        NextLine::Line(line) => match protocol::answer(&line, question) {
            Ok(outcome) => Ok(outcome),
            Err(why) => failed(&why),
        },
        NextLine::Interrupted => Ok(PromptOutcome::Withdrawn),
        NextLine::TimeUp => Ok(PromptOutcome::Nobody),
        NextLine::End => failed("it ended without an answer"),
        NextLine::TooLong => failed("it sent something that is no line"),
    }
}

fn send(mut stream: &UnixStream, line: &[u8]) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIME))?;
    stream.write_all(line)
}

/// Waits for a line, and is interrupted when the question is withdrawn; new counts go out meanwhile.
fn next_line(
    lines: &mut PrompterLines<'_>,
    dialog: &Dialog,
    stream: &UnixStream,
    until: Instant,
) -> NextLine {
    while !dialog.is_withdrawn() {
        let wake = PollFd::new(dialog.fd(), PollFlags::POLLIN);
        let next = lines.next(Some(&wake), until);
        if !matches!(next, NextLine::Interrupted) {
            return next;
        }
        let counts = dialog.take_counts();
        if let Some(line) = counts.and_then(|counts| protocol::line(&counts)) {
            // A prompter that is gone is noticed by reading.
            let _ = send(stream, &line);
        }
    }
    NextLine::Interrupted
}
