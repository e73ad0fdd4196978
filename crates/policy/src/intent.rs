//! What a sign request is for, by strict parsing of the data to be signed with nothing left over.
//!
//! The layouts cannot be confused: `SSHS` read as a length is over a gigabyte, so an SSHSIG is never a
//! login; after a first string of any length, a login goes on with byte 50, sudo with byte 54, and a
//! certificate or a host key's proof with a length whose first byte is 0.

use wire::certificate::CertificateToSign;
use wire::hostkeys_prove::HostkeysProve;
use wire::key::PublicKey;
use wire::reader::Reader;
use wire::sshsig::SshsigRequest;
use wire::sudo::SudoRequest;
use wire::userauth::UserauthRequest;

use crate::facts::Kind;

/// What one sign request is for. Every value is untrusted: it is what the caller wants signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent<'a> {
    Login(UserauthRequest<'a>),
    Sshsig(SshsigRequest<'a>),
    Certificate(CertificateToSign<'a>),
    Sudo(SudoRequest<'a>),
    /// Anything else. `said` tells people what it looked like.
    Raw {
        said: &'static str,
    },
}

impl<'a> Intent<'a> {
    /// Classifies `untrusted_data`, which the key in `key_blob` is asked to sign.
    ///
    /// Data that names another key than the one asked to sign is raw: it is nobody's login.
    pub fn classify(untrusted_data: &'a [u8], key_blob: &[u8]) -> Self {
        if let Ok(login) = UserauthRequest::parse(untrusted_data) {
            return if same_plain_key(login.key, key_blob) {
                Self::Login(login)
            } else {
                Self::Raw {
                    said: "a login that names another key",
                }
            };
        }
        if let Ok(sshsig) = SshsigRequest::parse(untrusted_data) {
            return Self::Sshsig(sshsig);
        }
        if let Ok(certificate) = CertificateToSign::parse(untrusted_data) {
            return if same_plain_key(certificate.signature_key, key_blob) {
                Self::Certificate(certificate)
            } else {
                Self::Raw {
                    said: "a certificate that names another authority",
                }
            };
        }
        if let Ok(sudo) = SudoRequest::parse(untrusted_data) {
            return if same_plain_key(sudo.key, key_blob) {
                Self::Sudo(sudo)
            } else {
                Self::Raw {
                    said: "a sudo request that names another key",
                }
            };
        }
        if HostkeysProve::parse(untrusted_data).is_ok() {
            return Self::Raw {
                said: "a proof of a server's host key",
            };
        }
        Self::Raw {
            said: begins_like(untrusted_data).unwrap_or("data of no known kind"),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Login(_) => Kind::Login,
            Self::Sshsig(_) => Kind::Sshsig,
            Self::Certificate(_) => Kind::Certificate,
            Self::Sudo(_) => Kind::Sudo,
            Self::Raw { .. } => Kind::Raw,
        }
    }
}

/// What raw data begins like. A server may read as that what we do not (a key with needless zeros, for one), and
/// rules for raw data know no host and no user: no rule can have such data signed.
pub(crate) fn begins_like(untrusted_raw: &[u8]) -> Option<&'static str> {
    let begins = |number: u8, third: &[u8]| {
        let mut reader = Reader::new(untrusted_raw);
        reader.string("a session").is_ok()
            && reader.u8("a number") == Ok(number)
            && reader.string("a user").is_ok()
            && reader.string("a service") == Ok(third)
    };
    if untrusted_raw.starts_with(b"SSHSIG") {
        return Some("an sshsig in a form that we cannot read");
    }
    if begins(50, b"ssh-connection") {
        return Some("a login in a form that we cannot read");
    }
    if begins(54, b"pam_ssh_agent_auth") {
        return Some("a sudo request in a form that we cannot read");
    }
    let name = Reader::new(untrusted_raw).string("a type's name").ok()?;
    name.ends_with(b"-cert-v01@openssh.com")
        .then_some("a certificate in a form that we cannot read")
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
