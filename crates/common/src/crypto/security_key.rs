//! FIDO security keys (OpenSSH's PROTOCOL.u2f): what is signed is
//! SHA256(application), flags, counter, SHA256(data).

use policy::crypto::Verified;
use ring::signature::ED25519;
use wire::signature::{Signature, Trailer};

use super::ecdsa;
use super::primitives::{sha256, verify_by_ring};

pub fn verify_ed25519(
    key: &[u8],
    application: &[u8],
    signature: &Signature<'_>,
    bytes: &[u8],
) -> Verified {
    match (signature.algorithm, signed(application, signature, bytes)) {
        ("sk-ssh-ed25519@openssh.com", Some(signed)) => {
            verify_by_ring(&ED25519, key, &signed, signature.blob)
        }
        _ => Verified::Bad,
    }
}

pub fn verify_ecdsa(
    point: &[u8],
    application: &[u8],
    signature: &Signature<'_>,
    bytes: &[u8],
) -> Verified {
    match (signature.algorithm, signed(application, signature, bytes)) {
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", _) => Verified::Unverifiable,
        ("sk-ecdsa-sha2-nistp256@openssh.com", Some(signed)) => {
            ecdsa::verify_p256(point, signature, &signed)
        }
        _ => Verified::Bad,
    }
}

fn signed(application: &[u8], signature: &Signature<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    let Trailer::Sk { flags, counter } = signature.trailer else {
        return None;
    };
    let mut signed = sha256(application).to_vec();
    signed.push(flags);
    signed.extend_from_slice(&counter.to_be_bytes());
    signed.extend_from_slice(&sha256(bytes));
    Some(signed)
}
