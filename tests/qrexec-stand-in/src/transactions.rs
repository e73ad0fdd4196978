//! xenstored of R4.3 allows ten transactions of one qube at once, and setting up a stream takes one. What is more
//! fails cleanly, in `libvchan_server_init`.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

const MOST: usize = 10;

/// One transaction; ends when dropped.
#[derive(Debug)]
pub struct Transaction {
    _lock: Flock<File>,
}

/// `None` if the qube `source` has as many as it may.
///
/// # Errors
/// The files in `directory` that count them cannot be made.
pub fn begin(directory: &Path, source: &str, length: Duration) -> io::Result<Option<Transaction>> {
    for number in 0..MOST {
        // No folder: under a caller's umask of 177 nobody but root could use it.
        let path = directory.join(format!("transaction-{source}-{number}"));
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                thread::sleep(length);
                return Ok(Some(Transaction { _lock: lock }));
            }
            Err((_, Errno::EWOULDBLOCK)) => {}
            Err((_, errno)) => return Err(errno.into()),
        }
    }
    Ok(None)
}
