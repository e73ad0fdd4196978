//! The one answer with which a client learns that there will be no stream: FAILURE. It goes on with its
//! other keys then; after a bare close, ssh would give up on the agent. A client that only asks for the keys
//! has nothing to go on with, and is told by a close: ssh-add says "communication with agent failed" then,
//! as it does with every other Split SSH, and "agent refused operation" only when the vault has refused.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use wire::limits::MAX_MESSAGE;

/// SSH_AGENT_FAILURE in its frame (RFC 9987).
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];
/// The length of SSH_AGENTC_REQUEST_IDENTITIES, which has no body.
const LIST_LENGTH: [u8; 4] = [0, 0, 0, 1];
/// The client has sent its request already, or most of it: no time for the slow.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the request that begins with these bytes asks for the keys. OpenSSH sends the length by itself, so that
/// it may be all that we have; other requests without a body are such that no vault grants.
pub fn is_list(first: &[u8]) -> bool {
    first.starts_with(&LIST_LENGTH)
}

/// Reads one whole request and answers it with FAILURE.
///
/// # Errors
/// The client sent no whole request in time, or does not read.
pub fn refuse_one_request(mut client: &UnixStream) -> io::Result<()> {
    take_one_request(client)?;
    client.write_all(&FAILURE)
}

/// Reads one whole request: closed with the request unread, the client would see a reset.
///
/// # Errors
/// The client sent no whole request in time.
pub fn take_one_request(client: &UnixStream) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    be_blocking(client)?;
    let mut length = [0; 4];
    read_exactly(client, &mut length, end)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_MESSAGE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    read_exactly(client, &mut vec![0; length], end)
}

/// Answers a request that a dead program has taken with it.
///
/// # Errors
/// The client does not read.
pub fn refuse_taken_request(mut client: &UnixStream) -> io::Result<()> {
    be_blocking(client)?;
    client.write_all(&FAILURE)
}

/// Whoever had the socket before us may have left it non-blocking.
fn be_blocking(client: &UnixStream) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_write_timeout(Some(PATIENCE))
}

fn read_exactly(mut client: &UnixStream, mut buffer: &mut [u8], end: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.set_read_timeout(Some(left))?;
        match client.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => buffer = buffer.get_mut(length..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
