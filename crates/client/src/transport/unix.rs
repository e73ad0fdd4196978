//! A vault on this machine, reached as qrexec-agent would reach it: header, then agent protocol.

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect as connect_to, socket,
};

use crate::connection_table::Watcher;
use crate::status::outcome::CallOutcome;
use common::service::SERVICE;

/// Between two attempts at a vault whose queue is full.
const PAUSE: Duration = Duration::from_millis(20);

pub fn connect(
    path: &Path,
    argument: &str,
    watcher: &Watcher<'_>,
    end: Instant,
) -> Result<UnixStream, CallOutcome> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let address = UnixAddr::new(path).map_err(io::Error::from)?;
    let ours = loop {
        let ours = socket(AddressFamily::Unix, SockType::Stream, flags, None);
        let ours = ours.map_err(io::Error::from)?;
        match connect_to(ours.as_raw_fd(), &address) {
            Ok(()) => break UnixStream::from(ours),
            Err(Errno::EAGAIN) if Instant::now() < end => {
                watcher.wait([], Some(Instant::now() + PAUSE))?;
            }
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
    };
    let uid = nix::unistd::getuid();
    let header = format!("{SERVICE}+{argument} local:{uid}\0");
    (&ours).write_all(header.as_bytes())?; // the first bytes on a new socket always fit
    Ok(ours)
}
