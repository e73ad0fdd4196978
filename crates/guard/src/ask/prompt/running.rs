//! Processes that do not outlive their use.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// A process that ends with this value, whatever it shows.
pub struct Running(pub(super) Child);

impl Running {
    /// Waits for its end, but no longer than until then.
    pub(super) fn wait_until(&mut self, until: Instant) {
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < until {
            // The system tells of a child's end by a signal only, and signals are others' here.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
