//! What the daemon asks of the system for its own process.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use common::config::vault::Limits;
use common::error::Error;

/// Passphrases pass through our memory: no crash leaves it on a disk, and no other program of the same
/// user reads it (`proc(5)`, `ptrace(2)`).
pub fn close_memory() -> Result<(), Error> {
    let cannot = |what: &str, errno: Errno| Error::new(format!("cannot {what}: {errno}"));
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|errno| cannot("forbid core dumps", errno))?;
    prctl::set_dumpable(false).map_err(|errno| cannot("keep debuggers out", errno))
}

/// Room for all streams at once, each with the agent's end and, while a person is asked, the two that wake
/// it; the usual 1024 are met before. Where the system grants no more, the last streams are refused.
pub fn make_room(limits: &Limits) {
    const DESCRIPTORS_PER_STREAM: u64 = 4;
    const OTHER_DESCRIPTORS: u64 = 256;
    let streams = u64::try_from(limits.streams).unwrap_or(u64::MAX);
    let needed = streams
        .saturating_mul(DESCRIPTORS_PER_STREAM)
        .saturating_add(OTHER_DESCRIPTORS);
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        if soft < needed {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard);
        }
    }
}
