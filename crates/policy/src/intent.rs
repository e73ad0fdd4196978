//! What a sign request is for, by strict parsing of the data to be signed with nothing left over.
//!
//! The layouts cannot be confused: `SSHS` read as a length is over a gigabyte, so an SSHSIG is never a
//! login; after a first string of any length, a login goes on with byte 50, sudo with byte 54, and a
//! certificate with a length whose first byte is 0. No login holds a second one at another place: what
//! stands between the user and the end is the same in both, and a user with a NUL is refused.
//!
//! What no parser here reads is raw data, unless [`LooksLike`] finds that a server or a tool could take
//! it for something else.

mod looks_like;

use wire::certificate::CertificateToSign;
use wire::key::PublicKey;
use wire::sshsig::SshsigRequest;
use wire::sudo::SudoRequest;
use wire::userauth::UserauthRequest;

use crate::facts::IntentKind;

pub use looks_like::LooksLike;

/// What one sign request is for. Every value is untrusted: it is what the caller wants signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent<'a> {
    Login(UserauthRequest<'a>),
    Sshsig(SshsigRequest<'a>),
    Certificate(CertificateToSign<'a>),
    Sudo(SudoRequest<'a>),
    /// Anything else that looks like nothing else.
    Raw,
}

impl<'a> Intent<'a> {
    /// Classifies `untrusted_data`, which the key in `key_blob` is asked to sign.
    ///
    /// # Errors
    /// Data that no rule may have signed: what it looks like. Also data that names another key than the
    /// one asked to sign.
    pub fn classify(untrusted_data: &'a [u8], key_blob: &[u8]) -> Result<Self, LooksLike> {
        let (intent, named_key) = if let Ok(login) = UserauthRequest::parse(untrusted_data) {
            let key = login.key;
            (Self::Login(login), key)
        } else if let Ok(sshsig) = SshsigRequest::parse(untrusted_data) {
            return Ok(Self::Sshsig(sshsig));
        } else if let Ok(certificate) = CertificateToSign::parse(untrusted_data) {
            let key = certificate.signature_key;
            (Self::Certificate(certificate), key)
        } else if let Ok(sudo) = SudoRequest::parse(untrusted_data) {
            let key = sudo.key;
            (Self::Sudo(sudo), key)
        } else {
            return match LooksLike::find(untrusted_data, key_blob) {
                Some(looks_like) => Err(looks_like),
                None => Ok(Self::Raw),
            };
        };
        if same_plain_key(named_key, key_blob) {
            Ok(intent)
        } else {
            Err(LooksLike::RequestOfAnotherKey)
        }
    }

    pub fn kind(&self) -> IntentKind {
        match self {
            Self::Login(_) => IntentKind::Login,
            Self::Sshsig(_) => IntentKind::Sshsig,
            Self::Certificate(_) => IntentKind::Certificate,
            Self::Sudo(_) => IntentKind::Sudo,
            Self::Raw => IntentKind::Raw,
        }
    }
}

/// A certificate on the client's disk and the plain key in the agent are the same key.
pub fn same_plain_key(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    match (PublicKey::parse(one), PublicKey::parse(other)) {
        (Ok(one), Ok(other)) => one.plain_blob() == other.plain_blob(),
        _ => false,
    }
}
