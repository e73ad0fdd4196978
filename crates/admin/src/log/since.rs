//! `--since`: a point in time as people write it.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan, Zoned};
use policy::record::Timestamp;

/// Reads `15m`, `1h30m`, `3d`, `2 hours ago` (so long ago), `today`, `yesterday` (their midnight), `now`,
/// `19:30` (when it last was), `2026-11-21`, `2026-11-21 19:30`, all in local time, or RFC 3339.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    at(text, &Zoned::now())
}

fn at(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let text = text.trim();
    let time = ago(text, now)
        .or_else(|| text.parse::<jiff::Timestamp>().ok())
        .or_else(|| {
            let when = day(text, now.date()).or_else(|| time_of_day(text, now))?;
            let zoned = when.to_zoned(now.time_zone().clone());
            Some(zoned.ok()?.timestamp())
        });
    match time.map(|time| u64::try_from(time.as_millisecond())) {
        Some(ms) => Ok(Timestamp::from_unix_ms(ms.unwrap_or(0))),
        None => Err(
            "expected a time such as 15m, 2h, 3d, 19:30, yesterday, 2026-11-21 or \"2026-11-21 19:30\""
                .to_owned(),
        ),
    }
}

fn ago(text: &str, now: &Zoned) -> Option<jiff::Timestamp> {
    if text == "now" {
        return Some(now.timestamp());
    }
    let text = text.strip_suffix(" ago").unwrap_or(text);
    // jiff would read a time of the day as hours, minutes and seconds.
    let span: Span = text.parse().ok().filter(|_| !text.contains(':'))?;
    if !span.is_positive() {
        return None;
    }
    now.checked_sub(span).ok().map(|then| then.timestamp())
}

fn day(text: &str, today: Date) -> Option<DateTime> {
    match text {
        "today" => Some(today.into()),
        "yesterday" => today.yesterday().ok().map(Into::into),
        // With or without a time; jiff would also read an hour alone.
        _ if text.contains('-') => text.parse().ok(),
        _ => None,
    }
}

/// When it last was this time of the day.
fn time_of_day(text: &str, now: &Zoned) -> Option<DateTime> {
    let is_time = text.contains(':') && !text.contains('-');
    let time: Time = text.parse().ok().filter(|_| is_time)?;
    let today = now.date().to_datetime(time);
    if today <= now.datetime() {
        return Some(today);
    }
    today.checked_sub(1.day()).ok()
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
            ("1h30m", "2026-11-21T17:30:00.000Z"),
            ("1d 12h", "2026-11-20T07:00:00.000Z"),
            ("90min", "2026-11-21T17:30:00.000Z"),
            ("2 hours", "2026-11-21T17:00:00.000Z"),
            ("2 hours ago", "2026-11-21T17:00:00.000Z"),
            ("now", "2026-11-21T19:00:00.000Z"),
            ("today", "2026-11-20T23:00:00.000Z"),
            ("yesterday", "2026-11-19T23:00:00.000Z"),
            ("19:30", "2026-11-21T18:30:00.000Z"),
            ("19:30:10", "2026-11-21T18:30:10.000Z"),
            ("20:01", "2026-11-20T19:01:00.000Z"),
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
        for text in [
            "",
            "m",
            "-1m",
            "10",
            "monday",
            "25:00",
            "2026-13-01",
            "2026/11/21",
            "9999999999w",
        ] {
            assert!(at(text, &now).is_err(), "{text}");
        }
    }
}
