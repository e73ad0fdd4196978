//! A command that carries the agent protocol on its stdin and stdout, such as
//! `ssh vault-host split-ssh vault --stdio --from NAME`.
//!
//! It never gets the client's socket itself: with one socket as stdin and stdout, a command that
//! ends its output but not itself (ncat does, when the far end has died) could not be noticed.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use super::stream::Stream;
use crate::transport_process::TransportProcess;

pub fn start(program: &str, arguments: &[String], first: &[u8]) -> io::Result<Stream> {
    let mut command = Command::new(program);
    command.args(arguments);
    start_piped(&mut command, first)
}

/// Starts `command` with a socket pair as stdin, because there we can see whether it has read,
/// and a pipe as stdout, because there we can see that it has closed. `first` waits for it.
pub fn start_piped(command: &mut Command, first: &[u8]) -> io::Result<Stream> {
    let (mut to_stdin, its_stdin) = UnixStream::pair()?;
    to_stdin.write_all(first)?; // few enough bytes to fit into any socket's buffer
    command
        .stdin(OwnedFd::from(its_stdin.try_clone()?))
        .stdout(Stdio::piped());
    let mut process = TransportProcess::start(command)?;
    let from_stdout = process.take_stdout().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok(Stream::Piped {
        process,
        to_stdin,
        its_stdin,
        from_stdout,
    })
}
