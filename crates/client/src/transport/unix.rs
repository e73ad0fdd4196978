//! A vault on this machine, reached as qrexec-agent would reach it: header, then agent protocol.

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect as connect_to, socket,
};

use common::service::SERVICE;

/// Between two attempts at a vault whose queue is full.
const PAUSE: Duration = Duration::from_millis(20);

pub fn connect(path: &Path, argument: &str, end: Instant) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let address = UnixAddr::new(path)?;
    let ours = loop {
        let ours = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        match connect_to(ours.as_raw_fd(), &address) {
            Ok(()) => break UnixStream::from(ours),
            Err(Errno::EAGAIN) if Instant::now() < end => thread::sleep(PAUSE),
            Err(errno) => return Err(errno.into()),
        }
    };
    let uid = nix::unistd::getuid();
    let header = format!("{SERVICE}+{argument} local:{uid}\0");
    (&ours).write_all(header.as_bytes())?; // the first bytes on a new socket always fit
    Ok(ours)
}
