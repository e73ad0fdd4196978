//! What a question is about, in values that outlive the request's bytes.

use wire::certificate::CertificateToSign;

use crate::certificate_validity::{CertificateValidity, ValidityState};
use crate::content::{ContentEvidence, ProvenContent};
use crate::crypto::{Crypto, Fingerprint};
use crate::facts::{Facts, HostIdentity, Moment, Proof};
use crate::gather::Gathered;
use crate::intent::Intent;
use crate::judgement::{Judgement, Remember, RuleRef};
use crate::qube_color::QubeColor;

use super::history::{AuthorHistory, History};

/// All that a question shows of the request that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub facts: Facts,
    pub details: Details,
    /// The hosts that this connection was forwarded through, nearest first.
    pub via: Vec<HostIdentity>,
    /// The blob behind the facts' host, for a label that the person may type.
    pub host_key: Option<Vec<u8>>,
    /// If the key that is to sign comes with a certificate that is not valid for ever.
    pub key_validity: Option<KeyValidity>,
    /// A bind for this session was there, and we cannot check its kind of key.
    pub unverifiable_bind: bool,
    /// The caller's, by the policy.
    pub color: Option<QubeColor>,
    /// What the log knows of earlier requests like this one, if it was asked.
    pub history: Option<History>,
    /// The rule that would allow such requests from now on, if one may be written.
    pub always: Option<String>,
    /// From the judgement.
    pub rule: Option<RuleRef>,
    pub reason: String,
    pub remember: Remember,
}

impl Subject {
    pub(crate) fn of(
        gathered: &Gathered,
        judgement: &Judgement,
        color: Option<QubeColor>,
        via: Vec<HostIdentity>,
        now: &Moment,
        crypto: &dyn Crypto,
    ) -> Self {
        let request = gathered.request();
        // It was classified before it was judged.
        let intent = Intent::classify(&request.data, &request.key).unwrap_or(Intent::Raw);
        Self {
            facts: gathered.facts().clone(),
            details: Details::of(&intent, &request.data, gathered.content(), crypto),
            via,
            host_key: gathered.host().host_key.clone(),
            key_validity: CertificateValidity::of(&request.key).map(|validity| KeyValidity {
                state: validity.state(now.unix),
                validity,
            }),
            unverifiable_bind: gathered.host().unverifiable_bind,
            color,
            history: None,
            always: None,
            rule: judgement.rule().cloned(),
            reason: judgement.reason().to_owned(),
            remember: judgement.remember(),
        }
    }
}

impl Subject {
    /// The host of the request, if anything shows which it is.
    pub(super) fn shown_host(&self) -> Option<&HostIdentity> {
        let host = self.facts.host.as_ref();
        host.filter(|_| self.facts.proof != Proof::Unproven)
    }

    pub(super) fn author_history(&self) -> AuthorHistory {
        self.history.unwrap_or_default().author
    }

    pub(super) fn proven_content(&self) -> Option<&ProvenContent> {
        match &self.details {
            Details::Sshsig { content, .. } => content.proven(),
            _ => None,
        }
    }
}

/// The validity of the certificate that comes with the key, and what it was when the question was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyValidity {
    pub validity: CertificateValidity,
    pub state: ValidityState,
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
        content: ContentEvidence,
    },
    Certificate(Box<CertificateFields>),
    Sudo {
        /// Word by word. `None`: the request does not say.
        command: Option<Vec<Vec<u8>>>,
        /// Who asks. It may be another user than the one whose key this is to be.
        asking_user: Vec<u8>,
        host: Vec<u8>,
        directory: Vec<u8>,
        /// Of PAM; `sudo` as a rule.
        service: Vec<u8>,
    },
    Raw {
        length: usize,
        sha256: [u8; 32],
    },
}

impl Details {
    /// What there is to show of `intent`, made of `data`.
    fn of(
        intent: &Intent<'_>,
        data: &[u8],
        content: &ContentEvidence,
        crypto: &dyn Crypto,
    ) -> Self {
        match intent {
            Intent::Login(login) => Self::Login {
                session_id: login.session_id.to_vec(),
            },
            Intent::Sshsig(sshsig) => Self::Sshsig {
                hash_algorithm: sshsig.hash_algorithm.as_bytes().to_vec(),
                hash: sshsig.hash.to_vec(),
                content: content.clone(),
            },
            Intent::Certificate(terms) => {
                Self::Certificate(Box::new(CertificateFields::of(terms, crypto)))
            }
            Intent::Sudo(sudo) => Self::Sudo {
                command: sudo
                    .action
                    .as_ref()
                    .map(|words| words.iter().map(|word| word.to_vec()).collect()),
                asking_user: sudo.ruser.to_vec(),
                host: sudo.hostname.to_vec(),
                directory: sudo.cwd.to_vec(),
                service: sudo.service.to_vec(),
            },
            Intent::Raw => Self::Raw {
                length: data.len(),
                sha256: crypto.sha256(data),
            },
        }
    }

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
    /// Name and contents, as are extensions.
    pub critical_options: Vec<(Vec<u8>, Vec<u8>)>,
    pub extensions: Vec<(Vec<u8>, Vec<u8>)>,
    /// Of the key that the certificate is for.
    pub subject: Fingerprint,
}

impl CertificateFields {
    fn of(terms: &CertificateToSign<'_>, crypto: &dyn Crypto) -> Self {
        let owned = |bytes: &&[u8]| bytes.to_vec();
        Self {
            for_hosts: terms.kind == wire::certificate::CertificateKind::Host,
            key_id: terms.key_id.to_vec(),
            serial: terms.serial,
            principals: terms.principals.iter().map(owned).collect(),
            valid_after: terms.valid_after,
            valid_before: terms.valid_before,
            critical_options: owned_pairs(&terms.critical_options),
            extensions: owned_pairs(&terms.extensions),
            subject: crypto.fingerprint(&terms.key.rebuild()),
        }
    }
}

impl CertificateFields {
    /// The names of a certificate, those that open most first, where no cut can hide them.
    pub(super) fn principals_by_weight(&self) -> Vec<&[u8]> {
        let mut names: Vec<&[u8]> = self.principals.iter().map(Vec::as_slice).collect();
        names.sort_by_key(|name| !self.is_root(name));
        names
    }

    /// Whether a server would let somebody of this name do everything.
    pub(super) fn is_root(&self, name: &[u8]) -> bool {
        !self.for_hosts && name == b"root"
    }
}

fn owned_pairs(options: &[(&[u8], &[u8])]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let owned = |(name, data): &(&[u8], &[u8])| (name.to_vec(), inner_string(data).to_vec());
    options.iter().map(owned).collect()
}

/// The data of OpenSSH's options is one string within the string; other data stays as it is.
fn inner_string(data: &[u8]) -> &[u8] {
    match data.split_first_chunk() {
        Some((length, inner)) if u32::from_be_bytes(*length) as usize == inner.len() => inner,
        _ => data,
    }
}
