//! Gathers the facts of one sign request from its data and its connection's binds, and refuses the
//! requests that no rule may allow.

use std::fmt;

use wire::key::PublicKey;
use wire::plain_key::PlainKey;
use wire::request::{RSA_SHA2_256, RSA_SHA2_512};

use crate::caller::{Caller, Keyring};
use crate::content::{ContentEvidence, PendingContent};
use crate::facts::{Facts, HostIdentity, KeyFacts};
use crate::intent::{Intent, LooksLike};
use crate::session::{HostEvidence, Session};
use crate::sign_request::{ClassifiedRequest, OwnedSignRequest};

/// The RSA hash bits that RFC 9987 §3.6.1 knows.
const KNOWN_FLAGS: u32 = RSA_SHA2_256 | RSA_SHA2_512;

/// Why a sign request never reaches the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestRefusal {
    UnknownFlags(u32),
    KeyNotListed,
    /// The key's blob cannot be parsed, so nobody can tell how it would sign; or the data contradicts the binds, or the
    /// content that the client sent ahead.
    Unfit(&'static str),
    /// Data that a server or a tool could read as something other than we do.
    LooksLike(LooksLike),
    /// git and ssh-keygen never bind: such a request on a login's connection is not theirs.
    SshsigOnLoginConnection,
    /// An earlier bind failed: nothing is signed on this connection any more.
    BindFailed,
}

impl fmt::Display for RequestRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlags(flags) => write!(f, "unknown signature flags {flags:#x}"),
            Self::KeyNotListed => f.write_str("a key that is not listed for this caller"),
            Self::Unfit(what) => f.write_str(what),
            Self::LooksLike(looks_like) => looks_like.fmt(f),
            Self::SshsigOnLoginConnection => {
                f.write_str("an sshsig on a connection that is bound for a login")
            }
            Self::BindFailed => f.write_str("an earlier bind on this connection failed"),
        }
    }
}

impl From<LooksLike> for RequestRefusal {
    fn from(looks_like: LooksLike) -> Self {
        Self::LooksLike(looks_like)
    }
}

/// A sign request with what the vault knows of its connection.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    pub caller: &'a Caller,
    pub keyring: &'a Keyring,
    /// The key that is to sign, as the upstream lists it.
    pub key: &'a KeyFacts,
    pub request: &'a ClassifiedRequest<'a>,
    pub session: &'a Session,
}

/// A request with the facts that rules look at. Only [`gather`] makes one, so that the facts are its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    request: OwnedSignRequest,
    facts: Facts,
    host: HostEvidence,
    content: ContentEvidence,
}

impl Gathered {
    /// What rules look at.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What the facts' host was told by.
    pub fn host(&self) -> &HostEvidence {
        &self.host
    }

    /// What is known of the content behind an SSHSIG.
    pub fn content(&self) -> &ContentEvidence {
        &self.content
    }

    /// The request itself.
    pub fn request(&self) -> &OwnedSignRequest {
        &self.request
    }

    /// The same request, with the host named by the known hosts that are in force now.
    pub(crate) fn named_by(&self, identify: &dyn Fn(&[u8]) -> HostIdentity) -> Self {
        let mut gathered = self.clone();
        gathered.facts.host = self.host.host_key.as_deref().map(identify);
        gathered
    }
}

/// Gathers the facts. `content` is what the connection sent for this request; `identify` names a host key from the
/// vault's own files.
///
/// # Errors
/// A request that no rule may allow.
pub fn gather(
    context: &RequestContext<'_>,
    content: PendingContent,
    identify: &dyn Fn(&[u8]) -> HostIdentity,
) -> Result<Gathered, RequestRefusal> {
    let (request, intent) = (context.request.request(), context.request.intent());
    if request.flags & !KNOWN_FLAGS != 0 {
        return Err(RequestRefusal::UnknownFlags(request.flags));
    }
    if context.session.bind_failed() {
        return Err(RequestRefusal::BindFailed);
    }
    let key = PublicKey::parse(request.key);
    let key = key.map_err(|_| RequestRefusal::Unfit("a key that cannot be read"))?;
    let host = match intent {
        Intent::Login(login) => {
            let evidence = context.session.host_evidence(login);
            evidence.map_err(RequestRefusal::Unfit)?
        }
        Intent::Sshsig(_) if context.session.login_bind().is_some() => {
            return Err(RequestRefusal::SshsigOnLoginConnection);
        }
        _ => HostEvidence::none(),
    };
    let content = content.prove(context.request);
    let content = content.map_err(RequestRefusal::Unfit)?;
    Ok(Gathered {
        request: OwnedSignRequest::of(request),
        facts: Facts {
            caller: context.caller.clone(),
            keyring: context.keyring.clone(),
            key: context.key.clone(),
            kind: intent.kind(),
            sha1: is_sha1(&key, request.flags),
            user: match intent {
                Intent::Login(login) => Some(login.user.to_vec()),
                Intent::Sudo(sudo) => Some(sudo.user.to_vec()),
                _ => None,
            },
            proof: host.proof,
            host: host.host_key.as_deref().map(identify),
            namespace: match intent {
                Intent::Sshsig(sshsig) => Some(sshsig.namespace.to_vec()),
                _ => None,
            },
            content: content.facts(),
            forwarded: context.session.forwarded(),
        },
        content,
        host,
    })
}

/// Without a hash flag an RSA key signs with SHA-1.
fn is_sha1(key: &PublicKey<'_>, flags: u32) -> bool {
    matches!(key.plain(), PlainKey::Rsa { .. }) && flags & KNOWN_FLAGS == 0
}

#[cfg(test)]
impl Gathered {
    /// For tests of what comes after gathering.
    pub(crate) fn in_tests(data: &[u8], facts: Facts, host_key: Option<Vec<u8>>) -> Self {
        Self {
            request: OwnedSignRequest::of(&wire::request::SignRequest {
                key: b"key",
                data,
                flags: 0,
            }),
            facts,
            host: HostEvidence {
                host_key,
                ..HostEvidence::none()
            },
            content: ContentEvidence::NotSent,
        }
    }
}
