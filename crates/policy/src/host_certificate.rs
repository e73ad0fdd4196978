//! Checks a host certificate (draft-miller-ssh-cert, as OpenSSH's `sshkey_cert_check_host` does).
//! A good one still names nobody: its authority must be one that known hosts trust for the name.

use std::fmt;

use wire::certificate::{Certificate, CertificateKind};
use wire::key::PublicKey;
use wire::signature::Signature;

use crate::crypto::{Crypto, Verified};

/// What the check of a host certificate found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked<'a> {
    /// Signed by `authority`, valid now.
    Good {
        /// Blob of the plain key that signed.
        authority: &'a [u8],
        /// Those that are UTF-8, as signed; `*` and `?` in them are wildcards.
        principals: Vec<&'a str>,
    },
    Refused(Refusal),
    /// Signed by a key type or size that we cannot check; proves nothing, accuses nobody.
    Unverifiable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotForHosts,
    BadSignature,
    NotYetValid,
    Expired,
    CriticalOptions,
    NoPrincipals,
}

impl fmt::Display for Refusal {
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

impl std::error::Error for Refusal {}

/// `unix` is now, in seconds since 1970. `valid_before` is the first second outside; all ones mean forever.
pub fn check<'a>(untrusted: &Certificate<'a>, crypto: &dyn Crypto, unix: u64) -> Checked<'a> {
    if let Err(refusal) = check_fields(untrusted, unix) {
        return Checked::Refused(refusal);
    }
    // The parser has seen that both are proper; what is not can at least prove nothing.
    let (Ok(authority), Ok(signature)) = (
        PublicKey::parse(untrusted.signature_key),
        Signature::parse(untrusted.signature),
    ) else {
        return Checked::Refused(Refusal::BadSignature);
    };
    match crypto.verify(authority.plain(), &signature, untrusted.to_be_signed) {
        Verified::Bad => Checked::Refused(Refusal::BadSignature),
        Verified::Unverifiable => Checked::Unverifiable,
        Verified::Good => Checked::Good {
            authority: untrusted.signature_key,
            principals: untrusted
                .principals
                .iter()
                .filter_map(|name| std::str::from_utf8(name).ok())
                .collect(),
        },
    }
}

fn check_fields(untrusted: &Certificate<'_>, unix: u64) -> Result<(), Refusal> {
    if untrusted.kind != CertificateKind::Host {
        return Err(Refusal::NotForHosts);
    }
    if unix < untrusted.valid_after {
        return Err(Refusal::NotYetValid);
    }
    if unix >= untrusted.valid_before {
        return Err(Refusal::Expired);
    }
    if !untrusted.critical_options.is_empty() {
        return Err(Refusal::CriticalOptions);
    }
    // OpenSSH before 10.3 let such a certificate stand for every host.
    if untrusted.principals.is_empty() {
        return Err(Refusal::NoPrincipals);
    }
    Ok(())
}
