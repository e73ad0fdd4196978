//! The only place that asks the system for the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Zoned;
use nix::time::{ClockId, clock_gettime};
use policy::facts::Moment;

/// The current time, by every clock that decisions use.
pub fn now() -> Moment {
    let local = Zoned::now();
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    Moment {
        unix: since_1970().as_secs(),
        local_minute: u16::try_from(minute).unwrap_or(0),
        boot: boot_seconds(),
    }
}

/// Since 1970-01-01T00:00:00Z; zero for a clock set before that.
pub fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Seconds since boot, time in suspend included. Without such a clock it is the largest number, by which every
/// remembered answer has expired.
fn boot_seconds() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .ok()
        .and_then(|time| u64::try_from(time.tv_sec()).ok())
        .unwrap_or(u64::MAX)
}
