//! What a server showed as its host key: a plain key, or a certificate around one.

use wire::Malformed;
use wire::certificate::Certificate;
use wire::key::PublicKey;
use wire::plain_key::PlainKey;

/// A host key from a bind or from the signed data. Parsed; nothing about it is believed yet.
pub struct HostKey<'a> {
    shown: PublicKey<'a>,
    plain: Vec<u8>,
}

impl<'a> HostKey<'a> {
    /// # Errors
    /// A blob that is no public key, or has bytes left over.
    pub fn parse(untrusted_blob: &'a [u8]) -> Result<Self, Malformed> {
        let shown = PublicKey::parse(untrusted_blob)?;
        let plain = shown.plain_blob();
        Ok(Self { shown, plain })
    }

    /// The plain key's blob, also where a certificate was shown. It names the key.
    pub fn plain_blob(&self) -> &[u8] {
        &self.plain
    }

    /// The key that signs: of a certificate, the key inside.
    pub fn plain(&self) -> &PlainKey<'a> {
        self.shown.plain()
    }

    /// A certificate of a type that we do not know: neither the key inside nor its authority can be read.
    pub fn is_unread_certificate(&self) -> bool {
        let is_plain = matches!(self.shown, PublicKey::Plain(_));
        is_plain && self.shown.algorithm().contains("-cert-v")
    }

    pub fn certificate(&self) -> Option<&Certificate<'a>> {
        match &self.shown {
            PublicKey::Certificate(certificate) => Some(certificate),
            PublicKey::Plain(_) => None,
        }
    }
}
