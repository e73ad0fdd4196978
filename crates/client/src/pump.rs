//! Carries bytes both ways. Whoever carries them can still answer when nobody else will: qrexec-client-vm shuts the
//! socket that it is given before it ends. A client's end of input is held back while a reply is due: ssh-agent drops
//! the reply otherwise.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::connection_table::ConnectionHandle;
use super::due::Messages;
use super::transport_process::{TransportProcess, set_nonblocking};
use common::wait;

/// Bytes that wait in each direction at most; qrexec's own chunk.
const BUFFER: usize = 64 * 1024;
/// For what is still on its way when the vault, or what carries the stream, has ended.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// How the pumping ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The vault closed, and owed nothing.
    Complete,
    /// The vault closed without a byte, and a whole request is unanswered.
    Unanswered,
    /// The vault closed in the middle.
    Cut,
    /// The client closed, and nothing was due.
    ClientLeft,
    /// The client closed while a reply was due.
    GaveUp,
    MustLeave,
}

/// One direction: what has been read and not yet been written.
#[derive(Debug, Default)]
struct Flow {
    waiting: Vec<u8>,
    messages: Messages,
    /// The reading end has given all that it will give.
    ended: bool,
}

/// Pumps until the vault's side ends. `taken` bytes of the client's input, still to be read there,
/// have gone to the vault already.
///
/// # Errors
/// The client's socket failed.
pub fn pump(
    client: &UnixStream,
    taken: usize,
    to_vault: UnixStream,
    mut from_vault: impl Read + AsFd,
    mut process: Option<&mut TransportProcess>,
    handle: &ConnectionHandle,
) -> io::Result<Ending> {
    set_nonblocking(client)?;
    set_nonblocking(&to_vault)?;
    set_nonblocking(&from_vault)?;
    let mut to_vault = Some(to_vault);
    let (mut up, mut down) = (Flow::default(), Flow::default());
    skip_taken(client, taken, &mut up)?;
    let mut buffer = vec![0; BUFFER];
    let mut last_moment = None;
    loop {
        if handle.must_leave() {
            return Ok(Ending::MustLeave);
        }
        if down.ended && down.waiting.is_empty()
            || last_moment.is_some_and(|end| Instant::now() >= end)
        {
            return Ok(how_it_ended(&up, &down));
        }
        let is_due = up.is_ahead_of(&down);
        if up.ended && up.waiting.is_empty() && !is_due {
            close_for_writing(&mut to_vault);
        }

        let mut client_events = PollFlags::empty();
        client_events.set(PollFlags::POLLIN, !up.ended && up.waiting.is_empty());
        client_events.set(PollFlags::POLLOUT, !down.waiting.is_empty());
        let mut fds = vec![
            PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN),
            PollFd::new(client.as_fd(), client_events),
        ];
        if !down.ended && down.waiting.is_empty() {
            fds.push(PollFd::new(from_vault.as_fd(), PollFlags::POLLIN));
        }
        if let Some(to_vault) = to_vault.as_ref().filter(|_| !up.waiting.is_empty()) {
            fds.push(PollFd::new(to_vault.as_fd(), PollFlags::POLLOUT));
        }
        if let Some(stderr) = process.as_ref().and_then(|process| process.stderr.as_ref()) {
            fds.push(PollFd::new(stderr.as_fd(), PollFlags::POLLIN));
        }
        wait::until(&mut fds, last_moment)?;
        let client_said = wait::revents(&fds[1]);
        drop(fds);
        handle.wake().clear();

        if client_said.contains(PollFlags::POLLHUP) {
            return Ok(up.left_by_client(&down));
        }
        read_into(&mut up, &mut &*client, &mut buffer)?;
        let vault_failed = read_into(&mut down, &mut from_vault, &mut buffer).is_err();
        down.ended |= vault_failed;
        if let Some(to_vault) = &mut to_vault {
            if write_from(&mut up, to_vault).is_err() {
                up.waiting.clear(); // nobody reads; what the vault still says counts
                up.ended = true;
            }
        }
        if write_from(&mut down, &mut &*client).is_err() {
            return Ok(up.left_by_client(&down));
        }
        let carrier_ended = process.as_mut().is_some_and(|process| {
            process.listen();
            process.ended().is_some()
        });
        if (down.ended || carrier_ended) && last_moment.is_none() {
            last_moment = Some(Instant::now() + LAST_BYTES);
        }
    }
}

impl Flow {
    /// A reply is due to what this flow brought.
    fn is_ahead_of(&self, replies: &Self) -> bool {
        self.messages.whole() > replies.messages.whole()
    }

    fn left_by_client(&self, replies: &Self) -> Ending {
        if self.is_ahead_of(replies) {
            Ending::GaveUp
        } else {
            Ending::ClientLeft
        }
    }
}

fn how_it_ended(up: &Flow, down: &Flow) -> Ending {
    let is_due = up.is_ahead_of(down);
    match () {
        () if !down.waiting.is_empty() || !down.messages.at_boundary() => Ending::Cut,
        () if is_due && down.messages.whole() == 0 => Ending::Unanswered,
        () if is_due => Ending::Cut,
        () => Ending::Complete,
    }
}

fn skip_taken(mut client: &UnixStream, taken: usize, up: &mut Flow) -> io::Result<()> {
    let mut copy = vec![0; taken];
    client.read_exact(&mut copy)?; // looked at before: it is there
    up.messages.pass(&copy);
    Ok(())
}

fn close_for_writing(to_vault: &mut Option<UnixStream>) {
    if let Some(to_vault) = to_vault.take() {
        // Fails only when the other side is gone.
        let _ = to_vault.shutdown(Shutdown::Write);
    }
}

/// Reads what is there, if the flow has room.
fn read_into(flow: &mut Flow, from: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
    if flow.ended || !flow.waiting.is_empty() {
        return Ok(());
    }
    match from.read(buffer) {
        Ok(0) => flow.ended = true,
        Ok(length) => {
            let read = buffer.get(..length).unwrap_or_default();
            flow.messages.pass(read);
            flow.waiting.extend_from_slice(read);
        }
        Err(error) if is_not_now(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Writes what the other side takes now.
fn write_from(flow: &mut Flow, to: &mut impl Write) -> io::Result<()> {
    if flow.waiting.is_empty() {
        return Ok(());
    }
    match to.write(&flow.waiting) {
        Ok(length) => drop(flow.waiting.drain(..length)),
        Err(error) if is_not_now(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
