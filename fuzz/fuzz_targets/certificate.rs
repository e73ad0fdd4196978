#![no_main]

use libfuzzer_sys::fuzz_target;
use split_ssh_fuzz::rebuild::Rebuild as _;
use wire::certificate::{Certificate, CertificateToSign};

fuzz_target!(|bytes: &[u8]| {
    split_ssh_fuzz::check(
        bytes,
        &CertificateToSign::parse(bytes),
        CertificateToSign::rebuild,
    );
    let parsed = Certificate::parse(bytes);
    split_ssh_fuzz::check(bytes, &parsed, Certificate::rebuild);
    if let Ok(certificate) = parsed {
        assert_eq!(
            CertificateToSign::parse(certificate.to_be_signed),
            Ok(certificate.terms)
        );
    }
});
