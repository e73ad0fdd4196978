//! Waiting for a condition, never for a time.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine with two cores; a test that needs it all has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// Asks `ready` until it has an answer.
///
/// # Panics
/// After [`DEADLINE`], saying `what` did not happen.
pub fn wait_for<T>(what: &str, ready: impl FnMut() -> Option<T>) -> T {
    wait_at_most(DEADLINE, ready).unwrap_or_else(|| panic!("timed out waiting for {what}"))
}

/// Asks `ready` until it has an answer; `None` if it has none in time.
pub fn wait_at_most<T>(patience: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        let answer = ready();
        if answer.is_some() || Instant::now() >= end {
            return answer;
        }
        thread::sleep(PAUSE);
    }
}

/// Waits until a unix socket accepts connections.
pub fn wait_for_socket(path: &Path) {
    wait_for(&format!("socket {}", path.display()), || {
        std::os::unix::net::UnixStream::connect(path).ok()
    });
}

/// Waits until somebody listens at a unix socket, without connecting to it.
pub fn wait_for_listener(path: &Path) {
    /// `__SO_ACCEPTCON`, as /proc/net/unix prints it.
    const LISTENS: &str = " 00010000 ";
    let path = path.to_str().expect("a test's path is text");
    wait_for(&format!("a listener at {path}"), || {
        let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
        sockets
            .lines()
            .any(|line| line.ends_with(path) && line.contains(LISTENS))
            .then_some(())
    });
}
