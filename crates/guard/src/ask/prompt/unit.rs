//! Prompters that the session's systemd starts: a socket unit for each use of `split-ssh-prompt`, a process for each
//! connection. A packaged vault may start no program itself.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use common::wait;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Uid;

/// What a prompter is for, as its socket in `$XDG_RUNTIME_DIR` is called.
pub(super) const QUESTION: &str = "split-ssh-prompt.sock";
pub(super) const PASSPHRASE: &str = "split-ssh-prompt-passphrase.sock";
pub(super) const NOTIFICATION: &str = "split-ssh-prompt-notify.sock";
pub const LOCK: &str = "split-ssh-prompt-lock.sock";

/// systemd accepts at once.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// A stream to a prompter of its own.
///
/// # Errors
/// Nobody listens, or somebody else does; the reason for people.
pub(super) fn connect(socket: &Path) -> Result<UnixStream, String> {
    let stream = wait::connected(socket, Some(CONNECT_TIME))
        .map_err(|error| format!("{}: {error}", socket.display()))?;
    match getsockopt(&stream, sockopt::PeerCredentials) {
        Ok(peer) if peer.uid() == Uid::current().as_raw() => Ok(stream),
        _ => Err(format!("{} belongs to somebody else", socket.display())),
    }
}
