//! A keyring's agent as a systemd unit, `split-ssh-agent@KEYRING.service`. A packaged vault starts no
//! program itself: it names the keyring to a socket of root's (`split-ssh-keyring.socket`), behind which
//! the unit is started. What comes back is nothing, or what went wrong.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use policy::caller::Keyring;

use crate::error::Error;

/// systemd ends a unit that has not started after 90 s; an agent starts in milliseconds.
const START_TIME: Duration = Duration::from_secs(20);
/// What systemctl says of a failure is one or two lines, in bytes.
const MAX_SAID: u64 = 1024;

/// Whether agents are started by systemd here.
pub fn is_offered(socket: &Path) -> bool {
    socket.exists()
}

/// Returns once the agent's unit has been started.
///
/// # Errors
/// Nobody answers in time, or the unit does not start.
pub fn start(keyring: &Keyring, socket: &Path) -> Result<(), Error> {
    let hint = || format!("systemctl status split-ssh-agent@{keyring}.service");
    let said = ask(keyring, socket).map_err(|error| {
        Error::new(format!(
            "systemd was not reached at {} for the agent of keyring {keyring}: {error}",
            socket.display()
        ))
        .hint(hint())
    })?;
    match said.lines().next() {
        None => Ok(()),
        Some(line) => Err(Error::new(format!(
            "the agent of keyring {keyring} does not start: {line}"
        ))
        .hint(hint())),
    }
}

fn ask(keyring: &Keyring, socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(START_TIME))?;
    stream.set_write_timeout(Some(START_TIME))?;
    stream.write_all(format!("{keyring}\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut said = Vec::new();
    stream.take(MAX_SAID).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}
