use super::constraint::{self, Constraint, Holder};
use super::secret::Secret;
use crate::Malformed;
use crate::certificate;
use crate::key::{self, PublicKey};
use crate::reader::Reader;
use crate::writer::Writer;

const KNOWN_TYPE: &str = "a known type of private key";

/// 17 and 25: take a private key. A type that we do not know is malformed: where its private parts
/// end, and the comment begins, cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddIdentity<'a> {
    /// The key.
    pub key: PrivateKey<'a>,
    /// Any bytes.
    pub comment: &'a [u8],
    /// `None`: message 17, `Some`: message 25.
    pub constraints: Option<Vec<Constraint<'a>>>,
}

/// A private key with its public key or certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKey<'a> {
    /// Never opaque.
    pub public: PublicKey<'a>,
    /// Of the same type. Whether they belong to the public key is not checked.
    pub parts: PrivateParts<'a>,
}

/// What is secret in a private key, and for security keys what finds the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateParts<'a> {
    /// Seed and public key, 64 bytes.
    Ed25519(Secret<'a>),
    /// The exponent.
    Ecdsa(Secret<'a>),
    /// All but modulus and public exponent; magnitudes.
    Rsa {
        /// The private exponent.
        d: Secret<'a>,
        /// The inverse of `q` modulo `p`.
        iqmp: Secret<'a>,
        /// A prime.
        p: Secret<'a>,
        /// The other prime.
        q: Secret<'a>,
    },
    /// The exponent.
    Dsa(Secret<'a>),
    /// The secret itself is in the security key.
    Sk {
        /// What the security key asks for: 1 = a touch, 4 = its PIN.
        flags: u8,
        /// Names the key to the security key.
        key_handle: Secret<'a>,
        /// For later versions of the format; kept.
        reserved: &'a [u8],
    },
}

impl<'a> AddIdentity<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, constrained: bool) -> Result<Self, Malformed> {
        Ok(Self {
            key: PrivateKey::read(reader)?,
            comment: reader.string("a comment")?,
            constraints: constrained
                .then(|| constraint::read_all(reader, Holder::Identity))
                .transpose()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.key.write(writer);
        writer.string(self.comment);
        constraint::write_all(self.constraints.as_deref(), writer);
    }
}

impl<'a> PrivateKey<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let wrong = reader.expected(KNOWN_TYPE);
        let algorithm = reader.name(KNOWN_TYPE)?;
        let public = if certificate::plain_algorithm(algorithm).is_some() {
            read_certificate(reader, algorithm)?
        } else if algorithm == key::RSA {
            let n = reader.positive_mpint("an RSA modulus")?;
            PublicKey::Rsa {
                e: reader.positive_mpint("an RSA exponent")?,
                n,
            }
        } else {
            PublicKey::read_fields(reader, algorithm)?.ok_or(wrong)?
        };
        let parts = PrivateParts::read(reader, public.plain())?;
        Ok(Self { public, parts })
    }

    fn write(&self, writer: &mut Writer) {
        writer.string(self.public.algorithm());
        match &self.public {
            PublicKey::Certificate(certificate) => {
                writer.string(certificate.rebuild());
                write_repeated(&certificate.key, writer);
            }
            // Here n comes first, in public keys e does.
            PublicKey::Rsa { e, n } => {
                writer.positive_mpint(n).positive_mpint(e);
            }
            plain => plain.write_fields(writer),
        }
        self.parts.write(writer);
    }
}

/// Reads a certificate and what of its key OpenSSH repeats after it, which must agree.
fn read_certificate<'a>(
    reader: &mut Reader<'a>,
    algorithm: &str,
) -> Result<PublicKey<'a>, Malformed> {
    let wrong = reader.expected("a certificate of the type just named");
    let (_, public) = reader.nested("a certificate", PublicKey::read)?;
    if public.algorithm() != algorithm {
        return Err(wrong);
    }
    let repeated = Writer::build(|writer| write_repeated(public.plain(), writer));
    let wrong = reader.expected("the certificate's key again");
    if reader.bytes(repeated.len(), "the certificate's key again")? != repeated {
        return Err(wrong);
    }
    Ok(public)
}

fn write_repeated(certified: &PublicKey<'_>, writer: &mut Writer) {
    match certified {
        PublicKey::Ed25519 { .. } | PublicKey::SkEd25519 { .. } => certified.write_fields(writer),
        PublicKey::SkEcdsa { application, .. } => {
            writer.string(application);
        }
        _ => {}
    }
}

impl<'a> PrivateParts<'a> {
    fn read(reader: &mut Reader<'a>, public: &PublicKey<'_>) -> Result<Self, Malformed> {
        let mut number = |what| reader.positive_mpint(what).map(Secret);
        Ok(match public {
            PublicKey::Ed25519 { .. } => Self::Ed25519(Secret(
                reader.string_of::<64>("an ed25519 secret of 64 bytes")?,
            )),
            PublicKey::Ecdsa { .. } => Self::Ecdsa(number("an ECDSA private exponent")?),
            PublicKey::Rsa { .. } => Self::Rsa {
                d: number("an RSA private exponent")?,
                iqmp: number("an RSA coefficient")?,
                p: number("an RSA prime")?,
                q: number("an RSA prime")?,
            },
            PublicKey::Dsa { .. } => Self::Dsa(number("a DSA private exponent")?),
            PublicKey::SkEd25519 { .. } | PublicKey::SkEcdsa { .. } => Self::Sk {
                flags: reader.u8("a security key's flags")?,
                key_handle: Secret(reader.string("a key handle")?),
                reserved: reader.string("a reserved string")?,
            },
            PublicKey::Certificate(_) | PublicKey::Opaque { .. } => {
                return Err(reader.expected(KNOWN_TYPE));
            }
        })
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Ed25519(secret) => writer.string(secret.0),
            Self::Ecdsa(exponent) | Self::Dsa(exponent) => writer.positive_mpint(exponent.0),
            Self::Rsa { d, iqmp, p, q } => writer
                .positive_mpint(d.0)
                .positive_mpint(iqmp.0)
                .positive_mpint(p.0)
                .positive_mpint(q.0),
            Self::Sk {
                flags,
                key_handle,
                reserved,
            } => writer.u8(*flags).string(key_handle.0).string(reserved),
        };
    }
}
