//! Bounded lines from a prompter.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use common::askpass::wipe;
use common::wait;
use nix::poll::{PollFd, PollFlags};

const CHUNK: usize = 1024;

/// Reads lines; overwrites what it has read, which may be a passphrase.
pub struct PrompterLines<'s> {
    stream: &'s UnixStream,
    buffer: Vec<u8>,
    max_line: usize,
}

pub enum NextLine {
    /// Without its newline.
    Line(Vec<u8>),
    /// The caller's own descriptor is ready.
    Interrupted,
    TimeUp,
    End,
    TooLong,
}

impl<'s> PrompterLines<'s> {
    /// `max_line` is in bytes, with the newline.
    pub fn new(stream: &'s UnixStream, max_line: usize) -> Self {
        Self {
            stream,
            // Room enough from the start: a buffer that grows would leave copies of a passphrase behind.
            buffer: Vec::with_capacity(max_line + CHUNK),
            max_line,
        }
    }

    /// Waits for the next line until `until`, or until `interrupt` is ready.
    pub fn next(&mut self, interrupt: Option<&PollFd<'_>>, until: Instant) -> NextLine {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.iter().take(end).copied().collect();
                self.buffer.copy_within(end + 1.., 0);
                let left = self.buffer.len() - end - 1;
                wipe(self.buffer.get_mut(left..).unwrap_or_default());
                self.buffer.truncate(left);
                return NextLine::Line(line);
            }
            if self.buffer.len() >= self.max_line {
                return NextLine::TooLong;
            }
            let mut fds = vec![PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
            fds.extend(interrupt.cloned());
            match wait::until(&mut fds, Some(until)) {
                Ok(true) => {}
                Ok(false) => return NextLine::TimeUp,
                Err(_) => return NextLine::End,
            }
            if fds.get(1).is_some_and(|fd| fd.any().unwrap_or(true)) {
                return NextLine::Interrupted;
            }
            let mut chunk = [0; CHUNK];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return NextLine::End,
                Ok(count) => self.buffer.extend(chunk.iter().take(count)),
            }
            wipe(&mut chunk);
        }
    }
}

impl Drop for PrompterLines<'_> {
    fn drop(&mut self) {
        wipe(&mut self.buffer);
    }
}
