//! How long a certificate is valid, and when its end is near enough to say so.

use serde::{Deserialize, Serialize};
use wire::certificate::{Certificate, FOREVER};

/// An end this near is worth a look, in seconds: a week leaves time to have a certificate renewed.
const WEEK: u64 = 7 * 86_400;
/// A certificate that lives for hours or days is always that near its end. Whoever asks for a signature hears of it in the
/// last quarter of its life only, but in any case in its last hour.
const LAST_PART: u64 = 4;
const HOUR: u64 = 3600;

/// Seconds since 1970, as the certificate has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateValidity {
    /// The first second; 0 = always.
    pub after: u64,
    /// The first second outside; all ones = for ever.
    pub before: u64,
}

/// Where a moment lies in a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidityState {
    NotYet,
    Valid,
    /// Less than a week is left.
    LastWeek,
    /// The same, and of the certificate's own life only the last part.
    EndsSoon,
    Expired,
}

impl CertificateValidity {
    /// `None` for a plain key, and for a certificate that is always valid.
    pub fn of(blob: &[u8]) -> Option<Self> {
        let certificate = Certificate::parse(blob).ok()?;
        let validity = Self {
            after: certificate.valid_after,
            before: certificate.valid_before,
        };
        (validity.after != 0 || validity.before != FOREVER).then_some(validity)
    }

    /// At `unix`, in seconds since 1970.
    pub fn state(&self, unix: u64) -> ValidityState {
        let life = self.before.saturating_sub(self.after);
        if unix < self.after {
            ValidityState::NotYet
        } else if unix >= self.before {
            ValidityState::Expired
        } else if self.before == FOREVER {
            ValidityState::Valid
        } else if self.before - unix <= WEEK.min(HOUR.max(life / LAST_PART)) {
            ValidityState::EndsSoon
        } else if self.before - unix <= WEEK {
            ValidityState::LastWeek
        } else {
            ValidityState::Valid
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_week_and_the_last_part_of_a_short_life_are_told_apart() {
        const DAY: u64 = 86_400;
        let state =
            |after: u64, before: u64, unix: u64| CertificateValidity { after, before }.state(unix);
        let from = 1000 * DAY;
        for (after, before, unix, expected) in [
            (from, from + 365 * DAY, from - 1, ValidityState::NotYet),
            (from, from + 365 * DAY, from, ValidityState::Valid),
            (
                from,
                from + 365 * DAY,
                from + 357 * DAY,
                ValidityState::Valid,
            ),
            (
                from,
                from + 365 * DAY,
                from + 358 * DAY,
                ValidityState::EndsSoon,
            ),
            (
                from,
                from + 365 * DAY,
                from + 365 * DAY - 1,
                ValidityState::EndsSoon,
            ),
            (
                from,
                from + 365 * DAY,
                from + 365 * DAY,
                ValidityState::Expired,
            ),
            (from, from + DAY, from + DAY / 2, ValidityState::LastWeek),
            (
                from,
                from + DAY,
                from + DAY * 3 / 4,
                ValidityState::EndsSoon,
            ),
            (from, from + 2 * HOUR, from + HOUR, ValidityState::EndsSoon),
            (0, from, from - 8 * DAY, ValidityState::Valid),
            (0, from, from - 7 * DAY, ValidityState::EndsSoon),
            (from, FOREVER, u64::MAX - 1, ValidityState::Valid),
            // It ends before it begins.
            (from, from - DAY, from, ValidityState::Expired),
        ] {
            assert_eq!(
                state(after, before, unix),
                expected,
                "{after} {before} {unix}"
            );
        }
    }
}
