//! Our dialog as a child process, where no socket unit of the session starts it.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use super::conversation;
use super::outcome::{NotShown, PromptAttempt, PromptContext};
use super::running::Running;
use super::session::Environment;

/// Starts the dialog and asks.
pub(super) fn by_child(
    asking: &PromptContext<'_>,
    program: &Path,
    environment: &Environment,
) -> PromptAttempt {
    match start::<&str>(program, &[], environment) {
        Ok((_running, stream)) => conversation::converse(asking, &stream),
        Err(error) => PromptAttempt::NotShown(NotShown::Failed(error.to_string())),
    }
}

/// Starts a program that shows something, with a stream to its stdin and from its stdout.
pub(super) fn start<A: AsRef<OsStr>>(
    program: &Path,
    arguments: &[A],
    environment: &Environment,
) -> std::io::Result<(Running, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::from(theirs.try_clone()?))
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::null())
        .spawn()?;
    Ok((Running(child), ours))
}
