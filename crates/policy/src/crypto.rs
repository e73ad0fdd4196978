//! The cryptography that decisions need, as a trait: the program implements it with `ring`.

use wire::plain_key::PlainKey;
use wire::signature::Signature;

/// What a check of a signature found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    Good,
    Bad,
    /// A key type or size that we cannot check: neither a proof nor a reason to refuse.
    Unverifiable,
}

/// Both hashes that an SSHSIG may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHashes {
    pub sha256: [u8; 32],
    pub sha512: [u8; 64],
}

/// Hashes a content that comes in pieces.
pub trait ContentHasher: Send {
    fn update(&mut self, bytes: &[u8]);
    fn finish(self: Box<Self>) -> ContentHashes;
}

/// Hashes and signature checks.
pub trait Crypto {
    /// SHA-256 of `bytes`.
    fn sha256(&self, bytes: &[u8]) -> [u8; 32];

    /// A hasher that has seen nothing.
    fn content_hasher(&self) -> Box<dyn ContentHasher>;

    /// HMAC-SHA1, for hashed known_hosts names only.
    fn hmac_sha1_for_known_hosts(&self, key: &[u8], bytes: &[u8]) -> [u8; 20];

    /// Checks `signature` by `key` over `bytes`.
    fn verify(&self, key: &PlainKey<'_>, signature: &Signature<'_>, bytes: &[u8]) -> Verified;

    /// The fingerprint of a key blob as `ssh-keygen -l` prints it: `SHA256:` and unpadded base64.
    fn fingerprint(&self, blob: &[u8]) -> Fingerprint;
}

/// `SHA256:` and 43 characters of base64, as `ssh-keygen -l` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub String);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
