//! How long a certificate is valid, in words.

use common::clock;
use policy::certificate_validity::{CertificateValidity, ValidityState};

/// Where now lies in the certificate's life.
pub fn state_now(validity: &CertificateValidity) -> ValidityState {
    validity.state(clock::since_1970().as_secs())
}

/// "the certificate is valid until …", or why it is not.
pub fn sentence(validity: &CertificateValidity) -> String {
    match state_now(validity) {
        ValidityState::NotYet => {
            format!(
                "the certificate is NOT VALID before {}",
                local(validity.after)
            )
        }
        ValidityState::Expired => format!("the certificate EXPIRED at {}", local(validity.before)),
        ValidityState::Valid | ValidityState::LastWeek | ValidityState::EndsSoon => {
            format!("the certificate is valid until {}", local(validity.before))
        }
    }
}

fn local(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "the end of time".to_owned(),
        |time| {
            let zoned = time.to_zoned(jiff::tz::TimeZone::system());
            zoned.strftime("%F %T").to_string()
        },
    )
}
