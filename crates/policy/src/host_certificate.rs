//! Checks a host certificate (draft-miller-ssh-cert, as OpenSSH's `sshkey_cert_check_host` does).
//! A valid certificate alone names no host: known hosts must also trust its authority for the name.

use wire::certificate::{Certificate, CertificateKind};
use wire::key::PublicKey;
use wire::signature::Signature;

use crate::crypto::{Crypto, Verified};

/// What a certificate says that is valid now and signed by its authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedCertificate<'a> {
    /// Blob of the plain key that signed.
    pub authority: &'a [u8],
    /// Those that are UTF-8, as signed; `*` and `?` in them are wildcards.
    pub principals: Vec<&'a str>,
}

/// `unix` is now, in seconds since 1970. `valid_before` is the first second outside; all ones mean forever. `None` for
/// a certificate that is not good, or whose signature is of a key type or size that we cannot check.
pub fn check<'a>(
    untrusted: &Certificate<'a>,
    crypto: &dyn Crypto,
    unix: u64,
) -> Option<CheckedCertificate<'a>> {
    let is_for_hosts = untrusted.kind == CertificateKind::Host;
    let is_valid = (untrusted.valid_after..untrusted.valid_before).contains(&unix);
    // Hosts have no critical option that is known.
    let has_options = !untrusted.critical_options.is_empty();
    // Without principals, OpenSSH before 10.3 let a certificate stand for every host.
    if !is_for_hosts || !is_valid || has_options || untrusted.principals.is_empty() {
        return None;
    }
    let authority = PublicKey::parse(untrusted.signature_key).ok()?;
    let signature = Signature::parse(untrusted.signature).ok()?;
    let verified = crypto.verify(authority.plain(), &signature, untrusted.to_be_signed);
    let names = untrusted.principals.iter();
    (verified == Verified::Good).then(|| CheckedCertificate {
        authority: untrusted.signature_key,
        principals: names
            .filter_map(|name| std::str::from_utf8(name).ok())
            .collect(),
    })
}
