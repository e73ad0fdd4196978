//! A keyring's agent as a systemd unit, `split-ssh-agent@KEYRING.service`. A packaged vault starts no
//! program itself: it names the keyring to a socket of root's (`split-ssh-keyring.socket`), behind which
//! the unit is started. What comes back is nothing, or what went wrong.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;

use policy::caller::Keyring;

use crate::error::Error;
use crate::wait;

/// systemd ends a unit that has not started after 90 s; an agent starts in milliseconds.
const START_TIME: Duration = Duration::from_secs(20);
/// What systemctl says of a failure is one or two lines, in bytes.
const MAX_MESSAGE: u64 = 1024;

/// Whether agents are started by systemd here.
pub fn is_offered(socket: &Path) -> bool {
    socket.exists()
}

/// Returns once the agent's unit has been started.
///
/// # Errors
/// Nobody answers in time, or the unit does not start.
pub fn start(keyring: &Keyring, socket: &Path) -> Result<(), Error> {
    let hint = || format!("`systemctl status split-ssh-agent@{keyring}.service` shows why");
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
    let mut stream = wait::connected(socket, Some(START_TIME))?;
    stream.set_read_timeout(Some(START_TIME))?;
    stream.write_all(format!("{keyring}\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut said = Vec::new();
    stream.take(MAX_MESSAGE).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What comes of a start behind whose socket somebody says `answer`, and what they were told.
    fn start_and_hear(answer: &'static str) -> (Result<(), Error>, String) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("keyring.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        assert!(is_offered(&socket));
        let root = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut told = String::new();
            io::BufReader::new(&stream).read_line(&mut told).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            told
        });
        let keyring = Keyring::from_argument("work").unwrap();
        let result = start(&keyring, &socket);
        (result, root.join().unwrap())
    }

    #[test]
    fn silence_is_success() {
        let (result, told) = start_and_hear("");
        result.unwrap();
        assert_eq!(told, "work\n");
    }

    #[test]
    fn what_systemd_says_is_the_error() {
        let (result, _) = start_and_hear("Unit is masked.\nand more\n");
        let said = result.unwrap_err().to_string();
        assert!(
            said.contains("does not start: Unit is masked.")
                && said.contains("split-ssh-agent@work"),
            "{said}"
        );
    }

    #[test]
    fn nobody_there_is_an_error_and_no_offer() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("keyring.sock");
        assert!(!is_offered(&socket));
        let keyring = Keyring::from_argument("work").unwrap();
        assert!(start(&keyring, &socket).is_err());
    }
}
