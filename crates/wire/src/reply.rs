//! Replies of an agent (RFC 9987 §5).

use crate::limits::MAX_IDENTITIES;
use crate::reader::Reader;
use crate::writer::Writer;
use crate::{BadMessage, Malformed, Problem};

const FAILURE: u8 = 5;
/// SSH_AGENT_SUCCESS.
pub const SUCCESS: u8 = 6;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION_FAILURE: u8 = 28;
const EXTENSION_RESPONSE: u8 = 29;

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// 5: refused, failed or not understood.
    Failure,
    /// 6: done.
    Success,
    /// 12: the keys of the agent.
    Identities(Vec<Identity<'a>>),
    /// 14: a signature; see [`Signature::parse`](crate::signature::Signature::parse).
    Signature(&'a [u8]),
    /// 28: an extension is known, but failed.
    ExtensionFailure,
    /// 29: an extension's answer.
    ExtensionResponse {
        /// The extension's name.
        name: &'a str,
        /// What follows the name.
        contents: &'a [u8],
    },
}

/// One key of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The blob. Not looked into, so that one odd key spoils no list; see
    /// [`PublicKey::parse`](crate::key::PublicKey::parse).
    pub key: &'a [u8],
    /// The agent's comment, any bytes.
    pub comment: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads a message: number and body.
    ///
    /// # Errors
    /// A number that no reply has, or a body that is not exactly what the number asks for.
    pub fn parse(payload: &'a [u8]) -> Result<Self, BadMessage> {
        Reader::message(payload, Self::read_body)
    }

    fn read_body(number: u8, reader: &mut Reader<'a>) -> Result<Self, Problem> {
        Ok(match number {
            FAILURE => Self::Failure,
            SUCCESS => Self::Success,
            IDENTITIES_ANSWER => Self::Identities(read_identities(reader)?),
            SIGN_RESPONSE => Self::Signature(reader.string("a signature")?),
            EXTENSION_FAILURE => Self::ExtensionFailure,
            EXTENSION_RESPONSE => Self::ExtensionResponse {
                name: reader.name("an extension's name")?,
                contents: reader.rest(),
            },
            _ => return Err(Problem::Unknown),
        })
    }

    /// An extension's answer, of what `write` writes.
    pub fn to_extension(name: &str, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let contents = &Writer::build(write);
        Reply::ExtensionResponse { name, contents }.rebuild()
    }

    /// The message's number.
    pub fn number(&self) -> u8 {
        match self {
            Self::Failure => FAILURE,
            Self::Success => SUCCESS,
            Self::Identities(_) => IDENTITIES_ANSWER,
            Self::Signature(_) => SIGN_RESPONSE,
            Self::ExtensionFailure => EXTENSION_FAILURE,
            Self::ExtensionResponse { .. } => EXTENSION_RESPONSE,
        }
    }

    /// The message again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer.u8(self.number());
            match self {
                Self::Failure | Self::Success | Self::ExtensionFailure => {}
                Self::Identities(identities) => {
                    writer.u32(u32::try_from(identities.len()).unwrap_or(u32::MAX));
                    for identity in identities {
                        writer.string(identity.key).string(identity.comment);
                    }
                }
                Self::Signature(signature) => {
                    writer.string(signature);
                }
                Self::ExtensionResponse { name, contents } => {
                    writer.string(name).raw(contents);
                }
            }
        })
    }
}

fn read_identities<'a>(reader: &mut Reader<'a>) -> Result<Vec<Identity<'a>>, Malformed> {
    let what = "a number of identities, at most 2048";
    let count = reader.read_as(what, Reader::u32, |count| {
        let count = usize::try_from(count).ok()?;
        (count <= MAX_IDENTITIES).then_some(count)
    })?;
    (0..count)
        .map(|_| {
            Ok(Identity {
                key: reader.string("a key")?,
                comment: reader.string("a comment")?,
            })
        })
        .collect()
}
