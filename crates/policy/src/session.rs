//! The state of one agent connection: its session binds and the signatures that it was given. All of the state is
//! in this one value, so that it can be dropped and made anew.
//!
//! Order rules as in OpenSSH's agent (PROTOCOL.agent, `session-bind@openssh.com`), with one thing
//! stricter: a failed bind is never lifted by a later good one.

use wire::bind::SessionBind;
use wire::key::PublicKey;
use wire::limits;
use wire::signature::Signature;
use wire::userauth::UserauthRequest;

use crate::crypto::{Crypto, Fingerprint, Verified};
use crate::facts::Proof;
use crate::intent::same_plain_key;

/// Keys that may sign one login, the first included: servers that want two keys, and clients that try
/// each key in turn. sshd itself allows six tries.
pub const MAX_KEYS_PER_LOGIN: usize = 6;

#[derive(Debug, Default)]
pub struct Session {
    known_forwarded: bool,
    binds: Vec<Bind>,
    failed: bool,
    signatures: u32,
    logins: Vec<SignedLogin>,
}

/// One recorded bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    pub host_key: Vec<u8>,
    pub session_id: Vec<u8>,
    pub forwarding: bool,
    /// The host's signature was verified. A key of a type or size that we cannot check adds no proof.
    pub is_verified: bool,
}

/// How the check of a bind ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindOutcome {
    Good,
    /// The same forwarding bind again, which changes nothing.
    Repeated,
    Unverifiable,
    /// Every later signature on this connection is refused.
    Failed(&'static str),
}

/// What a login's data and the connection's binds prove about its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEvidence {
    pub proof: Proof,
    /// The host key's blob (plain or certificate) behind `Proven` and `Bound`.
    pub host_key: Option<Vec<u8>>,
    /// A bind for this very session could not be checked.
    pub unverifiable_bind: bool,
}

impl HostEvidence {
    /// Nothing shows which host it is, or whether there is one.
    pub(crate) fn none() -> Self {
        Self {
            proof: Proof::Unproven,
            host_key: None,
            unverifiable_bind: false,
        }
    }
}

/// A login that got signatures, and the keys that signed it.
#[derive(Debug)]
struct SignedLogin {
    session_id: Vec<u8>,
    user: Vec<u8>,
    host_key: Option<Vec<u8>>,
    keys: Vec<Fingerprint>,
}

impl Session {
    /// Takes a bind, checked in OpenSSH's order: signature, earlier binds, number.
    pub fn bind(&mut self, untrusted: &SessionBind<'_>, crypto: &dyn Crypto) -> BindOutcome {
        let checked = self.check_bind(untrusted, crypto);
        let outcome = checked.unwrap_or_else(BindOutcome::Failed);
        match outcome {
            BindOutcome::Failed(_) => self.failed = true,
            BindOutcome::Repeated => {}
            BindOutcome::Good | BindOutcome::Unverifiable => self.binds.push(Bind {
                host_key: untrusted.host_key.to_vec(),
                session_id: untrusted.session_id.to_vec(),
                forwarding: untrusted.is_forwarding,
                is_verified: outcome == BindOutcome::Good,
            }),
        }
        outcome
    }

    fn check_bind(
        &self,
        untrusted: &SessionBind<'_>,
        crypto: &dyn Crypto,
    ) -> Result<BindOutcome, &'static str> {
        let outcome = host_signature(untrusted, crypto)?;
        for earlier in &self.binds {
            if !earlier.forwarding {
                return Err("a bind after the one for this connection's own login");
            }
            if earlier.session_id == untrusted.session_id {
                // The same key again is OpenSSH's success that records nothing, whatever its flag says.
                return match earlier.host_key == untrusted.host_key {
                    true => Ok(BindOutcome::Repeated),
                    false => Err("a second host key for the same session"),
                };
            }
        }
        match self.binds.len() < limits::MAX_BINDS {
            true => Ok(outcome),
            false => Err("more than 16 binds"),
        }
    }

    /// A connection that is known to come from another host, whatever its binds say.
    pub fn known_forwarded() -> Self {
        Self {
            known_forwarded: true,
            ..Self::default()
        }
    }

    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    pub fn bind_failed(&self) -> bool {
        self.failed
    }

    /// Refuses every later signature on this connection, after a bind that cannot be parsed: it counts as failed.
    pub fn refuse_signatures(&mut self) {
        self.failed = true;
    }

    /// A forwarding bind was seen, or the connection is known to be forwarded. `false` proves nothing: many clients forward without one.
    pub fn forwarded(&self) -> bool {
        self.known_forwarded || self.binds.iter().any(|bind| bind.forwarding)
    }

    /// The bind for this connection's own login, if there is one. git and ssh-keygen never bind, so an
    /// SSHSIG on such a connection is not theirs.
    pub fn login_bind(&self) -> Option<&Bind> {
        self.binds.last().filter(|bind| !bind.forwarding)
    }

    /// What is proven about the host of `login`.
    ///
    /// # Errors
    /// The login's data and the binds contradict each other, or a bind failed before.
    pub fn host_evidence(&self, login: &UserauthRequest<'_>) -> Result<HostEvidence, &'static str> {
        if self.failed {
            return Err("an earlier bind on this connection failed");
        }
        let same_session = self
            .binds
            .iter()
            .find(|bind| bind.session_id == login.session_id);
        match same_session {
            Some(bind) if bind.forwarding => {
                return Err("a login to a host that was bound for forwarding");
            }
            None if self.login_bind().is_some() => {
                return Err("a login to another session than the bind's");
            }
            _ => {}
        }
        let (proof, host_key) = match (login.host_key(), same_session) {
            (Some(named), Some(bind)) if !same_plain_key(&bind.host_key, named) => {
                return Err("a login to another host key than the bind's");
            }
            (Some(named), _) => (Proof::Proven, Some(named.to_vec())),
            (None, Some(bind)) if bind.is_verified => (Proof::Bound, Some(bind.host_key.clone())),
            (None, _) => (Proof::Unproven, None),
        };
        Ok(HostEvidence {
            proof,
            host_key,
            unverifiable_bind: same_session.is_some_and(|bind| !bind.is_verified),
        })
    }

    /// Whether the connection may get one more signature. `limit` is its total; further keys for a login that was
    /// signed already are not counted, up to [`MAX_KEYS_PER_LOGIN`].
    pub fn has_room(
        &self,
        limit: u32,
        login: Option<(&UserauthRequest<'_>, &Fingerprint)>,
    ) -> bool {
        if self.signatures < limit {
            return true;
        }
        let Some((login, key)) = login else {
            return false;
        };
        self.logins.iter().any(|given| given.takes(login, key))
    }

    /// Counts a signature that was given.
    pub fn count(&mut self, login: Option<(&UserauthRequest<'_>, &Fingerprint)>) {
        let Some((login, key)) = login else {
            self.signatures = self.signatures.saturating_add(1);
            return;
        };
        let mut logins = self.logins.iter_mut();
        if let Some(given) = logins.find(|given| given.takes(login, key)) {
            given.keys.push(key.clone());
            return;
        }
        if !self.logins.iter().any(|given| given.is_same(login)) {
            self.logins.push(SignedLogin {
                session_id: login.session_id.to_vec(),
                user: login.user.to_vec(),
                host_key: login.host_key().map(<[u8]>::to_vec),
                keys: vec![key.clone()],
            });
        }
        self.signatures = self.signatures.saturating_add(1);
    }
}

impl SignedLogin {
    /// Whether this key may sign the login as well, without being counted.
    fn takes(&self, login: &UserauthRequest<'_>, key: &Fingerprint) -> bool {
        self.is_same(login) && self.keys.len() < MAX_KEYS_PER_LOGIN && !self.keys.contains(key)
    }

    fn is_same(&self, login: &UserauthRequest<'_>) -> bool {
        self.session_id == login.session_id
            && self.user == login.user
            && self.host_key.as_deref() == login.host_key()
    }
}

/// The host's signature over exactly the session id.
fn host_signature(
    untrusted: &SessionBind<'_>,
    crypto: &dyn Crypto,
) -> Result<BindOutcome, &'static str> {
    let host_key = PublicKey::parse(untrusted.host_key);
    let host_key = host_key.map_err(|_| "a host key that cannot be read")?;
    let signature = Signature::parse(untrusted.signature);
    let signature = signature.map_err(|_| "a host signature that cannot be read")?;
    match crypto.verify(host_key.plain(), &signature, untrusted.session_id) {
        Verified::Good => Ok(BindOutcome::Good),
        Verified::Unverifiable => Ok(BindOutcome::Unverifiable),
        Verified::Bad => Err("the host's signature is wrong"),
    }
}
