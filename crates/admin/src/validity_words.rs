//! How long a certificate is valid, in words.

use crate::local_time;
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
                local_time::of_seconds(validity.after)
            )
        }
        ValidityState::Expired => format!(
            "the certificate EXPIRED at {}",
            local_time::of_seconds(validity.before)
        ),
        ValidityState::Valid | ValidityState::LastWeek | ValidityState::EndsSoon => {
            format!(
                "the certificate is valid until {}",
                local_time::of_seconds(validity.before)
            )
        }
    }
}
