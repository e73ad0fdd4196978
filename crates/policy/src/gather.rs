//! Gathers the facts of one sign request from what it asks and what its connection has shown, and
//! refuses what no policy is asked about.

use std::fmt;

use wire::key::PublicKey;
use wire::plain_key::PlainKey;
use wire::request::{RSA_SHA2_256, RSA_SHA2_512, SignRequest};

use crate::caller::{Caller, Keyring};
use crate::facts::{Facts, HostIdentity, KeyFacts, Proof};
use crate::intent::{Intent, LooksLike};
use crate::session::{Contradiction, Session, Shown};

/// The RSA hash bits that RFC 9987 §3.6.1 knows.
const KNOWN_FLAGS: u32 = RSA_SHA2_256 | RSA_SHA2_512;

/// Why a sign request never reaches the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownFlags(u32),
    KeyNotListed,
    Contradiction(&'static str),
    /// Data that a server or a tool could take for what it is not to us.
    LooksLike(LooksLike),
    /// git and ssh-keygen never bind: such a request on a login's connection is not theirs.
    SshsigOnLoginConnection,
    /// A connection that tried to deceive signs nothing.
    BindFailed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlags(flags) => write!(f, "unknown signature flags {flags:#x}"),
            Self::KeyNotListed => f.write_str("a key that is not listed for this qube"),
            Self::Contradiction(what) => f.write_str(what),
            Self::LooksLike(looks_like) => looks_like.fmt(f),
            Self::SshsigOnLoginConnection => {
                f.write_str("an sshsig on a connection that is bound for a login")
            }
            Self::BindFailed => f.write_str("an earlier bind on this connection failed"),
        }
    }
}

impl From<Contradiction> for Refusal {
    fn from(contradiction: Contradiction) -> Self {
        Self::Contradiction(contradiction.0)
    }
}

impl From<LooksLike> for Refusal {
    fn from(looks_like: LooksLike) -> Self {
        Self::LooksLike(looks_like)
    }
}

/// What a connection asks, with what its vault side knows.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub caller: &'a Caller,
    pub keyring: &'a Keyring,
    pub key: &'a KeyFacts,
    pub sign: &'a SignRequest<'a>,
    pub intent: &'a Intent<'a>,
    pub session: &'a Session,
}

/// The facts that rules look at, and what was shown of a login's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    pub facts: Facts,
    /// The blob behind the facts' host.
    pub host_key: Option<Vec<u8>>,
    pub unverifiable_bind: bool,
}

/// Gathers the facts; `identify` names a host key from the vault's own files.
///
/// # Errors
/// A request that no rule can make right.
pub fn gather(
    asked: &Asked<'_>,
    identify: &dyn Fn(&[u8]) -> HostIdentity,
) -> Result<Gathered, Refusal> {
    if asked.sign.flags & !KNOWN_FLAGS != 0 {
        return Err(Refusal::UnknownFlags(asked.sign.flags));
    }
    if asked.session.bind_failed() {
        return Err(Refusal::BindFailed);
    }
    let shown = match asked.intent {
        Intent::Login(login) => asked.session.shown(login)?,
        Intent::Sshsig(_) if asked.session.login_bind().is_some() => {
            return Err(Refusal::SshsigOnLoginConnection);
        }
        _ => Shown {
            proof: Proof::Unproven,
            host_key: None,
            unverifiable_bind: false,
        },
    };
    Ok(Gathered {
        facts: Facts {
            caller: asked.caller.clone(),
            keyring: asked.keyring.clone(),
            key: asked.key.clone(),
            kind: asked.intent.kind(),
            sha1: is_sha1(asked.sign),
            user: match asked.intent {
                Intent::Login(login) => Some(login.user.to_vec()),
                Intent::Sudo(sudo) => Some(sudo.user.to_vec()),
                _ => None,
            },
            proof: shown.proof,
            host: shown.host_key.as_deref().map(identify),
            namespace: match asked.intent {
                Intent::Sshsig(sshsig) => Some(sshsig.namespace.to_vec()),
                _ => None,
            },
            forwarded: asked.session.forwarded(),
        },
        unverifiable_bind: shown.unverifiable_bind,
        host_key: shown.host_key,
    })
}

/// Without a hash flag an RSA key signs with SHA-1.
fn is_sha1(sign: &SignRequest<'_>) -> bool {
    let is_rsa =
        PublicKey::parse(sign.key).is_ok_and(|key| matches!(key.plain(), PlainKey::Rsa { .. }));
    is_rsa && sign.flags & KNOWN_FLAGS == 0
}
