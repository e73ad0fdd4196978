//! Cores that do not sleep. A virtual machine's core takes tens of microseconds to wake up, and a request through us wakes
//! threads more often than one to the agent itself: with AWAKE in the environment that is not measured.

use std::process::{Child, Command, Stdio};
use std::thread;

/// Loops that run where nothing else wants to.
pub struct Awake(Vec<Child>);

impl Awake {
    /// Keeps every core awake, if that is wanted.
    pub fn if_wanted() -> Self {
        let cores = match std::env::var_os("AWAKE") {
            Some(_) => thread::available_parallelism().map_or(1, usize::from),
            None => 0,
        };
        let spin = |_| {
            let mut chrt = Command::new("chrt");
            // It ends when we have.
            chrt.args(["--idle", "0", "sh", "-c", "while kill -0 $PPID; do :; done"]);
            chrt.stdin(Stdio::null()).stderr(Stdio::null());
            chrt.spawn().expect("chrt, of util-linux")
        };
        Self((0..cores).map(spin).collect())
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill().and_then(|()| child.wait().map(drop)); // it may have ended
        }
    }
}
