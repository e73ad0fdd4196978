//! Checks a host certificate (draft-miller-ssh-cert, as OpenSSH's `sshkey_cert_check_host` does).
//! A valid certificate alone names no host: known hosts must also trust its authority for the name.

use std::fmt;

use wire::certificate::{Certificate, CertificateKind};
use wire::key::PublicKey;
use wire::signature::Signature;

use crate::crypto::{Crypto, Verified};

/// What the check of a host certificate found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateCheck<'a> {
    /// Signed by `authority`, valid now.
    Good {
        /// Blob of the plain key that signed.
        authority: &'a [u8],
        /// Those that are UTF-8, as signed; `*` and `?` in them are wildcards.
        principals: Vec<&'a str>,
    },
    Refused(CertificateRefusal),
    /// Signed by a key type or size that we cannot check: neither a proof nor a reason to refuse.
    Unverifiable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRefusal {
    NotForHosts,
    BadSignature,
    NotYetValid,
    Expired,
    CriticalOptions,
    NoPrincipals,
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotForHosts => "the certificate is a user's, not a host's",
            Self::BadSignature => "the certificate's signature is wrong",
            Self::NotYetValid => "the certificate is not yet valid",
            Self::Expired => "the certificate has expired",
            Self::CriticalOptions => {
                "the certificate has a critical option, and hosts have none that is known"
            }
            Self::NoPrincipals => "the certificate names no host",
        })
    }
}

impl std::error::Error for CertificateRefusal {}

/// `unix` is now, in seconds since 1970. `valid_before` is the first second outside; all ones mean forever.
pub fn check<'a>(
    untrusted: &Certificate<'a>,
    crypto: &dyn Crypto,
    unix: u64,
) -> CertificateCheck<'a> {
    if let Err(refusal) = check_fields(untrusted, unix) {
        return CertificateCheck::Refused(refusal);
    }
    // The parser took both as proper. If they were not, the certificate would prove nothing.
    let (Ok(authority), Ok(signature)) = (
        PublicKey::parse(untrusted.signature_key),
        Signature::parse(untrusted.signature),
    ) else {
        return CertificateCheck::Refused(CertificateRefusal::BadSignature);
    };
    match crypto.verify(authority.plain(), &signature, untrusted.to_be_signed) {
        Verified::Bad => CertificateCheck::Refused(CertificateRefusal::BadSignature),
        Verified::Unverifiable => CertificateCheck::Unverifiable,
        Verified::Good => CertificateCheck::Good {
            authority: untrusted.signature_key,
            principals: untrusted
                .principals
                .iter()
                .filter_map(|name| std::str::from_utf8(name).ok())
                .collect(),
        },
    }
}

fn check_fields(untrusted: &Certificate<'_>, unix: u64) -> Result<(), CertificateRefusal> {
    if untrusted.kind != CertificateKind::Host {
        return Err(CertificateRefusal::NotForHosts);
    }
    if unix < untrusted.valid_after {
        return Err(CertificateRefusal::NotYetValid);
    }
    if unix >= untrusted.valid_before {
        return Err(CertificateRefusal::Expired);
    }
    if !untrusted.critical_options.is_empty() {
        return Err(CertificateRefusal::CriticalOptions);
    }
    // OpenSSH before 10.3 let such a certificate stand for every host.
    if untrusted.principals.is_empty() {
        return Err(CertificateRefusal::NoPrincipals);
    }
    Ok(())
}
