//! One sign request, owned: what was parsed is what is judged, asked about and sent.

use wire::request::{Request, SignRequest};
use wire::userauth::UserauthRequest;

use crate::crypto::Fingerprint;
use crate::intent::{Intent, LooksLike};

/// A sign request with what its data is for. The two cannot be of different requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassifiedRequest<'a> {
    request: SignRequest<'a>,
    intent: Intent<'a>,
}

impl<'a> ClassifiedRequest<'a> {
    /// Finds out what the data to be signed is for.
    ///
    /// # Errors
    /// Data that no rule may have signed, see [`Intent::classify`].
    pub fn of(untrusted: SignRequest<'a>) -> Result<Self, LooksLike> {
        Ok(Self {
            request: untrusted,
            intent: Intent::classify(untrusted.data, untrusted.key)?,
        })
    }

    /// The request as it was parsed.
    pub fn request(&self) -> &SignRequest<'a> {
        &self.request
    }

    /// The login that this is for, with the key that would sign it.
    pub fn login_with<'s>(
        &'s self,
        key: &'s Fingerprint,
    ) -> Option<(&'s UserauthRequest<'s>, &'s Fingerprint)> {
        match &self.intent {
            Intent::Login(login) => Some((login, key)),
            _ => None,
        }
    }

    /// What the signature would be for.
    pub fn intent(&self) -> &Intent<'a> {
        &self.intent
    }
}

/// A [`SignRequest`] that owns its bytes, so that it can wait for a person, a passphrase and the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedSignRequest {
    /// The blob of the key that is to sign.
    pub key: Vec<u8>,
    /// What is to be signed.
    pub data: Vec<u8>,
    /// Chooses the hash of an RSA signature.
    pub flags: u32,
}

impl OwnedSignRequest {
    /// Copies the request's bytes.
    pub fn of(request: &SignRequest<'_>) -> Self {
        Self {
            key: request.key.to_vec(),
            data: request.data.to_vec(),
            flags: request.flags,
        }
    }

    /// The message for the agent: rebuilt from what was parsed, never relayed.
    pub fn message(&self) -> Vec<u8> {
        Request::Sign(SignRequest {
            key: &self.key,
            data: &self.data,
            flags: self.flags,
        })
        .rebuild()
    }
}
