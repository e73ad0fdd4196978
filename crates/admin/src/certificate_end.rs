//! When a certificate ends, in words.

use common::clock;

/// A certificate that ends this soon is worth a warning, in seconds: a week.
const SOON: u64 = 7 * 24 * 60 * 60;

/// How near a certificate's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateEnd {
    Past,
    Soon,
    Later,
}

impl CertificateEnd {
    /// Of a certificate that is no longer valid from `valid_before` on, in seconds since 1970.
    pub fn of(valid_before: u64) -> Self {
        match valid_before.checked_sub(clock::since_1970().as_secs()) {
            None | Some(0) => Self::Past,
            Some(left) if left <= SOON => Self::Soon,
            Some(_) => Self::Later,
        }
    }
}

/// "valid until …", or that it ended.
pub fn sentence(valid_before: u64) -> String {
    let seconds = i64::try_from(valid_before).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "the end of time".to_owned(),
        |time| {
            let zoned = time.to_zoned(jiff::tz::TimeZone::system());
            zoned.strftime("%F %T").to_string()
        },
    );
    match CertificateEnd::of(valid_before) {
        CertificateEnd::Past => format!("the certificate EXPIRED at {time}"),
        _ => format!("the certificate is valid until {time}"),
    }
}
