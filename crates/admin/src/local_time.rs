//! Times as people read them: those of the clock on their wall.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use policy::display;

/// Characters of a text that is no time.
const LONGEST_TEXT: usize = 40;

/// `2026-11-21 19:30:00`; `None` for what no calendar has.
fn shown(time: Result<Timestamp, jiff::Error>) -> Option<String> {
    let zoned = time.ok()?.to_zoned(TimeZone::system());
    Some(zoned.strftime("%F %T").to_string())
}

/// Of seconds since 1970.
pub fn of_seconds(unix: u64) -> String {
    let time = Timestamp::from_second(i64::try_from(unix).unwrap_or(i64::MAX));
    shown(time).unwrap_or_else(|| "the end of time".to_owned())
}

pub fn of_record(time: policy::record::Timestamp) -> String {
    let ms = i64::try_from(time.unix_ms()).unwrap_or(i64::MAX);
    shown(Timestamp::from_millisecond(ms)).unwrap_or_else(|| time.to_string())
}

/// Of RFC 3339, as the vault writes it.
pub fn of_text(rfc3339: &str) -> String {
    shown(rfc3339.parse()).unwrap_or_else(|| display::ascii(rfc3339.as_bytes(), LONGEST_TEXT))
}
