//! Points in time as the log writes them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::calendar::{DAY, date, days_before};

/// Milliseconds since 1970-01-01T00:00:00Z, printed as RFC 3339 in UTC: `2026-11-21T19:40:24.123Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

/// 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write.
const LAST: u64 = 253_402_300_799_999;

impl Timestamp {
    /// Later than the year 9999 is written as its last moment.
    pub fn from_unix_ms(unix_ms: u64) -> Self {
        Self(unix_ms.min(LAST))
    }

    pub fn unix_ms(self) -> u64 {
        self.0
    }

    /// Reads the one form that [`Timestamp`] prints.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |from, to| text.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
        let days = days_before(year, month, day)?;
        let time = Self::from_unix_ms((days * DAY + seconds) * 1000 + number(20, 23)?);
        // Digits, separators, ranges and lengths are right exactly if it prints the same again.
        (time.to_string() == text).then_some(time)
    }

    /// As it prints. Every signature waits for one of these: no `write!` for each number.
    fn to_text(self) -> [u8; 24] {
        let (seconds, ms) = (self.0 / 1000, self.0 % 1000);
        let (year, month, day) = date(seconds / DAY);
        let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |last: usize, digits: usize, mut number: u64| {
            for place in text.iter_mut().take(last + 1).rev().take(digits) {
                // Below 10, so that nothing is lost.
                *place = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(3, 4, year);
        put(6, 2, month);
        put(9, 2, day);
        put(12, 2, hour);
        put(15, 2, minute);
        put(18, 2, second);
        put(22, 3, ms);
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom("a time as 2026-11-21T19:40:24.123Z is expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_print_as_rfc_3339() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_795_289_999_001, "2026-11-21T19:39:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(unix_ms).to_string(), text);
            assert_eq!(
                Timestamp::parse(text).map(Timestamp::unix_ms),
                Some(unix_ms.min(LAST))
            );
        }
    }

    #[test]
    fn every_day_until_2110_comes_back() {
        for day in 0..51_200 {
            let time = Timestamp::from_unix_ms(day * DAY * 1000 + 86_399_999);
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "2026-02-30T00:00:00.000Z",
            "2026-02-28T24:00:00.000Z",
            "2026-02-28T00:60:00.000Z",
            "2026-02-28 00:00:00.000Z",
            "2026-02-28T00:00:00Z",
            "2026-02-28T00:00:00.000z",
            "1969-12-31T23:59:59.999Z",
            "",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
