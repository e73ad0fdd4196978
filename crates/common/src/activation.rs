//! Listening sockets that systemd, or another socket activator, made for us
//! (`sd_listen_fds(3)`: `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`).

use std::io;
use std::os::unix::net::UnixListener;

/// The vault's two, and more sandboxes than a session has; bounds what a wrong `LISTEN_FDS` can cost.
const MAX_SOCKETS: usize = 130;

/// A socket that we were started with.
#[derive(Debug)]
pub struct Activated {
    /// `FileDescriptorName=` of the socket unit; empty if it gave none.
    pub name: String,
    pub listener: UnixListener,
}

/// Takes over the listening sockets that were passed to this very process; none if it was started
/// in another way. Call it once, before any thread is started: it removes the variables from the
/// environment, so that our children do not take our sockets for theirs.
///
/// # Errors
/// Something was passed that is no listening unix stream socket.
pub fn listeners() -> io::Result<Vec<Activated>> {
    let pid = std::env::var("LISTEN_PID").unwrap_or_default();
    let count = std::env::var("LISTEN_FDS").unwrap_or_default();
    if pid != std::process::id().to_string() {
        return Ok(Vec::new());
    }
    if !count
        .parse::<usize>()
        .is_ok_and(|count| count <= MAX_SOCKETS)
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`LISTEN_FDS` is not a count up to {MAX_SOCKETS}"),
        ));
    }
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = listenfd::ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        if let Some(listener) = passed.take_unix_listener(index)? {
            sockets.push(Activated {
                name: names.next().unwrap_or_default().to_owned(),
                listener,
            });
        }
    }
    Ok(sockets)
}
