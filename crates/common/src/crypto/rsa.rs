//! RSA PKCS#1 v1.5 with SHA-2 (RFC 8332).

use policy::crypto::Verified;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use wire::signature::Signature;

/// What ring verifies: it takes moduli of these sizes and odd exponents of at most 33 bits.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const MAX_EXPONENT_BITS: usize = 33;

/// `e` and `n` without leading zeros.
pub fn verify(e: &[u8], n: &[u8], signature: &Signature<'_>, bytes: &[u8]) -> Verified {
    let algorithm = match signature.algorithm {
        "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
        "rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
        "ssh-rsa" => return Verified::Unverifiable, // SHA-1
        _ => return Verified::Bad,
    };
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !BITS.contains(&bits(n)) || bits(e) > MAX_EXPONENT_BITS || e == [1] || !odd(e) || !odd(n) {
        return Verified::Unverifiable;
    }
    // Some signers drop leading zeros; OpenSSH puts them back as well.
    let Some(missing) = n.len().checked_sub(signature.blob.len()) else {
        return Verified::Bad;
    };
    let mut padded = vec![0; missing];
    padded.extend_from_slice(signature.blob);
    match (RsaPublicKeyComponents { n, e }).verify(algorithm, bytes, &padded) {
        Ok(()) => Verified::Good,
        Err(ring::error::Unspecified) => Verified::Bad,
    }
}

fn bits(magnitude: &[u8]) -> usize {
    magnitude.first().map_or(0, |first| {
        magnitude.len() * 8 - first.leading_zeros() as usize
    })
}
