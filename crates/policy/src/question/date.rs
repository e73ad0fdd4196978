//! Dates for people, from seconds since 1970, in UTC. No zone and no leap seconds, as certificates
//! have none.

use crate::calendar::{DAY, date};

/// `2026-11-21 19:40 UTC`; years beyond 9999 are only counted.
pub(super) fn utc(unix: u64) -> String {
    let (days, second) = (unix / DAY, unix % DAY);
    let (year, month, day) = date(days);
    if year > 9999 {
        return format!("the year {year}");
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// `2026-11-28 14:02 +0100`, as the clock of that zone shows it; `zone` in minutes east of UTC.
pub(super) fn zoned(unix: i64, zone: i32) -> String {
    let local = unix.saturating_add(i64::from(zone) * 60);
    let Ok(local) = u64::try_from(local) else {
        return "before 1970".to_owned();
    };
    let shown = utc(local);
    let shown = shown.strip_suffix(" UTC").unwrap_or(&shown);
    let sign = if zone < 0 { '-' } else { '+' };
    let minutes = zone.unsigned_abs();
    format!("{shown} {sign}{:02}{:02}", minutes / 60, minutes % 60)
}

/// A length of time as people say it, in the largest unit that divides it; what no unit divides is
/// rounded down to one that leaves at least two.
pub fn length(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    /// Of the smaller units, this many are still read at a glance.
    const MOST: u64 = 600;
    let whole = UNITS
        .iter()
        .find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    let rough = UNITS.iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, word) = match (whole, rough) {
        // 90 061 seconds divide by nothing and say nothing, and nor do 8737 hours.
        (Some((unit, _)), Some(rough)) if seconds / unit > MOST => *rough,
        (Some(whole), _) => *whole,
        (None, _) => (1, "second"),
    };
    counted(seconds / unit, word)
}

/// `1 hour`, `2 hours`: of whatever takes an `s`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (1_795_290_000, "2026-11-21 19:40 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(utc(unix), text);
        }
        assert!(utc(u64::MAX - 1).starts_with("the year 584"));
    }

    #[test]
    fn dates_with_a_zone_are_those_of_its_clocks() {
        assert_eq!(zoned(1_795_290_000, 60), "2026-11-21 20:40 +0100");
        assert_eq!(zoned(1_795_290_000, -210), "2026-11-21 16:10 -0330");
        assert_eq!(zoned(0, -1), "before 1970");
        assert!(zoned(i64::MAX, 1440).starts_with("the year "));
    }

    #[test]
    fn lengths_are_said_in_one_unit() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (900, "15 minutes"),
            (3600, "1 hour"),
            (5400, "90 minutes"),
            (28_800, "8 hours"),
            (86_400, "1 day"),
            (90_061, "25 hours"),
            (8737 * 3600, "364 days"),
        ] {
            assert_eq!(length(seconds), text);
        }
    }
}
