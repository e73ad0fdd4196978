//! Programs that run beside the demo, and waiting for what they do.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::error::Error;

/// Far more than any step takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// A program that runs beside us.
#[derive(Debug)]
pub struct Running {
    pub(super) child: Child,
    /// The file that its output goes to.
    pub(super) log: PathBuf,
    pub(super) name: String,
}

impl Running {
    /// What it has written so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> Result<std::process::ExitStatus, Error> {
        wait_for(&format!("the end of {}", self.name), patience, || {
            self.child.try_wait().ok().flatten()
        })
    }

    /// Waits until `ready`, or says why the program ended before.
    pub fn wait_until(&mut self, what: &str, ready: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let ended = wait_for(what, PATIENCE, || {
            if ready(self) {
                Some(false)
            } else {
                (!self.runs()).then_some(true)
            }
        })?;
        if ended {
            let said = self.said().trim().to_owned();
            return Err(Error::new(format!("{} ended: {said}", self.name)));
        }
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub fn stop(&mut self) -> Result<(), Error> {
        if self.runs() {
            let pid = i32::try_from(self.child.id()).map_err(|_| Error::new("no such process"))?;
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            self.wait(PATIENCE)?;
        }
        Ok(())
    }
}

/// Asks `ready` until it has an answer.
pub fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<T, Error> {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = ready() {
            return Ok(answer);
        }
        if Instant::now() >= end {
            return Err(Error::new(format!("waited too long for {what}")));
        }
        thread::sleep(PAUSE);
    }
}
