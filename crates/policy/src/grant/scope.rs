//! What a remembered yes covers: nothing but what equals the question in every shown fact.

use crate::caller::{Caller, Keyring};
use crate::crypto::Fingerprint;
use crate::facts::{Facts, Kind, Proof};

/// Two requests have the same scope exactly if a person would see no difference between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub caller: Caller,
    pub keyring: Keyring,
    pub key: Fingerprint,
    pub key_comment: Vec<u8>,
    pub purpose: Purpose,
    /// A SHA-1 signature.
    pub sha1: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Login {
        user: Vec<u8>,
        host: Fingerprint,
        ca: Option<Fingerprint>,
        host_names: Vec<String>,
        proof: Proof,
    },
    Sshsig {
        namespace: Vec<u8>,
    },
}

impl Scope {
    /// The scope of a request; `None` if its kind leaves no grant: a certificate, sudo, raw data, an
    /// unproven or unnamed host, anything forwarded.
    pub fn of(facts: &Facts) -> Option<Self> {
        if facts.forwarded {
            return None;
        }
        Some(Self {
            caller: facts.caller.clone(),
            keyring: facts.keyring.clone(),
            key: facts.key.fingerprint.clone(),
            key_comment: facts.key.comment.clone(),
            purpose: Purpose::of(facts)?,
            sha1: facts.sha1,
        })
    }
}

impl Purpose {
    fn of(facts: &Facts) -> Option<Self> {
        match facts.kind {
            Kind::Login => {
                let host = facts.host.as_ref()?;
                if facts.proof == Proof::Unproven || host.names.is_empty() || host.revoked {
                    return None;
                }
                Some(Self::Login {
                    user: facts.user.clone()?,
                    host: host.fingerprint.clone(),
                    ca: host.ca.clone(),
                    host_names: host.names.clone(),
                    proof: facts.proof,
                })
            }
            Kind::Sshsig => Some(Self::Sshsig {
                namespace: facts.namespace.clone()?,
            }),
            Kind::Certificate | Kind::Sudo | Kind::Raw => None,
        }
    }
}
