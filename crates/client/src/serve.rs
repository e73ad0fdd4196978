//! Accepts connections, each for a thread of its own, until told to stop.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::connection::{self, Vault};
use super::connection_table::ConnectionTable;
use super::listen::Listener;
use super::transport_process::set_nonblocking;
use common::wait;

/// A thread holds a few small structures; buffers are on the heap. In bytes.
const STACK: usize = 256 * 1024;
/// For connections to tell their clients and end their carriers once we stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// After the system had no descriptor or no thread for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The signals that we live by, as descriptors that become readable.
#[derive(Debug)]
pub struct Signals {
    stop: UnixStream,
    children: UnixStream,
}

impl Signals {
    /// From here on SIGTERM and SIGINT no longer end the process by themselves.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            stop: readable_on(&[SIGTERM, SIGINT])?,
            children: readable_on(&[SIGCHLD])?,
        })
    }

    fn clear_children(&self) {
        // One byte a signal; what is left wakes us again.
        let _ = io::Read::read(&mut &self.children, &mut [0; 256]);
    }
}

fn readable_on(signals: &[i32]) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    set_nonblocking(&ours)?;
    for signal in signals {
        pipe::register(*signal, OwnedFd::from(theirs.try_clone()?))?;
    }
    Ok(ours)
}

/// # Errors
/// The system has no descriptors left for us to begin with, or waiting itself fails.
pub fn until_told_to_stop(signals: &Signals, served: &[(Listener, Arc<Vault>)]) -> io::Result<()> {
    let table = ConnectionTable::new()?;
    let mut rest_until = None;
    loop {
        let is_resting = rest_until.is_some_and(|end| Instant::now() < end);
        let mut fds = vec![
            PollFd::new(signals.stop.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.children.as_fd(), PollFlags::POLLIN),
            PollFd::new(table.left.as_fd(), PollFlags::POLLIN),
        ];
        if !is_resting && !table.is_full() {
            fds.extend(
                served
                    .iter()
                    .map(|(listener, _)| PollFd::new(listener.socket.as_fd(), PollFlags::POLLIN)),
            );
        }
        wait::until(&mut fds, rest_until.filter(|_| is_resting))?;
        let ready: Vec<bool> = fds.iter().map(|fd| !wait::revents(fd).is_empty()).collect();
        drop(fds);
        if ready.first() == Some(&true) {
            return stop_all(&table, signals);
        }
        if ready.get(1) == Some(&true) {
            signals.clear_children();
            table.wake_all();
        }
        table.left.clear();
        let ready_listeners = served
            .iter()
            .zip(ready.iter().skip(3))
            .filter(|(_, ready)| **ready);
        for ((listener, vault), _) in ready_listeners {
            if let Err(error) = accept(listener, vault, &table) {
                if !matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) {
                    rest_until = Some(Instant::now() + ACCEPT_BACKOFF);
                }
            }
        }
    }
}

fn accept(listener: &Listener, vault: &Arc<Vault>, table: &Arc<ConnectionTable>) -> io::Result<()> {
    let (client, _) = listener.socket.accept()?;
    let handle = table.register()?;
    let vault = Arc::clone(vault);
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || connection::serve(&client, &vault, &handle))?;
    Ok(())
}

/// Asks every connection to end, and waits until all have.
fn stop_all(table: &ConnectionTable, signals: &Signals) -> io::Result<()> {
    let end = Instant::now() + SHUTDOWN_GRACE;
    table.ask_all_to_leave();
    while !table.is_empty() && Instant::now() < end {
        let mut fds = [
            PollFd::new(table.left.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.children.as_fd(), PollFlags::POLLIN),
        ];
        wait::until(&mut fds, Some(end))?;
        signals.clear_children();
        table.left.clear();
        table.wake_all();
    }
    Ok(())
}
