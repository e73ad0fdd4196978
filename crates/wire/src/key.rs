//! Public keys and certificates, as the protocol hands them about: as blobs.

use crate::Malformed;
use crate::algorithm;
use crate::certificate::Certificate;
use crate::plain_key::PlainKey;
use crate::reader::Reader;

/// What identifies a key: the key itself, or a certificate around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// A key of any type; also a certificate of a type that we do not know.
    Plain(PlainKey<'a>),
    /// A certificate of a known type.
    Certificate(Box<Certificate<'a>>),
}

impl<'a> PublicKey<'a> {
    /// Reads a blob.
    ///
    /// # Errors
    /// A known type with other fields than it asks for, or no proper type name.
    pub fn parse(blob: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(blob, Self::read)
    }

    /// Reads a key to the end of `reader`.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let start = reader.clone();
        let name = reader.name("a key type name")?;
        Ok(match algorithm::of_certified_key(name) {
            Some(plain) => Self::Certificate(Box::new(Certificate::read_after_name(
                &start, reader, name, plain,
            )?)),
            None => Self::Plain(PlainKey::read_after_name(&start, reader, name)?),
        })
    }

    /// The type's name: what the blob begins with.
    pub fn algorithm(&self) -> &'a str {
        match self {
            Self::Plain(key) => key.algorithm(),
            Self::Certificate(certificate) => certificate.algorithm,
        }
    }

    /// The key itself: of a certificate the key inside.
    pub fn plain(&self) -> &PlainKey<'a> {
        match self {
            Self::Plain(key) => key,
            Self::Certificate(certificate) => &certificate.key,
        }
    }

    /// The certificate, if it is one of a known type.
    pub fn certificate(&self) -> Option<&Certificate<'a>> {
        match self {
            Self::Certificate(certificate) => Some(certificate),
            Self::Plain(_) => None,
        }
    }

    /// A certificate of a type that we do not know: neither the key inside nor its authority can be read.
    pub fn is_unread_certificate(&self) -> bool {
        matches!(self, Self::Plain(_)) && self.algorithm().contains("-cert-v")
    }

    /// The blob of [`plain`](Self::plain). Two blobs are of one key if these are equal.
    pub fn plain_blob(&self) -> Vec<u8> {
        self.plain().rebuild()
    }

    /// Whether a login with this key may name `algorithm`: the type itself, for RSA also the names that
    /// say which hash is used, and for ECDSA security keys the one of a browser's signature.
    pub fn may_sign_as(&self, algorithm: &str) -> bool {
        algorithm::may_sign_as(self.algorithm(), algorithm)
    }
}
