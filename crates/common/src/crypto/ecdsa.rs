//! ECDSA on the NIST curves (RFC 5656).

use policy::crypto::Verified;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED};
use wire::algorithm::Curve;
use wire::signature::Signature;

use super::primitives::verify_by_ring;

/// `point` is uncompressed, 0x04 first.
pub fn verify(curve: Curve, point: &[u8], signature: &Signature<'_>, bytes: &[u8]) -> Verified {
    if signature.algorithm != curve.algorithm() {
        return Verified::Bad;
    }
    match curve {
        Curve::P256 => verify_p256(point, signature, bytes),
        Curve::P384 => match fixed::<48>(signature) {
            Some(fixed) => verify_by_ring(&ECDSA_P384_SHA384_FIXED, point, bytes, &fixed),
            None => Verified::Bad,
        },
        Curve::P521 => verify_p521(point, signature, bytes),
    }
}

/// Also for security keys, whose algorithm has another name.
pub fn verify_p256(point: &[u8], signature: &Signature<'_>, bytes: &[u8]) -> Verified {
    match fixed::<32>(signature) {
        Some(fixed) => verify_by_ring(&ECDSA_P256_SHA256_FIXED, point, bytes, &fixed),
        None => Verified::Bad,
    }
}

#[cfg(feature = "p521")]
fn verify_p521(point: &[u8], signature: &Signature<'_>, bytes: &[u8]) -> Verified {
    use p521::ecdsa::signature::Verifier as _;
    let check = || {
        let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
        let signature = p521::ecdsa::Signature::from_slice(&fixed::<66>(signature)?).ok()?;
        key.verify(bytes, &signature).ok()
    };
    if check().is_some() {
        Verified::Good
    } else {
        Verified::Bad
    }
}

#[cfg(not(feature = "p521"))]
fn verify_p521(_point: &[u8], _signature: &Signature<'_>, _bytes: &[u8]) -> Verified {
    Verified::Unverifiable
}

/// SSH's two numbers as r and s of `LEN` bytes each.
fn fixed<const LEN: usize>(signature: &Signature<'_>) -> Option<Vec<u8>> {
    let (r, s) = signature.ecdsa_numbers()?;
    let mut fixed = Vec::with_capacity(2 * LEN);
    for magnitude in [r, s] {
        fixed.resize(fixed.len() + LEN.checked_sub(magnitude.len())?, 0);
        fixed.extend_from_slice(magnitude);
    }
    Some(fixed)
}
