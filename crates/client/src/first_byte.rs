//! A stream is opened on the client's first byte, not on connect: `ssh -A` probes the agent with
//! connections that never say a word, and each call may cost the person a prompt in dom0.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{MsgFlags, recv};

use super::connection_table::ConnectionHandle;
use common::wait;

/// Bytes that we look at before anything reads them: more than any list or bind request, and less
/// than any socket's buffer, so that they can be copied without waiting.
pub const MAX_FIRST_BYTES: usize = 4096;

/// Waits for the client's first bytes, and looks at them without taking them.
/// `None`: it closed without a word, or was asked to leave.
///
/// # Errors
/// The socket failed.
pub fn wait_for(client: &UnixStream, handle: &ConnectionHandle) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut fds = [
            PollFd::new(client.as_fd(), PollFlags::POLLIN),
            PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN),
        ];
        wait::until(&mut fds, None)?;
        if !wait::revents(&fds[0]).is_empty() {
            let first = look(client)?;
            handle.has_spoken();
            return Ok(Some(first).filter(|first| !first.is_empty()));
        }
        handle.wake().clear();
        if handle.must_leave() {
            return Ok(None);
        }
    }
}

/// True while the reader of `socket` has taken none of `first`, which stood at its front. (A client
/// that sends the same request twice without waiting can make a taken one look untaken; it is then
/// refused once more, which is no answer that it had not been given a chance to wait for.)
pub fn is_unread(socket: &UnixStream, first: &[u8]) -> bool {
    look(socket).is_ok_and(|now| now.starts_with(first))
}

fn look(socket: &UnixStream) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; MAX_FIRST_BYTES];
    match recv(
        socket.as_raw_fd(),
        &mut buffer,
        MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT,
    ) {
        Ok(length) => buffer.truncate(length),
        Err(nix::errno::Errno::EAGAIN) => buffer.clear(),
        Err(errno) => return Err(errno.into()),
    }
    Ok(buffer)
}
