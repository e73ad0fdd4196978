//! The policy and the known hosts that hold now.
//!
//! [`PolicyFiles::snapshot`] only gives what holds. One thread ([`reload`]) reads the files again when they
//! change, and only as they were saved whole: nobody has one open that has written to it, and none has changed
//! for [`store::SETTLE_TIME`]. Until then the last snapshot holds. Files that are whole and broken leave the last good policy in
//! force, loudly; without a good one everything is refused.

mod reload;
mod snapshot;
mod store;
mod writers;

pub use reload::Reloaded;
pub use snapshot::{BoundHost, PolicySnapshot};
pub use store::{CACHE_TIME, PolicyFiles};
