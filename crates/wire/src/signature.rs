//! Signatures: `string algorithm, string blob`, and what security keys add (PROTOCOL.u2f).

use crate::Malformed;
use crate::algorithm::{self, Curve};
use crate::reader::Reader;

/// Bytes of an ML-DSA-44 signature and an Ed25519 signature.
const MLDSA44_ED25519_SIGNATURE: usize = 2420 + 64;

/// A signature of any algorithm. Known algorithms are checked field by field, others kept whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Names key type and hash: `ssh-ed25519`, `rsa-sha2-512` …
    pub algorithm: &'a str,
    /// The signature proper, in the algorithm's own format.
    pub blob: &'a [u8],
    /// What follows the blob.
    pub trailer: Trailer<'a>,
}

/// What follows a signature's blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trailer<'a> {
    /// Nothing: all that are not made by a security key.
    None,
    /// By a security key.
    Sk {
        /// FIDO flags: 1 = touched, 4 = PIN or finger.
        flags: u8,
        /// Counts the security key's signatures.
        counter: u32,
    },
    /// By a security key through a browser.
    Webauthn {
        /// FIDO flags.
        flags: u8,
        /// Counts the security key's signatures.
        counter: u32,
        /// The web page's origin.
        origin: &'a [u8],
        /// What the browser signed, JSON.
        client_data: &'a [u8],
        /// FIDO extensions.
        extensions: &'a [u8],
    },
    /// Of an algorithm that we do not know.
    Opaque(&'a [u8]),
}

impl<'a> Signature<'a> {
    /// Reads a signature.
    ///
    /// # Errors
    /// A known algorithm with other fields than it asks for, or no `string, string` at all.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(bytes, Self::read)
    }

    /// Reads a signature to the end of `reader`.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let algorithm = reader.name("a signature algorithm's name")?;
        let mut of_bytes = |count, what| reader.string_that(what, |blob| blob.len() == count);
        let blob = match algorithm {
            algorithm::ED25519 | algorithm::SK_ED25519 => {
                of_bytes(64, "an ed25519 signature of 64 bytes")?
            }
            algorithm::MLDSA44_ED25519 => of_bytes(
                MLDSA44_ED25519_SIGNATURE,
                "an ML-DSA-44 and ed25519 signature of 2484 bytes",
            )?,
            algorithm::DSA => of_bytes(40, "a DSA signature of 40 bytes")?,
            _ => match Curve::of_signature(algorithm) {
                Some(curve) => read_ecdsa(reader, curve)?,
                None => {
                    reader.string_that("a signature that is not empty", |blob| !blob.is_empty())?
                }
            },
        };
        let trailer = match algorithm {
            algorithm::SK_ED25519 | algorithm::SK_ECDSA => Trailer::Sk {
                flags: reader.u8("a security key's flags")?,
                counter: reader.u32("a security key's counter")?,
            },
            algorithm::WEBAUTHN => Trailer::Webauthn {
                flags: reader.u8("a security key's flags")?,
                counter: reader.u32("a security key's counter")?,
                origin: reader.text("a web origin")?,
                client_data: reader.string("webauthn client data")?,
                extensions: reader.string("webauthn extensions")?,
            },
            name if is_known_without_trailer(name) || reader.is_empty() => Trailer::None,
            _ => Trailer::Opaque(reader.rest()),
        };
        Ok(Self {
            algorithm,
            blob,
            trailer,
        })
    }

    /// The two numbers of an ECDSA signature: magnitudes, big endian without leading zeros.
    /// `None` for any other algorithm.
    pub fn ecdsa_numbers(&self) -> Option<(&'a [u8], &'a [u8])> {
        let curve = Curve::of_signature(self.algorithm)?;
        Reader::whole(self.blob, |inside| read_numbers(inside, curve)).ok()
    }
}

fn is_known_without_trailer(algorithm: &str) -> bool {
    matches!(
        algorithm,
        algorithm::ED25519
            | algorithm::MLDSA44_ED25519
            | algorithm::ECDSA_P256
            | algorithm::ECDSA_P384
            | algorithm::ECDSA_P521
            | algorithm::DSA
            | algorithm::RSA
            | algorithm::RSA_SHA256
            | algorithm::RSA_SHA512
    )
}

fn read_ecdsa<'a>(reader: &mut Reader<'a>, curve: Curve) -> Result<&'a [u8], Malformed> {
    let (blob, _) = reader.nested("an ECDSA signature", |inside| read_numbers(inside, curve))?;
    Ok(blob)
}

fn read_numbers<'a>(
    reader: &mut Reader<'a>,
    curve: Curve,
) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let mut number = || {
        let what = "a number of an ECDSA signature, no longer than the curve's";
        reader.read_as(what, Reader::positive_mpint, |number| {
            (number.len() <= curve.coordinate_bytes()).then_some(number)
        })
    };
    Ok((number()?, number()?))
}
