//! What an approval covers: nothing but what equals the question in every shown fact.

use crate::caller::{Caller, Keyring};
use crate::crypto::Fingerprint;
use crate::facts::{ContentFacts, Facts, HostIdentity, IntentKind, KeyFacts, Proof};

/// Two requests have the same scope exactly if a person would see no difference between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub caller: Caller,
    pub keyring: Keyring,
    pub key: Fingerprint,
    /// Tells a certificate from its plain key, which has the same fingerprint.
    pub key_algorithm: String,
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
        /// Whether the content was shown, and whom it named.
        content: Option<ContentFacts>,
    },
}

impl Scope {
    /// The scope of a request; `None` if its kind leaves no approval: a certificate, sudo, raw data, an
    /// unproven or unnamed host, anything forwarded.
    pub fn of(facts: &Facts) -> Option<Self> {
        if facts.forwarded {
            return None;
        }
        Some(Self {
            caller: facts.caller.clone(),
            keyring: facts.keyring.clone(),
            key: facts.key.fingerprint.clone(),
            key_algorithm: facts.key.algorithm.clone(),
            key_comment: facts.key.comment.clone(),
            purpose: Purpose::of(facts)?,
            sha1: facts.sha1,
        })
    }

    /// The facts that rules would see of a request in this scope.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts {
            caller: self.caller.clone(),
            keyring: self.keyring.clone(),
            key: KeyFacts {
                fingerprint: self.key.clone(),
                algorithm: self.key_algorithm.clone(),
                comment: self.key_comment.clone(),
            },
            kind: IntentKind::Login,
            sha1: self.sha1,
            user: None,
            proof: Proof::Unproven,
            host: None,
            namespace: None,
            content: None,
            forwarded: false,
        };
        match &self.purpose {
            Purpose::Login {
                user,
                host,
                ca,
                host_names,
                proof,
            } => {
                facts.user = Some(user.clone());
                facts.proof = *proof;
                facts.host = Some(HostIdentity {
                    fingerprint: host.clone(),
                    algorithm: String::new(),
                    ca: ca.clone(),
                    names: host_names.clone(),
                    label: None,
                    possible_names: Vec::new(),
                    revocation: crate::facts::Revocation::None,
                });
            }
            Purpose::Sshsig { namespace, content } => {
                facts.kind = IntentKind::Sshsig;
                facts.namespace = Some(namespace.clone());
                facts.content = content.clone();
            }
        }
        facts
    }
}

impl Purpose {
    fn of(facts: &Facts) -> Option<Self> {
        match facts.kind {
            IntentKind::Login => {
                let host = facts.host.as_ref()?;
                if facts.proof == Proof::Unproven
                    || host.names.is_empty()
                    || host.revocation.is_some()
                {
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
            IntentKind::Sshsig => Some(Self::Sshsig {
                namespace: facts.namespace.clone()?,
                content: facts.content.clone(),
            }),
            IntentKind::Certificate | IntentKind::Sudo | IntentKind::Raw => None,
        }
    }
}
