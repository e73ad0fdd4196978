//! Public keys that are no certificates: `string type`, then what the type asks for (RFC 4253 §6.6, 5656,
//! 8709, PROTOCOL.u2f, draft-miller-sshm-mldsa44-ed25519-composite-sigs). Known types are checked field
//! by field, unknown ones kept whole.

use crate::Malformed;
use crate::algorithm::{self, Curve};
use crate::reader::Reader;
use crate::writer::Writer;

/// Bytes of an ML-DSA-44 public key and an Ed25519 point.
const MLDSA44_ED25519_KEY: usize = 1312 + 32;

/// A public key of any type, without a certificate around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlainKey<'a> {
    /// `ssh-ed25519`.
    Ed25519 {
        /// The encoded point.
        point: &'a [u8; 32],
    },
    /// `ssh-mldsa44-ed25519@openssh.com`: both must sign.
    Mldsa44Ed25519 {
        /// The ML-DSA-44 public key, then the encoded point.
        key: &'a [u8; MLDSA44_ED25519_KEY],
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
    /// A type that we do not know.
    Opaque {
        /// Its name.
        algorithm: &'a str,
        /// Everything after the name; not empty.
        rest: &'a [u8],
    },
}

impl<'a> PlainKey<'a> {
    /// Reads what follows the name `algorithm`, which began at `start`; for an unknown name to the end of
    /// `reader`.
    ///
    /// # Errors
    /// A known type with other fields than it asks for, a name that is no key type's proper one, or an
    /// unknown type without fields.
    pub(crate) fn read_after_name(
        start: &Reader<'a>,
        reader: &mut Reader<'a>,
        algorithm: &'a str,
    ) -> Result<Self, Malformed> {
        if let Some(key) = Self::read_fields(reader, algorithm)? {
            return Ok(key);
        }
        if algorithm::is_second_spelling(algorithm) {
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

    /// Reads what follows the name of a known plain type; `None` for any other name.
    pub(crate) fn read_fields(
        reader: &mut Reader<'a>,
        algorithm: &str,
    ) -> Result<Option<Self>, Malformed> {
        Ok(Some(match algorithm {
            algorithm::ED25519 => Self::Ed25519 {
                point: reader.string_of("an ed25519 key of 32 bytes")?,
            },
            algorithm::MLDSA44_ED25519 => Self::Mldsa44Ed25519 {
                key: reader.string_of("an ML-DSA-44 key and an ed25519 key of 1344 bytes")?,
            },
            algorithm::ECDSA_P256 => Self::read_ecdsa(reader, Curve::P256)?,
            algorithm::ECDSA_P384 => Self::read_ecdsa(reader, Curve::P384)?,
            algorithm::ECDSA_P521 => Self::read_ecdsa(reader, Curve::P521)?,
            algorithm::RSA => Self::Rsa {
                e: reader.positive_mpint("an RSA exponent")?,
                n: reader.positive_mpint("an RSA modulus")?,
            },
            algorithm::DSA => Self::Dsa {
                p: reader.positive_mpint("a DSA prime")?,
                q: reader.positive_mpint("a DSA order")?,
                g: reader.positive_mpint("a DSA generator")?,
                y: reader.positive_mpint("a DSA public value")?,
            },
            algorithm::SK_ED25519 => Self::SkEd25519 {
                point: reader.string_of("an ed25519 key of 32 bytes")?,
                application: reader.text("a FIDO application")?,
            },
            algorithm::SK_ECDSA => Self::SkEcdsa {
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
            Self::Ed25519 { .. } => algorithm::ED25519,
            Self::Mldsa44Ed25519 { .. } => algorithm::MLDSA44_ED25519,
            Self::Ecdsa { curve, .. } => curve.algorithm(),
            Self::Rsa { .. } => algorithm::RSA,
            Self::Dsa { .. } => algorithm::DSA,
            Self::SkEd25519 { .. } => algorithm::SK_ED25519,
            Self::SkEcdsa { .. } => algorithm::SK_ECDSA,
            Self::Opaque { algorithm, .. } => algorithm,
        }
    }

    /// The blob again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer.string(self.algorithm());
            self.write_fields(writer);
        })
    }

    /// Writes what follows the type's name.
    pub(crate) fn write_fields(&self, writer: &mut Writer) {
        match self {
            Self::Ed25519 { point } => writer.string(point),
            Self::Mldsa44Ed25519 { key } => writer.string(key),
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
