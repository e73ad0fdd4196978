//! Requests to an agent (RFC 9987 §5, OpenSSH's PROTOCOL.agent).

mod extension;

use std::fmt;

pub use extension::{Extension, QUERY};

use crate::reader::Reader;
use crate::writer::Writer;
use crate::{BadMessage, Problem};

/// SSH_AGENTC_REQUEST_IDENTITIES, as all numbers here of RFC 9987.
pub const REQUEST_IDENTITIES: u8 = 11;
/// SSH_AGENTC_SIGN_REQUEST.
pub const SIGN_REQUEST: u8 = 13;
/// SSH_AGENTC_EXTENSION.
pub const EXTENSION: u8 = 27;

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
    /// 27: an extension.
    Extension(Extension<'a>),
    /// Any other: it would change the agent, and is never served.
    NeverServed(NeverServed<'a>),
}

/// A request that would change the agent. Its body may hold private keys and passphrases; it stays unread,
/// and printing does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NeverServed<'a> {
    number: u8,
    body: &'a [u8],
}

impl fmt::Debug for NeverServed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeverServed")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
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

impl<'a> Request<'a> {
    /// Reads a message: number and body.
    ///
    /// # Errors
    /// A number that no request has, or the body of a request that we serve is not exactly what its
    /// number asks for.
    pub fn parse(payload: &'a [u8]) -> Result<Self, BadMessage> {
        Reader::message(payload, Self::read_body)
    }

    fn read_body(number: u8, reader: &mut Reader<'a>) -> Result<Self, Problem> {
        Ok(match number {
            REQUEST_IDENTITIES => Self::List,
            SIGN_REQUEST => Self::Sign(SignRequest {
                key: reader.string("a key")?,
                data: reader.string("data to sign")?,
                flags: reader.u32("signature flags")?,
            }),
            EXTENSION => Self::Extension(Extension::read(reader)?),
            _ if name_of_number(number).is_some() => Self::NeverServed(NeverServed {
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
            Self::Extension(_) => EXTENSION,
            Self::NeverServed(request) => request.number,
        }
    }

    /// The message's name, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Extension(Extension::SessionBind(_)) => "session-bind",
            Self::Extension(Extension::Content(_)) => "content",
            Self::Extension(Extension::Query) => QUERY,
            _ => name_of_number(self.number()).unwrap_or("unknown"),
        }
    }

    /// The message again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer.u8(self.number());
            match self {
                Self::List => {}
                Self::Sign(sign) => {
                    writer.string(sign.key).string(sign.data).u32(sign.flags);
                }
                Self::Extension(extension) => extension.write(writer),
                Self::NeverServed(request) => {
                    writer.raw(request.body);
                }
            }
        })
    }
}

/// The name of requests of this number, for people, also where the body was refused: RFC 9987's, in lower
/// case, and OpenSSH's for those of protocol 1. `None` for a number that no request has.
pub fn name_of_number(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "request-rsa-identities",
        3 => "rsa-challenge",
        7 => "add-rsa-identity",
        8 => "remove-rsa-identity",
        // OpenSSH's agent forgets the keys of protocol 2 as well.
        9 => "remove-all-rsa-identities",
        REQUEST_IDENTITIES => "request-identities",
        SIGN_REQUEST => "sign-request",
        17 => "add-identity",
        18 => "remove-identity",
        19 => "remove-all-identities",
        // ssh-agent loads and runs the library that 20, 25 and 26 name.
        20 => "add-smartcard-key",
        21 => "remove-smartcard-key",
        22 => "lock",
        23 => "unlock",
        24 => "add-rsa-id-constrained",
        25 => "add-id-constrained",
        26 => "add-smartcard-key-constrained",
        EXTENSION => "extension",
        _ => return None,
    })
}
