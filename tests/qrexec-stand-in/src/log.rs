//! qrexec's own log lines on stderr.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_OF_A_DAY: u64 = 86_400;

/// Writes one line as libqrexec does: the time, the program, the place in qrexec's sources, the message. The time is
/// UTC; real lines have the local one.
pub fn line(place: &str, message: &str) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let text = format!(
        "{} qrexec-client-vm[{}]: {place}: {message}\n",
        timestamp(now.as_secs(), now.subsec_millis()),
        std::process::id()
    );
    // A stderr that nobody reads is no reason to end the call.
    drop(std::io::stderr().write_all(text.as_bytes()));
}

fn timestamp(seconds: u64, millis: u32) -> String {
    let (year, month, day) = date(seconds / SECONDS_OF_A_DAY);
    let second = seconds % SECONDS_OF_A_DAY;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// The Gregorian date so many days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn times_are_written_as_qrexec_does() {
        assert_eq!(timestamp(0, 7), "1970-01-01 00:00:00.007");
        assert_eq!(timestamp(951_868_799, 0), "2000-02-29 23:59:59.000");
        assert_eq!(timestamp(1_798_761_599, 999), "2026-12-31 23:59:59.999");
    }
}
