//! Our dialog as a child process, where no socket unit of the session starts it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use super::session::{Environment, Running};

/// Starts a program that shows something, with a stream to its stdin and from its stdout.
pub(super) fn start(
    program: &Path,
    flag: Option<&str>,
    environment: &Environment,
) -> std::io::Result<(Running, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    let child = Command::new(program)
        .args(flag)
        .env_clear()
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::from(theirs.try_clone()?))
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::null())
        .spawn()?;
    Ok((Running(child), ours))
}
