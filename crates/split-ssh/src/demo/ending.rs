//! No process outlives the demo.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use common::error::Error;

const PAUSE: Duration = Duration::from_millis(5);
/// Between asking a program to end and making it.
const GRACE: Duration = Duration::from_secs(2);

/// What our programs leave behind becomes our child from now on, so that we find it.
pub fn adopt_orphans() -> Result<(), Error> {
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|error| Error::new(format!("cannot adopt orphaned processes: {error}")))
}

/// Ends our children, and theirs, which become ours.
pub fn end_all_children() {
    let began = Instant::now();
    loop {
        let signal = if began.elapsed() < GRACE {
            Signal::SIGTERM
        } else {
            Signal::SIGKILL
        };
        for child in children() {
            let _ = kill(child, signal);
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
        thread::sleep(PAUSE);
    }
}

fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let lists = threads.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .map(Pid::from_raw)
                .collect::<Vec<_>>()
        })
        .collect()
}
