//! A program that carries one stream: started in a process group of its own, so that it ends with
//! all that it started, and listened to on stderr, where it says why it failed.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// Bytes of stderr that we keep, the last ones. A vault's service can write there what it likes.
const MAX_SAID: usize = 1024;

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct TransportProcess {
    child: Child,
    /// `None` once the program has closed it.
    pub stderr: Option<ChildStderr>,
    said: Vec<u8>,
    ended: Option<ExitStatus>,
}

impl TransportProcess {
    /// Starts `command` with its stderr coming to us. The caller has chosen stdin and stdout.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stderr(Stdio::piped())
            .process_group(0)
            .env_remove("LISTEN_FDNAMES") // what socket activation told us is not for our children
            .spawn()?;
        let stderr = child.stderr.take();
        let process = Self {
            child,
            stderr,
            said: Vec::new(),
            ended: None,
        };
        if let Some(stderr) = &process.stderr {
            set_nonblocking(stderr)?;
        }
        Ok(process)
    }

    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its end, if it has come, without waiting. What it left behind in its process group is
    /// killed before the group's number is free for others.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() && self.is_waitable() {
            self.kill();
        }
        self.ended
    }

    /// Kills it and all that it started.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            // Fails when nobody is left, which is what we want.
            let _ = killpg(self.pid(), Signal::SIGKILL);
            self.ended = Some(self.child.wait().unwrap_or(ExitStatus::from_raw(0)));
            self.listen();
        }
    }

    /// What it has said on stderr since we last listened is kept; `said` tells.
    pub fn listen(&mut self) {
        let Some(stderr) = &mut self.stderr else {
            return;
        };
        let mut buffer = [0; MAX_SAID];
        loop {
            match stderr.read(&mut buffer) {
                Ok(0) => break self.stderr = None,
                Ok(length) => self.said.extend(buffer.iter().take(length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => break self.stderr = None,
            }
            let surplus = self.said.len().saturating_sub(MAX_SAID);
            self.said.drain(..surplus);
        }
    }

    /// The last line on stderr that is not empty. It may come from the other side: not for a screen
    /// as it is.
    pub fn untrusted_last_line(&mut self) -> String {
        self.listen();
        let text = String::from_utf8_lossy(&self.said);
        text.lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .unwrap_or_default()
            .to_owned()
    }

    fn is_waitable(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        !matches!(
            waitid(Id::Pid(self.pid()), flags),
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR)
        )
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }
}

impl Drop for TransportProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// # Errors
/// As `fcntl(2)`.
pub fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL)?);
    fcntl(fd.as_fd(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
