//! Days since 1970-01-01 as dates of the Gregorian calendar, and back. Years begin in March here, so that a leap day is
//! a year's last.

/// In seconds.
pub(crate) const DAY: u64 = 24 * 60 * 60;

/// Days from 1970-01-01 to the date, by counting 400-year eras from 0000-03-01.
pub(crate) fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_era = (year % 400) * 365 + (year % 400) / 4 - (year % 400) / 100;
    let of_year = (153 * month + 2) / 5 + day - 1;
    (year / 400 * 146_097 + of_era + of_year).checked_sub(719_468)
}

/// Year, month and day of the days since 1970-01-01.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (days / 146_097 * 400 + year + next, month, day)
}
