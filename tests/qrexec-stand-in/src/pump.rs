//! Moves bytes both ways until the call is over, with qrexec's half-close rules.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::{close, read, write};

/// As a vchan's buffer: also what may be lost when a side dies.
const CHUNK: usize = 64 * 1024;

/// How the far end of a way learns of the end of data.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Shutdown,
    /// Close this descriptor too (ours is a copy of it).
    CloseAlso(i32),
    Close,
}

/// One direction of a stream.
#[derive(Debug)]
pub struct Way {
    from: Option<OwnedFd>,
    to: Option<OwnedFd>,
    end: End,
    waiting: Vec<u8>,
    buffer: Vec<u8>,
}

impl Way {
    /// `first` is delivered before what `from` brings.
    ///
    /// # Errors
    /// The descriptors cannot be made non-blocking. (qrexec does so on the open file description, which the
    /// caller shares; so do we.)
    pub fn new(from: OwnedFd, to: OwnedFd, end: End, first: Vec<u8>) -> io::Result<Self> {
        set_nonblocking(from.as_fd())?;
        set_nonblocking(to.as_fd())?;
        Ok(Self {
            from: Some(from),
            to: Some(to),
            end,
            waiting: first,
            buffer: vec![0; CHUNK],
        })
    }

    fn is_over(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    fn wants(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match (&self.from, &self.to) {
            (_, Some(to)) if !self.waiting.is_empty() => Some((to.as_fd(), PollFlags::POLLOUT)),
            (Some(from), _) => Some((from.as_fd(), PollFlags::POLLIN)),
            (None, _) => None,
        }
    }

    fn step(&mut self) {
        if self.waiting.is_empty() || self.to.is_none() {
            self.take();
        }
        self.give();
        if self.from.is_none() && self.waiting.is_empty() {
            self.finish();
        }
    }

    fn take(&mut self) {
        let Some(from) = &self.from else { return };
        match read(from, &mut self.buffer) {
            Ok(0) => self.from = None,
            Ok(count) if self.to.is_some() => self.waiting.extend(&self.buffer[..count]),
            // Nobody listens any more: qrexec reads on and throws away.
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => self.from = None,
        }
    }

    fn give(&mut self) {
        let Some(to) = self.to.as_ref().filter(|_| !self.waiting.is_empty()) else {
            return;
        };
        match write(to, &self.waiting) {
            Ok(count) => drop(self.waiting.drain(..count)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => {
                self.waiting.clear();
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        let Some(to) = self.to.take() else { return };
        match self.end {
            // A peer that is gone already needs no shutdown.
            End::Shutdown => drop(shutdown(
                std::os::fd::AsRawFd::as_raw_fd(&to),
                Shutdown::Write,
            )),
            End::CloseAlso(descriptor) => drop(close(descriptor)),
            End::Close => {}
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// The moment to cut came first.
    Cut,
}

/// Runs both ways. With `exited` (readable once the service's process is gone) the call is over when that
/// process has ended and its output is delivered; without, when both ways are over.
///
/// # Errors
/// Polling fails.
pub fn run(
    mut to_service: Way,
    mut to_client: Way,
    mut exited: Option<OwnedFd>,
    cut: Option<Duration>,
) -> io::Result<Ended> {
    let has_process = exited.is_some();
    let cut_at = cut.map(|after| Instant::now() + after);
    loop {
        let process_gone = has_process && exited.is_none();
        if to_client.is_over() && (process_gone || (!has_process && to_service.is_over())) {
            return Ok(Ended::Done);
        }
        let ways = [
            to_service.wants().filter(|_| !process_gone),
            to_client.wants(),
        ];
        let watched = ways
            .iter()
            .flatten()
            .copied()
            .chain(exited.as_ref().map(|fd| (fd.as_fd(), PollFlags::POLLIN)));
        let mut fds: Vec<PollFd<'_>> = watched.map(|(fd, flags)| PollFd::new(fd, flags)).collect();
        if wait(&mut fds, cut_at)? {
            return Ok(Ended::Cut);
        }
        let mut ready = fds
            .iter()
            .map(|fd| fd.any().unwrap_or(true))
            .collect::<Vec<_>>()
            .into_iter();
        let stepped = ways.map(|way| way.is_some() && ready.next() == Some(true));
        let process_ended = exited.is_some() && ready.next() == Some(true);
        if stepped[0] {
            to_service.step();
        }
        if stepped[1] {
            to_client.step();
        }
        if process_ended {
            exited = None;
        }
    }
}

/// True when the moment to cut has come.
fn wait(fds: &mut [PollFd<'_>], cut_at: Option<Instant>) -> io::Result<bool> {
    let timeout = match cut_at.map(|at| at.saturating_duration_since(Instant::now())) {
        Some(left) if left.is_zero() => return Ok(true),
        Some(left) => PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
        None => PollTimeout::NONE,
    };
    match poll(fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
