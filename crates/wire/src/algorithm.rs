//! The names of key, certificate and signature algorithms, and the curves that some of them name
//! (RFC 4253 §6.6, 5656, 8332 and 8709, OpenSSH's PROTOCOL.u2f, draft-miller-ssh-cert,
//! draft-miller-sshm-mldsa44-ed25519-composite-sigs). Nothing here depends on the rest of the crate.

/// Ed25519 keys and signatures.
pub const ED25519: &str = "ssh-ed25519";
/// ML-DSA-44 and Ed25519 together, keys and signatures (OpenSSH 10.4).
pub const MLDSA44_ED25519: &str = "ssh-mldsa44-ed25519@openssh.com";
/// ECDSA on NIST P-256, keys and signatures.
pub const ECDSA_P256: &str = "ecdsa-sha2-nistp256";
/// ECDSA on NIST P-384, keys and signatures.
pub const ECDSA_P384: &str = "ecdsa-sha2-nistp384";
/// ECDSA on NIST P-521, keys and signatures.
pub const ECDSA_P521: &str = "ecdsa-sha2-nistp521";
/// RSA keys, and RSA signatures with SHA-1.
pub const RSA: &str = "ssh-rsa";
/// RSA signatures with SHA-256.
pub const RSA_SHA256: &str = "rsa-sha2-256";
/// RSA signatures with SHA-512.
pub const RSA_SHA512: &str = "rsa-sha2-512";
/// DSA keys and signatures.
pub const DSA: &str = "ssh-dss";
/// Ed25519 keys on a security key, and their signatures.
pub const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
/// ECDSA P-256 keys on a security key, and their signatures.
pub const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";
/// Signatures by [`SK_ECDSA`] keys that a browser asked for.
pub const WEBAUTHN: &str = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

const RSA_SHA256_CERTIFIED: &str = "rsa-sha2-256-cert-v01@openssh.com";
const RSA_SHA512_CERTIFIED: &str = "rsa-sha2-512-cert-v01@openssh.com";
const WEBAUTHN_CERTIFIED: &str = "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";

/// The type of each known certificate, and of the plain key inside.
const CERTIFICATES: [(&str, &str); 9] = [
    ("ssh-ed25519-cert-v01@openssh.com", ED25519),
    ("ssh-mldsa44-ed25519-cert-v01@openssh.com", MLDSA44_ED25519),
    ("ecdsa-sha2-nistp256-cert-v01@openssh.com", ECDSA_P256),
    ("ecdsa-sha2-nistp384-cert-v01@openssh.com", ECDSA_P384),
    ("ecdsa-sha2-nistp521-cert-v01@openssh.com", ECDSA_P521),
    ("ssh-rsa-cert-v01@openssh.com", RSA),
    ("ssh-dss-cert-v01@openssh.com", DSA),
    ("sk-ssh-ed25519-cert-v01@openssh.com", SK_ED25519),
    ("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", SK_ECDSA),
];

/// Key types that may also sign by algorithms of other names (RFC 8332 §3, PROTOCOL.u2f).
const OTHER_SIGNATURES: [(&str, &[&str]); 4] = [
    (RSA, &[RSA_SHA256, RSA_SHA512]),
    (
        "ssh-rsa-cert-v01@openssh.com",
        &[RSA_SHA256_CERTIFIED, RSA_SHA512_CERTIFIED],
    ),
    (SK_ECDSA, &[WEBAUTHN]),
    (
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        &[WEBAUTHN_CERTIFIED],
    ),
];

/// Names that OpenSSH reads as a second spelling of a known key type (its short names, in any case, and
/// the names of signature algorithms). As unknown types they would be other keys to us than to it.
const SECOND_SPELLINGS: [&str; 14] = [
    "rsa",
    "dsa",
    "ecdsa",
    "ecdsa-sk",
    "ed25519",
    "ed25519-sk",
    "mldsa44-ed25519",
    "xmss",
    RSA_SHA256,
    RSA_SHA512,
    WEBAUTHN,
    RSA_SHA256_CERTIFIED,
    RSA_SHA512_CERTIFIED,
    WEBAUTHN_CERTIFIED,
];

/// The plain type inside certificates of type `certificate`; `None` if that is no known certificate.
pub fn of_certified_key(certificate: &str) -> Option<&'static str> {
    CERTIFICATES
        .iter()
        .find(|(certified, _)| *certified == certificate)
        .map(|(_, plain)| *plain)
}

/// Whether a login with a key, or certificate, of type `key_type` may name `signature` as its algorithm.
/// An unknown type signs by its own name only.
pub fn may_sign_as(key_type: &str, signature: &str) -> bool {
    let mut others = OTHER_SIGNATURES.iter();
    key_type == signature
        || others.any(|(name, others)| *name == key_type && others.contains(&signature))
}

/// Whether no key type may have this name.
pub(crate) fn is_second_spelling(name: &str) -> bool {
    SECOND_SPELLINGS
        .iter()
        .any(|spelling| spelling.eq_ignore_ascii_case(name))
}

/// The NIST curves of RFC 5656.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    /// The curve of ECDSA signatures of this algorithm; `None` for any other algorithm.
    pub fn of_signature(algorithm: &str) -> Option<Self> {
        match algorithm {
            ECDSA_P256 | SK_ECDSA | WEBAUTHN => Some(Self::P256),
            ECDSA_P384 => Some(Self::P384),
            ECDSA_P521 => Some(Self::P521),
            _ => None,
        }
    }

    /// The curve's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    /// The type of plain keys, and of signatures, on this curve.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => ECDSA_P256,
            Self::P384 => ECDSA_P384,
            Self::P521 => ECDSA_P521,
        }
    }

    /// Bytes of one coordinate, and of each number of a signature at most.
    pub fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Whether `point` is 0x04 and two coordinates.
    pub(crate) fn is_uncompressed(self, point: &[u8]) -> bool {
        let coordinates = self.coordinate_bytes().saturating_mul(2);
        matches!(point, [4, xy @ ..] if xy.len() == coordinates)
    }
}
