//! A record's time as people read it.

use jiff::tz::TimeZone;
use policy::record::Timestamp;

/// The time on the wall.
pub(crate) fn local(time: Timestamp) -> String {
    let ms = i64::try_from(time.unix_ms()).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(instant) => instant
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => time.to_string(),
    }
}
