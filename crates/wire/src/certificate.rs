//! OpenSSH certificates (draft-miller-ssh-cert): keys that a CA has signed, and what the CA is
//! asked to sign.

use std::ops::Deref;

use crate::Malformed;
use crate::algorithm;
use crate::limits::MAX_PRINCIPALS;
use crate::plain_key::PlainKey;
use crate::reader::Reader;
use crate::signature::Signature;

/// `valid_before` of a certificate that never ends.
pub const FOREVER: u64 = u64::MAX;

/// Whom a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// A person who logs in: 1.
    User,
    /// A server: 2.
    Host,
}

/// A certificate up to its signature: what a CA key signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateToSign<'a> {
    /// The certificate's own type, `…-cert-v01@openssh.com`.
    pub algorithm: &'a str,
    /// Random bytes of the CA.
    pub nonce: &'a [u8],
    /// The certified key; never opaque.
    pub key: PlainKey<'a>,
    /// Chosen by the CA.
    pub serial: u64,
    /// User or host.
    pub kind: CertificateKind,
    /// A label chosen by the CA.
    pub key_id: &'a [u8],
    /// User or host names that it is valid for; empty: **any**.
    pub principals: Vec<&'a [u8]>,
    /// First second of validity, since 1970.
    pub valid_after: u64,
    /// First second after validity, since 1970; [`FOREVER`]: no end.
    pub valid_before: u64,
    /// Name and data, as given (the format asks for sorted names; OpenSSH does not insist).
    pub critical_options: Vec<(&'a [u8], &'a [u8])>,
    /// Name and data, as given.
    pub extensions: Vec<(&'a [u8], &'a [u8])>,
    /// For later versions of the format; empty today.
    pub reserved: &'a [u8],
    /// The CA's key as a blob; a proper key, and no certificate.
    pub signature_key: &'a [u8],
}

/// A certificate: its terms (through `Deref`) and the CA's signature. Whether that signature is
/// good is not checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// All but the signature.
    pub terms: CertificateToSign<'a>,
    /// By `signature_key`, over `to_be_signed`; a proper [`Signature`].
    pub signature: &'a [u8],
    /// The signed bytes: all before the signature.
    pub to_be_signed: &'a [u8],
}

impl<'a> Deref for Certificate<'a> {
    type Target = CertificateToSign<'a>;

    fn deref(&self) -> &Self::Target {
        &self.terms
    }
}

impl<'a> Certificate<'a> {
    /// Reads a certificate's blob.
    ///
    /// # Errors
    /// Anything but exactly one certificate of a known type.
    pub fn parse(blob: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(blob, |reader| {
            let start = reader.clone();
            let (algorithm, plain) = read_algorithm(reader)?;
            Self::read_after_name(&start, reader, algorithm, plain)
        })
    }

    /// Reads what follows the type name, which began at `start`.
    pub(crate) fn read_after_name(
        start: &Reader<'a>,
        reader: &mut Reader<'a>,
        algorithm: &'a str,
        plain: &str,
    ) -> Result<Self, Malformed> {
        let terms = CertificateToSign::read_after_name(reader, algorithm, plain)?;
        let to_be_signed = reader.since(start);
        let (signature, _) = reader.nested("the CA's signature", Signature::read)?;
        Ok(Self {
            terms,
            signature,
            to_be_signed,
        })
    }
}

impl<'a> CertificateToSign<'a> {
    /// Reads what a CA key is asked to sign.
    ///
    /// # Errors
    /// Anything but exactly one certificate of a known type without its signature.
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(data, |reader| {
            let (algorithm, plain) = read_algorithm(reader)?;
            Self::read_after_name(reader, algorithm, plain)
        })
    }

    fn read_after_name(
        reader: &mut Reader<'a>,
        algorithm: &'a str,
        plain: &str,
    ) -> Result<Self, Malformed> {
        let nonce = reader.string("a nonce")?;
        Ok(Self {
            algorithm,
            nonce,
            key: reader.read_as(
                "a key of the certificate's type",
                |reader, _| PlainKey::read_fields(reader, plain),
                |key| key,
            )?,
            serial: reader.u64("a serial number")?,
            kind: read_kind(reader)?,
            key_id: reader.text("a key id")?,
            principals: reader.nested_list(
                "a list of at most 256 principals",
                MAX_PRINCIPALS,
                |inside| inside.text("a principal"),
            )?,
            valid_after: reader.u64("the start of validity")?,
            valid_before: reader.u64("the end of validity")?,
            critical_options: read_options(reader, "a list of critical options")?,
            extensions: read_options(reader, "a list of extensions")?,
            reserved: reader.string("a reserved string")?,
            signature_key: reader.nested("the CA's key", read_authority)?.0,
        })
    }
}

fn read_algorithm<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, &'static str), Malformed> {
    let what = "the type name of a certificate";
    reader.read_as(what, Reader::name, |name| {
        Some((name, algorithm::of_certified_key(name)?))
    })
}

/// Reads a key that is no certificate.
fn read_authority<'a>(reader: &mut Reader<'a>) -> Result<PlainKey<'a>, Malformed> {
    let start = reader.clone();
    let algorithm = reader.name("a key type name")?;
    if algorithm::of_certified_key(algorithm).is_some() {
        return Err(start.expected("a key that is no certificate"));
    }
    PlainKey::read_after_name(&start, reader, algorithm)
}

fn read_kind(reader: &mut Reader<'_>) -> Result<CertificateKind, Malformed> {
    let what = "a certificate's kind, 1 or 2";
    reader.read_as(what, Reader::u32, |kind| match kind {
        1 => Some(CertificateKind::User),
        2 => Some(CertificateKind::Host),
        _ => None,
    })
}

type Options<'a> = Vec<(&'a [u8], &'a [u8])>;

fn read_options<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<Options<'a>, Malformed> {
    // No count of its own: each option takes 8 bytes or more of the message.
    reader.nested_list(what, usize::MAX, |inside| {
        Ok((
            inside.text("an option's name")?,
            inside.string("an option's data")?,
        ))
    })
}
