//! `--since`: a point in time as people write it.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use policy::record::Timestamp;

/// Reads `90s`, `15m`, `2h`, `3d`, `1w` (so long ago), `19:30` (today), `2026-11-21`,
/// `2026-11-21 19:30`, all in local time, or RFC 3339.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    at(text, &Zoned::now())
}

fn at(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let local = |when: DateTime| {
        when.to_zoned(now.time_zone().clone())
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    let time = ago(text, now)
        .or_else(|| text.parse::<jiff::Timestamp>().ok())
        .or_else(|| local(text.parse::<DateTime>().ok()?))
        .or_else(|| local(now.date().to_datetime(time_of_day(text)?)));
    match time.map(|time| u64::try_from(time.as_millisecond())) {
        Some(ms) => Ok(Timestamp::from_unix_ms(ms.unwrap_or(0))),
        None => Err(
            "expected a time such as 15m, 2h, 3d, 19:30, 2026-11-21 or \"2026-11-21 19:30\""
                .to_owned(),
        ),
    }
}

/// A time alone; jiff would take one out of a date and time too.
fn time_of_day(text: &str) -> Option<Time> {
    if text.contains('-') {
        None
    } else {
        text.parse().ok()
    }
}

fn ago(text: &str, now: &Zoned) -> Option<jiff::Timestamp> {
    let (number, seconds) = [
        ("s", 1),
        ("m", 60),
        ("h", 3600),
        ("d", 86_400),
        ("w", 604_800),
    ]
    .into_iter()
    .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let number: u32 = number.parse().ok()?;
    let span = SignedDuration::from_secs(i64::from(number) * seconds);
    now.with_time_zone(TimeZone::UTC)
        .timestamp()
        .checked_sub(span)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let now: Zoned = "2026-11-21T20:00:00+01:00[+01:00]".parse().unwrap();
        for (text, expected) in [
            ("90s", "2026-11-21T18:58:30.000Z"),
            ("15m", "2026-11-21T18:45:00.000Z"),
            ("2h", "2026-11-21T17:00:00.000Z"),
            ("3d", "2026-11-18T19:00:00.000Z"),
            ("1w", "2026-11-14T19:00:00.000Z"),
            ("19:30", "2026-11-21T18:30:00.000Z"),
            ("2026-11-20", "2026-11-19T23:00:00.000Z"),
            ("2026-11-20 12:00", "2026-11-20T11:00:00.000Z"),
            ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.000Z"),
            ("2026-11-20T12:00:00.500+02:00", "2026-11-20T10:00:00.500Z"),
        ] {
            assert_eq!(
                at(text, &now).map(|time| time.to_string()),
                Ok(expected.to_owned()),
                "{text}"
            );
        }
        for text in ["", "m", "-1m", "yesterday", "25:00", "2026-13-01", "1.5h"] {
            assert!(at(text, &now).is_err(), "{text}");
        }
    }
}
