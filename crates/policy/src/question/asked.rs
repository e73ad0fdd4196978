//! One request that waits for a person: all that the question shows, in values that outlive the bytes.

use crate::facts::{Facts, HostIdentity};
use crate::judgement::{Remember, RuleRef};

/// A request that the policy wants asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The connection it came on.
    pub connection: u64,
    pub facts: Facts,
    pub details: Details,
    /// The hosts that this connection was forwarded through, nearest first.
    pub via: Vec<HostIdentity>,
    /// A bind for this session was there, and we cannot check its kind of key.
    pub unverifiable_bind: bool,
    /// From the judgement.
    pub rule: Option<RuleRef>,
    pub reason: String,
    pub remember: Remember,
}

/// What a question shows beyond the facts that rules see. Bytes are as the client sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    Login {
        session_id: Vec<u8>,
    },
    Sshsig {
        hash_algorithm: Vec<u8>,
        hash: Vec<u8>,
    },
    Certificate(Box<CertificateFields>),
    Sudo {
        command: Vec<u8>,
        host: Vec<u8>,
        directory: Vec<u8>,
    },
    Raw {
        said: &'static str,
        length: usize,
        sha256: [u8; 32],
    },
}

impl Details {
    /// The session id of a login.
    pub fn session_id(&self) -> Option<&[u8]> {
        match self {
            Self::Login { session_id } => Some(session_id),
            _ => None,
        }
    }
}

/// The fields of a certificate that is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFields {
    /// A host certificate; else one for users.
    pub for_hosts: bool,
    pub key_id: Vec<u8>,
    pub serial: u64,
    /// Empty = valid for every name.
    pub principals: Vec<Vec<u8>>,
    /// Seconds since 1970; 0 = always.
    pub valid_after: u64,
    /// Seconds since 1970; `u64::MAX` = for ever.
    pub valid_before: u64,
    /// Name and contents.
    pub critical_options: Vec<(Vec<u8>, Vec<u8>)>,
    pub extensions: Vec<Vec<u8>>,
    /// Of the key that the certificate is for.
    pub subject: crate::crypto::Fingerprint,
}
