//! Hashing and checking a signature, as all kinds of keys need them.

use policy::crypto::Verified;
use ring::digest;
use ring::signature::{UnparsedPublicKey, VerificationAlgorithm};

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// `key` and `signature` are in the form that ring takes for `algorithm`.
pub(super) fn verify_by_ring(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    bytes: &[u8],
    signature: &[u8],
) -> Verified {
    match UnparsedPublicKey::new(algorithm, key).verify(bytes, signature) {
        Ok(()) => Verified::Good,
        Err(ring::error::Unspecified) => Verified::Bad,
    }
}
