//! Public keys, as blobs: `string type`, then what the type asks for (RFC 4253 §6.6, 5656, 8709,
//! PROTOCOL.u2f). Known types are checked field by field, unknown ones kept whole.

mod curve;

pub use curve::Curve;

use crate::Malformed;
use crate::certificate::{self, Certificate};
use crate::reader::Reader;
use crate::writer::Writer;

/// A public key of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// `ssh-ed25519`.
    Ed25519 {
        /// The encoded point.
        point: &'a [u8; 32],
    },
    /// `ecdsa-sha2-nistp256` and its larger siblings.
    Ecdsa {
        /// Names the type as well.
        curve: Curve,
        /// Uncompressed: `0x04`, x, y.
        point: &'a [u8],
    },
    /// `ssh-rsa`.
    Rsa {
        /// The exponent: a magnitude, big endian without leading zero.
        e: &'a [u8],
        /// The modulus, alike.
        n: &'a [u8],
    },
    /// `ssh-dss`; all magnitudes.
    Dsa {
        /// The prime.
        p: &'a [u8],
        /// The subgroup's order.
        q: &'a [u8],
        /// The generator.
        g: &'a [u8],
        /// The public value.
        y: &'a [u8],
    },
    /// `sk-ssh-ed25519@openssh.com`: on a security key.
    SkEd25519 {
        /// The encoded point.
        point: &'a [u8; 32],
        /// The FIDO application, `ssh:` as a rule.
        application: &'a [u8],
    },
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: on a security key.
    SkEcdsa {
        /// Uncompressed, on NIST P-256.
        point: &'a [u8],
        /// The FIDO application, `ssh:` as a rule.
        application: &'a [u8],
    },
    /// A certificate of any type above.
    Certificate(Box<Certificate<'a>>),
    /// A type that we do not know.
    Opaque {
        /// Its name.
        algorithm: &'a str,
        /// Everything after the name; not empty.
        rest: &'a [u8],
    },
}

pub(crate) const ED25519: &str = "ssh-ed25519";
pub(crate) const ECDSA_P256: &str = "ecdsa-sha2-nistp256";
pub(crate) const ECDSA_P384: &str = "ecdsa-sha2-nistp384";
pub(crate) const ECDSA_P521: &str = "ecdsa-sha2-nistp521";
pub(crate) const RSA: &str = "ssh-rsa";
pub(crate) const DSA: &str = "ssh-dss";
pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
pub(crate) const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

/// Names that OpenSSH reads as a second spelling of a known type (its short names, in any case, and
/// the names of signature algorithms). As opaque keys they would be other keys to us than to it.
const SECOND_SPELLINGS: [&str; 12] = [
    "rsa",
    "dsa",
    "ecdsa",
    "ecdsa-sk",
    "ed25519",
    "ed25519-sk",
    "xmss",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
];

impl<'a> PublicKey<'a> {
    /// Reads a key blob.
    ///
    /// # Errors
    /// A known type with other fields than it asks for, or no proper type name.
    pub fn parse(blob: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(blob, Self::read)
    }

    /// Reads a key to the end of `reader`.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let start = reader.clone();
        let algorithm = reader.name("a key type name")?;
        if let Some(plain) = certificate::plain_algorithm(algorithm) {
            let certificate = Certificate::read_after_name(&start, reader, algorithm, plain)?;
            return Ok(Self::Certificate(Box::new(certificate)));
        }
        if let Some(key) = Self::read_fields(reader, algorithm)? {
            return Ok(key);
        }
        if SECOND_SPELLINGS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(algorithm))
        {
            return Err(start.expected("the proper name of a key type"));
        }
        if reader.is_empty() {
            return Err(reader.expected("a key after its type name"));
        }
        Ok(Self::Opaque {
            algorithm,
            rest: reader.rest(),
        })
    }

    /// Reads a key that is no certificate, to the end of `reader`.
    pub(crate) fn read_plain(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let start = reader.clone();
        match Self::read(reader)? {
            Self::Certificate(_) => Err(start.expected("a key that is no certificate")),
            plain => Ok(plain),
        }
    }

    /// Reads what follows the name of a known plain type; `None` for any other name.
    pub(crate) fn read_fields(
        reader: &mut Reader<'a>,
        algorithm: &str,
    ) -> Result<Option<Self>, Malformed> {
        Ok(Some(match algorithm {
            ED25519 => Self::Ed25519 {
                point: reader.string_of("an ed25519 key of 32 bytes")?,
            },
            ECDSA_P256 => Self::read_ecdsa(reader, Curve::P256)?,
            ECDSA_P384 => Self::read_ecdsa(reader, Curve::P384)?,
            ECDSA_P521 => Self::read_ecdsa(reader, Curve::P521)?,
            RSA => Self::Rsa {
                e: reader.positive_mpint("an RSA exponent")?,
                n: reader.positive_mpint("an RSA modulus")?,
            },
            DSA => Self::Dsa {
                p: reader.positive_mpint("a DSA prime")?,
                q: reader.positive_mpint("a DSA order")?,
                g: reader.positive_mpint("a DSA generator")?,
                y: reader.positive_mpint("a DSA public value")?,
            },
            SK_ED25519 => Self::SkEd25519 {
                point: reader.string_of("an ed25519 key of 32 bytes")?,
                application: reader.text("a FIDO application")?,
            },
            SK_ECDSA => Self::SkEcdsa {
                point: read_point(reader, Curve::P256)?,
                application: reader.text("a FIDO application")?,
            },
            _ => return Ok(None),
        }))
    }

    fn read_ecdsa(reader: &mut Reader<'a>, curve: Curve) -> Result<Self, Malformed> {
        Ok(Self::Ecdsa {
            curve,
            point: read_point(reader, curve)?,
        })
    }

    /// The type's name: what the blob begins with.
    pub fn algorithm(&self) -> &'a str {
        match self {
            Self::Ed25519 { .. } => ED25519,
            Self::Ecdsa { curve, .. } => curve.algorithm(),
            Self::Rsa { .. } => RSA,
            Self::Dsa { .. } => DSA,
            Self::SkEd25519 { .. } => SK_ED25519,
            Self::SkEcdsa { .. } => SK_ECDSA,
            Self::Certificate(certificate) => certificate.algorithm,
            Self::Opaque { algorithm, .. } => algorithm,
        }
    }

    /// The key itself: of a certificate the plain key inside, of any other key the key.
    pub fn plain(&self) -> &PublicKey<'a> {
        match self {
            Self::Certificate(certificate) => &certificate.key,
            plain => plain,
        }
    }

    /// The blob of [`plain`](Self::plain). Two blobs are of one key if these are equal.
    pub fn plain_blob(&self) -> Vec<u8> {
        self.plain().rebuild()
    }

    /// The size as `ssh-keygen -l` prints it; `None` for a type that we do not know.
    pub fn bits(&self) -> Option<usize> {
        match self.plain() {
            Self::Ed25519 { .. } | Self::SkEd25519 { .. } | Self::SkEcdsa { .. } => Some(256),
            Self::Ecdsa { curve, .. } => Some(curve.bits()),
            Self::Rsa { n, .. } => Some(magnitude_bits(n)),
            Self::Dsa { p, .. } => Some(magnitude_bits(p)),
            Self::Certificate(_) | Self::Opaque { .. } => None,
        }
    }

    /// Whether a user's signature request with this key may name `algorithm`: the type itself, and
    /// for RSA also the types that say which hash is used (RFC 8332 §3, draft-miller-ssh-cert).
    pub fn may_sign_as(&self, algorithm: &str) -> bool {
        let also: &[&str] = match (self, self.plain()) {
            (Self::Certificate(_), Self::Rsa { .. }) => &[
                "rsa-sha2-256-cert-v01@openssh.com",
                "rsa-sha2-512-cert-v01@openssh.com",
            ],
            (_, Self::Rsa { .. }) => &["rsa-sha2-256", "rsa-sha2-512"],
            _ => &[],
        };
        algorithm == self.algorithm() || also.contains(&algorithm)
    }

    /// The blob again.
    pub fn rebuild(&self) -> Vec<u8> {
        match self {
            Self::Certificate(certificate) => certificate.rebuild(),
            plain => Writer::build(|writer| {
                writer.string(plain.algorithm());
                plain.write_fields(writer);
            }),
        }
    }

    /// Writes what follows the name of a plain type; nothing for a certificate.
    pub(crate) fn write_fields(&self, writer: &mut Writer) {
        match self {
            Self::Ed25519 { point } => writer.string(point),
            Self::Ecdsa { curve, point } => writer.string(curve.name()).string(point),
            Self::Rsa { e, n } => writer.positive_mpint(e).positive_mpint(n),
            Self::Dsa { p, q, g, y } => writer
                .positive_mpint(p)
                .positive_mpint(q)
                .positive_mpint(g)
                .positive_mpint(y),
            Self::SkEd25519 { point, application } => writer.string(point).string(application),
            Self::SkEcdsa { point, application } => writer
                .string(Curve::P256.name())
                .string(point)
                .string(application),
            Self::Certificate(_) => writer,
            Self::Opaque { rest, .. } => writer.raw(rest),
        };
    }
}

fn read_point<'a>(reader: &mut Reader<'a>, curve: Curve) -> Result<&'a [u8], Malformed> {
    reader.constant(curve.name(), "the curve that the key type names")?;
    reader.string_that("an uncompressed point of the curve", |point| {
        curve.is_uncompressed(point)
    })
}

fn magnitude_bits(magnitude: &[u8]) -> usize {
    let zeros = magnitude.first().map_or(0, |byte| byte.leading_zeros());
    let zeros = usize::try_from(zeros).unwrap_or(0);
    magnitude.len().saturating_mul(8).saturating_sub(zeros)
}
