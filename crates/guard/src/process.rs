//! What the daemon asks of the system for its own process.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::intake::call::most_carried;
use common::config::vault::VaultConfig;
use common::error::Error;

/// Passphrases pass through our memory: no crash leaves it on a disk, and no other program of the same
/// user reads it (`proc(5)`, `ptrace(2)`).
pub fn close_memory() -> Result<(), Error> {
    let cannot = |what: &str, errno: Errno| Error::new(format!("cannot {what}: {errno}"));
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|errno| cannot("forbid core dumps", errno))?;
    prctl::set_dumpable(false).map_err(|errno| cannot("keep debuggers out", errno))
}

/// Room for all streams and carried connections at once, each with the agent's end and, while a person is asked, the two
/// that wake it; the usual 1024 are met before. Where the system grants no more, the last ones are refused.
pub fn make_room(config: &VaultConfig) {
    const DESCRIPTORS_PER_STREAM: u64 = 4;
    const OTHER_DESCRIPTORS: u64 = 256;
    let carried = match config.carry.qubes.as_slice() {
        [] => 0,
        _ => most_carried(&config.carry),
    };
    let streams = config.limits.streams.saturating_add(carried);
    let streams = u64::try_from(streams).unwrap_or(u64::MAX);
    let needed = streams
        .saturating_mul(DESCRIPTORS_PER_STREAM)
        .saturating_add(OTHER_DESCRIPTORS);
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        if soft < needed {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard);
        }
    }
}
