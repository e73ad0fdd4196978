//! Processes that do not outlive their use.

use std::process::Child;

/// A process that ends with this value, whatever it shows.
pub struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
