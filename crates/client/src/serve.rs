//! Accepts connections until told to stop. One that says something gets a thread of its own.

use std::io;
use std::iter;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::connection_table::{ConnectionHandle, ConnectionTable};
use super::listen::Listener;
use super::transport_process::set_nonblocking;
use super::vault::Vault;
use common::wait;
use common::workers::Workers;

/// A thread holds a few small structures; buffers are on the heap. In bytes.
const STACK: usize = 256 * 1024;
/// Connections that may be served at once: five times what a qube was seen to open in a burst. Each costs two file
/// descriptors and a thread.
const MAX_CONNECTIONS: usize = 1024;
/// Connections that have said nothing yet. When there are more, the oldest is closed.
const MAX_SILENT: usize = 1024;
/// Accepted at once from one socket, before others get their turn.
const MAX_ACCEPTED: usize = 64;
/// Shutdown grace: connections tell their programs, and end their transport processes.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// Between two writes of what is no failure to the status files.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);
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

/// What serves the connections of a socket.
pub type Door = Arc<dyn Fn(UnixStream, &ConnectionHandle) + Send + Sync>;

/// A connection that has said nothing yet, and what it is for.
type Silent = (UnixStream, Door);

/// Two for each connection that speaks, one for each silent one, and some for each call.
const MAX_DESCRIPTORS: u64 = 4096;

/// Lets us have as many descriptors as all connections need, as far as the system's hard limit goes.
fn raise_descriptor_limit() {
    // Without it fewer connections are served at once.
    let _ = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        let wanted = MAX_DESCRIPTORS.min(hard).max(soft);
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
    });
}

/// # Errors
/// The system has no descriptors left for us to begin with, or waiting itself fails.
pub fn until_told_to_stop(
    signals: &Signals,
    vaults: &[Arc<Vault>],
    served: &[(Listener, Door)],
) -> io::Result<()> {
    raise_descriptor_limit();
    let refresh_all = || vaults.iter().for_each(|vault| vault.refresh_status());
    let table = ConnectionTable::new()?;
    let workers = Workers::with_stack(STACK);
    let mut silent: Vec<Silent> = Vec::new();
    let mut rest_until: Option<Instant> = None;
    let mut refresh_at: Option<Instant> = None;
    loop {
        rest_until = rest_until.filter(|end| Instant::now() < *end);
        let mut fds = vec![
            signals.stop.as_fd(),
            signals.children.as_fd(),
            table.left.as_fd(),
        ];
        if rest_until.is_none() && table.open() < MAX_CONNECTIONS {
            fds.extend(silent.iter().map(|(socket, _)| socket.as_fd()));
            fds.extend(served.iter().map(|(listener, _)| listener.socket.as_fd()));
        }
        let fds = fds.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let mut fds: Vec<PollFd<'_>> = fds.collect();
        for vault in vaults {
            vault.asking.tell(&vault.config.name);
        }
        let due = vaults.iter().filter_map(|vault| vault.asking.due()).min();
        let until = [rest_until, refresh_at, due].into_iter().flatten().min();
        let is_timeout = !wait::until(&mut fds, until)?;
        let ready: Vec<bool> = fds.iter().map(|fd| !wait::revents(fd).is_empty()).collect();
        let mut ready = ready.into_iter();
        if ready.next() == Some(true) {
            drop(silent);
            refresh_all();
            return stop_all(&table, signals);
        }
        if ready.next() == Some(true) {
            signals.clear_children();
            table.wake_all();
        }
        if ready.next() == Some(true) {
            table.left.clear();
        }
        if is_timeout || refresh_at.is_some_and(|at| Instant::now() >= at) {
            refresh_all();
            refresh_at = None;
        } else {
            refresh_at.get_or_insert_with(|| Instant::now() + REFRESH_PAUSE);
        }
        let mut result = start_all(&mut silent, &mut ready, &table, &workers);
        for ((listener, door), is_ready) in served.iter().zip(ready) {
            if is_ready {
                result = result.and(accept(listener, door, &mut silent));
            }
        }
        if result.is_err() {
            rest_until = Some(Instant::now() + ACCEPT_BACKOFF);
        }
    }
}

fn accept(listener: &Listener, door: &Door, silent: &mut Vec<Silent>) -> io::Result<()> {
    for _ in 0..MAX_ACCEPTED {
        match listener.socket.accept() {
            Ok((socket, _)) => silent.push((socket, Arc::clone(door))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Has a thread serve each connection that has said something, or has been closed.
fn start_all(
    silent: &mut Vec<Silent>,
    ready: impl Iterator<Item = bool>,
    table: &Arc<ConnectionTable>,
    workers: &Workers,
) -> io::Result<()> {
    let mut result = Ok(());
    let all = std::mem::take(silent).into_iter();
    for ((socket, door), is_ready) in all.zip(ready.chain(iter::repeat(false))) {
        if is_ready && result.is_ok() && table.open() < MAX_CONNECTIONS {
            let handle = table.register();
            result = handle.and_then(|handle| workers.run(move || door(socket, &handle)));
        } else {
            silent.push((socket, door));
        }
    }
    let surplus = silent.len().saturating_sub(MAX_SILENT);
    silent.drain(..surplus);
    result
}

/// Asks every connection to end, and waits until all have.
fn stop_all(table: &ConnectionTable, signals: &Signals) -> io::Result<()> {
    let end = Instant::now() + SHUTDOWN_GRACE;
    table.ask_all_to_leave();
    while table.open() > 0 && Instant::now() < end {
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
