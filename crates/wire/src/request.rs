//! Requests to an agent (RFC 9987 §5, OpenSSH's PROTOCOL.agent).

mod add;
mod constraint;
mod extension;
mod obsolete;
mod secret;
mod smartcard;

use std::fmt;

pub use add::{AddIdentity, PrivateKey, PrivateParts};
pub use constraint::{Constraint, DestinationConstraint, Hop, HopKey};
pub use extension::{Extension, QUERY};
pub use obsolete::Obsolete;
pub use secret::Secret;
pub use smartcard::{AddSmartcard, Smartcard};

use crate::Problem;
use crate::reader::Reader;
use crate::writer::Writer;

const REMOVE_ALL_RSA: u8 = 9;
const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;
const ADD_IDENTITY: u8 = 17;
const REMOVE_IDENTITY: u8 = 18;
const REMOVE_ALL_IDENTITIES: u8 = 19;
const ADD_SMARTCARD_KEY: u8 = 20;
const REMOVE_SMARTCARD_KEY: u8 = 21;
const LOCK: u8 = 22;
const UNLOCK: u8 = 23;
const ADD_ID_CONSTRAINED: u8 = 25;
const ADD_SMARTCARD_KEY_CONSTRAINED: u8 = 26;
const EXTENSION: u8 = 27;

/// The signature flag for an RSA key to hash with SHA-256.
pub const RSA_SHA2_256: u32 = 2;
/// The same with SHA-512. With neither, an RSA key signs with SHA-1.
pub const RSA_SHA2_512: u32 = 4;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// 11: list the keys.
    List,
    /// 13: sign.
    Sign(SignRequest<'a>),
    /// 17 and 25: take a private key.
    Add(Box<AddIdentity<'a>>),
    /// 18: forget the key with this blob.
    Remove {
        /// The blob, not looked into.
        key: &'a [u8],
    },
    /// 19: forget all keys.
    RemoveAll,
    /// 20 and 26: load a token's keys through a library.
    AddSmartcard(AddSmartcard<'a>),
    /// 21: forget a token's keys.
    RemoveSmartcard(Smartcard<'a>),
    /// 22: lock the agent with a passphrase.
    Lock(Secret<'a>),
    /// 23: unlock it.
    Unlock(Secret<'a>),
    /// 27: an extension.
    Extension(Extension<'a>),
    /// 9: forget all keys of protocol 1. OpenSSH's agent forgets **all** keys.
    RemoveAllRsa,
    /// 1, 3, 7, 8, 24: others of protocol 1.
    Obsolete(Obsolete<'a>),
}

/// 13: sign `data` with the key of blob `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignRequest<'a> {
    /// The blob, not looked into.
    pub key: &'a [u8],
    /// What is to be signed.
    pub data: &'a [u8],
    /// [`RSA_SHA2_256`] and [`RSA_SHA2_512`]. Any other bits are kept, for the gate to refuse.
    pub flags: u32,
}

/// A message that is no proper request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRequest {
    /// The message's number; 0 for a message of no bytes.
    pub number: u8,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {}: {}", self.number, self.problem)
    }
}

impl std::error::Error for BadRequest {}

impl<'a> Request<'a> {
    /// Reads a message: number and body.
    ///
    /// # Errors
    /// A number that no request has, or a body that is not exactly what the number asks for.
    pub fn parse(payload: &'a [u8]) -> Result<Self, BadRequest> {
        Reader::message(payload, Self::read_body)
            .map_err(|(number, problem)| BadRequest { number, problem })
    }

    fn read_body(number: u8, reader: &mut Reader<'a>) -> Result<Self, Problem> {
        Ok(match number {
            REQUEST_IDENTITIES => Self::List,
            SIGN_REQUEST => Self::Sign(SignRequest {
                key: reader.string("a key")?,
                data: reader.string("data to sign")?,
                flags: reader.u32("signature flags")?,
            }),
            ADD_IDENTITY => Self::Add(Box::new(AddIdentity::read(reader, false)?)),
            ADD_ID_CONSTRAINED => Self::Add(Box::new(AddIdentity::read(reader, true)?)),
            REMOVE_IDENTITY => Self::Remove {
                key: reader.string("a key")?,
            },
            REMOVE_ALL_IDENTITIES => Self::RemoveAll,
            ADD_SMARTCARD_KEY => Self::AddSmartcard(AddSmartcard::read(reader, false)?),
            ADD_SMARTCARD_KEY_CONSTRAINED => Self::AddSmartcard(AddSmartcard::read(reader, true)?),
            REMOVE_SMARTCARD_KEY => Self::RemoveSmartcard(Smartcard::read(reader)?),
            LOCK => Self::Lock(Secret(reader.string("a passphrase")?)),
            UNLOCK => Self::Unlock(Secret(reader.string("a passphrase")?)),
            EXTENSION => Self::Extension(Extension::read(reader)?),
            REMOVE_ALL_RSA => Self::RemoveAllRsa,
            _ if obsolete::name(number).is_some() => Self::Obsolete(Obsolete {
                number,
                body: reader.rest(),
            }),
            _ => return Err(Problem::Unknown),
        })
    }

    /// The message's number.
    pub fn number(&self) -> u8 {
        match self {
            Self::List => REQUEST_IDENTITIES,
            Self::Sign(_) => SIGN_REQUEST,
            Self::Add(add) if add.constraints.is_none() => ADD_IDENTITY,
            Self::Add(_) => ADD_ID_CONSTRAINED,
            Self::Remove { .. } => REMOVE_IDENTITY,
            Self::RemoveAll => REMOVE_ALL_IDENTITIES,
            Self::AddSmartcard(add) if add.constraints.is_none() => ADD_SMARTCARD_KEY,
            Self::AddSmartcard(_) => ADD_SMARTCARD_KEY_CONSTRAINED,
            Self::RemoveSmartcard(_) => REMOVE_SMARTCARD_KEY,
            Self::Lock(_) => LOCK,
            Self::Unlock(_) => UNLOCK,
            Self::Extension(_) => EXTENSION,
            Self::RemoveAllRsa => REMOVE_ALL_RSA,
            Self::Obsolete(obsolete) => obsolete.number,
        }
    }

    /// The message's name, for people: RFC 9987's, in lower case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Extension(Extension::SessionBind(_)) => "session-bind",
            Self::Extension(Extension::Query) => QUERY,
            _ => name_of_number(self.number()).unwrap_or("unknown"),
        }
    }

    /// The message again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer.u8(self.number());
            match self {
                Self::List | Self::RemoveAll | Self::RemoveAllRsa => {}
                Self::Sign(sign) => {
                    writer.string(sign.key).string(sign.data).u32(sign.flags);
                }
                Self::Add(add) => add.write(writer),
                Self::Remove { key } => {
                    writer.string(key);
                }
                Self::AddSmartcard(add) => add.write(writer),
                Self::RemoveSmartcard(card) => card.write(writer),
                Self::Lock(secret) | Self::Unlock(secret) => {
                    writer.string(secret.0);
                }
                Self::Extension(extension) => extension.write(writer),
                Self::Obsolete(obsolete) => {
                    writer.raw(obsolete.body);
                }
            }
        })
    }
}

/// The name of requests of this number, for people, also where the body was refused; `None` for a
/// number that no request has.
pub fn name_of_number(number: u8) -> Option<&'static str> {
    Some(match number {
        REQUEST_IDENTITIES => "request-identities",
        SIGN_REQUEST => "sign-request",
        ADD_IDENTITY => "add-identity",
        REMOVE_IDENTITY => "remove-identity",
        REMOVE_ALL_IDENTITIES => "remove-all-identities",
        ADD_SMARTCARD_KEY => "add-smartcard-key",
        REMOVE_SMARTCARD_KEY => "remove-smartcard-key",
        LOCK => "lock",
        UNLOCK => "unlock",
        ADD_ID_CONSTRAINED => "add-id-constrained",
        ADD_SMARTCARD_KEY_CONSTRAINED => "add-smartcard-key-constrained",
        EXTENSION => "extension",
        REMOVE_ALL_RSA => "remove-all-rsa-identities",
        _ => return obsolete::name(number),
    })
}
