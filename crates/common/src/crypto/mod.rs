//! The cryptography behind `policy::crypto::Crypto`: ring, and nothing of our own.

mod ecdsa;
mod primitives;
mod rsa;
mod security_key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use policy::crypto::{ContentHasher, ContentHashes, Crypto, Fingerprint, Verified};
use ring::signature::ED25519;
use ring::{digest, hmac};
use wire::plain_key::PlainKey;
use wire::signature::Signature;

use primitives::{sha256, verify_by_ring};

/// Host keys that it verifies: Ed25519, ECDSA P-256 and P-384 (P-521 with the feature `p521`), RSA of
/// 2048 to 8192 bits with SHA-2, and both security key types. Everything else is `Unverifiable`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ring;

impl Crypto for Ring {
    fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        sha256(bytes)
    }

    fn content_hasher(&self) -> Box<dyn ContentHasher> {
        Box::new(BothHashes {
            sha256: digest::Context::new(&digest::SHA256),
            sha512: digest::Context::new(&digest::SHA512),
        })
    }

    fn hmac_sha1_for_known_hosts(&self, key: &[u8], bytes: &[u8]) -> [u8; 20] {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        let mut tag = [0; 20];
        tag.copy_from_slice(hmac::sign(&key, bytes).as_ref());
        tag
    }

    fn verify(&self, key: &PlainKey<'_>, signature: &Signature<'_>, bytes: &[u8]) -> Verified {
        match key {
            PlainKey::Rsa { e, n } => rsa::verify(e, n, signature, bytes),
            PlainKey::Ecdsa { curve, point } => ecdsa::verify(*curve, point, signature, bytes),
            PlainKey::Ed25519 { point } => match signature.algorithm {
                "ssh-ed25519" => verify_by_ring(&ED25519, *point, bytes, signature.blob),
                _ => Verified::Bad,
            },
            PlainKey::SkEd25519 { point, application } => {
                security_key::verify_ed25519(*point, application, signature, bytes)
            }
            PlainKey::SkEcdsa { point, application } => {
                security_key::verify_ecdsa(point, application, signature, bytes)
            }
            PlainKey::Dsa { .. } | PlainKey::Mldsa44Ed25519 { .. } | PlainKey::Opaque { .. } => {
                Verified::Unverifiable
            }
        }
    }

    fn fingerprint(&self, blob: &[u8]) -> Fingerprint {
        Fingerprint(format!("SHA256:{}", STANDARD_NO_PAD.encode(sha256(blob))))
    }
}

struct BothHashes {
    sha256: digest::Context,
    sha512: digest::Context,
}

impl ContentHasher for BothHashes {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sha512.update(bytes);
    }

    fn finish(self: Box<Self>) -> ContentHashes {
        let mut hashes = ContentHashes {
            sha256: [0; 32],
            sha512: [0; 64],
        };
        hashes.sha256.copy_from_slice(self.sha256.finish().as_ref());
        hashes.sha512.copy_from_slice(self.sha512.finish().as_ref());
        hashes
    }
}
