//! An ssh-agent of our own for a keyring, started and stopped with us, with the keys of
//! `~/.ssh/identities.d/KEYRING/` (as in the official package).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::error::Error;
use common::own_socket::{self, Hints};
use common::wait;

/// An ssh-agent binds its socket within milliseconds; a loaded machine gets more.
const START_TIME: Duration = Duration::from_secs(10);
/// New connections of all keyrings wait while one's agent is looked for.
const LOOK_TIME: Duration = Duration::from_millis(1);
const HINTS: Hints = Hints {
    in_use: "if it is the agent of this keyring, name it in vault.toml",
    elsewhere: "start the vault with another --runtime-dir",
};

/// A running agent; dropping it ends it.
#[derive(Debug)]
pub struct OwnAgent {
    child: Child,
    socket: PathBuf,
}

impl OwnAgent {
    /// Starts an agent on `socket`, whose folder is made if it is not there.
    ///
    /// # Errors
    /// ssh-agent is missing, does not start, or something that is no dead socket is in the way.
    pub fn start(socket: &Path) -> Result<Self, Error> {
        own_socket::make_room(socket, HINTS)?;
        let child = command(socket).spawn().map_err(|error| {
            Error::new(format!("cannot start ssh-agent: {error}"))
                .hint("install OpenSSH's client programs (openssh-client)")
        })?;
        let mut agent = Self {
            child,
            socket: socket.to_owned(),
        };
        let until = Instant::now() + START_TIME;
        while !is_alive(socket) {
            if !agent.is_running() || Instant::now() > until {
                let socket = socket.display();
                return Err(Error::new(format!("ssh-agent did not start on {socket}")));
            }
            // ssh-agent has no way to tell that it listens.
            thread::sleep(Duration::from_millis(5));
        }
        Ok(agent)
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for OwnAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.socket);
    }
}

/// setpriv (util-linux) ends the agent with us however we end; without it a SIGKILL would leave it. The
/// kernel forgets that wish for a program with more rights than its starter (`prctl(2)`), and Debian's
/// ssh-agent would get a group of its own, against tracers that it keeps out by itself as well.
fn command(socket: &Path) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut command = if setpriv.exists() {
        let mut command = Command::new(setpriv);
        command.args(["--no-new-privs", "--pdeathsig", "TERM", "--", "ssh-agent"]);
        command
    } else {
        Command::new("ssh-agent")
    };
    command.args(["-D", "-a"]).arg(socket);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Whether somebody listens on `socket`, also an agent that is stopped or busy, whose queue is full.
pub fn is_alive(socket: &Path) -> bool {
    let is_full = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
    wait::connected(socket, Some(LOOK_TIME)).map_or_else(is_full, |_| true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn an_agent_whose_queue_is_full_is_alive() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        assert!(!is_alive(&socket));
        let listener = UnixListener::bind(&socket).unwrap();
        let connect = || wait::connected(&socket, Some(LOOK_TIME)).ok();
        let queued: Vec<_> = std::iter::from_fn(connect).collect();
        assert!(!queued.is_empty() && is_alive(&socket));
        drop(listener);
        assert!(!is_alive(&socket));
    }
}
