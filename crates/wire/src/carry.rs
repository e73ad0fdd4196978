//! `carry@split-ssh`: many agent connections in one call (docs/extensions.md). A handshake in the agent protocol, and then
//! frames in both directions, each with a length in front as agent messages have.

mod connections;
mod vault_end;

pub use connections::Connections;
pub use vault_end::{VaultEnd, VaultEvent};

use std::fmt;

use crate::limits::MAX_MESSAGE;
use crate::reader::Reader;
use crate::reply::Reply;
use crate::request::{Extension, Request};
use crate::writer::Writer;
use crate::{Malformed, Problem};

/// The extension's name.
pub const CARRY: &str = "carry@split-ssh";
/// The one version that there is.
const VERSION: u8 = 1;
/// Bytes of a frame before its agent message: type and connection.
const FRAME_HEAD: usize = 5;
/// Bytes of an agent message that is carried: with a frame's head, no more than any message has.
pub const MAX_CARRIED: usize = MAX_MESSAGE - FRAME_HEAD;

const TELLS: u8 = 1;
const MAY_REMEMBER: u8 = 2;

/// The client's part of the handshake, an extension request.
pub fn hello() -> Vec<u8> {
    let extension = Extension::Other {
        name: CARRY,
        contents: &[VERSION],
    };
    Request::Extension(extension).rebuild()
}

/// Whether a request is the handshake, in the version that we know.
pub fn is_hello(untrusted_request: &[u8]) -> bool {
    untrusted_request == hello()
}

/// What a vault answers to the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Connections that may be open at once; 0: the vault carries none for this caller, and the stream stays one agent
    /// connection.
    pub connections: u32,
    /// The vault tells of open questions and of reasons.
    pub tells: bool,
    /// The client may remember the list of keys.
    pub may_remember: bool,
}

impl Terms {
    /// Reads a reply to the handshake. `None`: the vault does not know the extension.
    pub fn parse(untrusted_reply: &[u8]) -> Option<Self> {
        let Ok(Reply::ExtensionResponse {
            name: CARRY,
            contents,
        }) = Reply::parse(untrusted_reply)
        else {
            return None;
        };
        Reader::whole(contents, |reader| {
            reader.constant_u8(VERSION, "version 1")?;
            let connections = reader.u32("a number of connections")?;
            let what = "flags of which only 1 and 2 are known";
            let flags = reader.read_as(what, Reader::u8, |flags| {
                (flags & !(TELLS | MAY_REMEMBER) == 0).then_some(flags)
            })?;
            Ok(Self {
                connections,
                tells: flags & TELLS != 0,
                may_remember: flags & MAY_REMEMBER != 0,
            })
        })
        .ok()
    }

    /// The reply again.
    pub fn rebuild(&self) -> Vec<u8> {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        Reply::to_extension(CARRY, |writer| {
            writer
                .u8(VERSION)
                .u32(self.connections)
                .u8(flag(self.tells, TELLS) | flag(self.may_remember, MAY_REMEMBER));
        })
    }
}

/// What a vault tells a client of a request, beside the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Note {
    /// A question is open: the reply comes when a person has answered.
    Asking = 1,
    /// The policy refuses.
    Policy = 2,
    /// A person has denied it, now or before.
    Denied = 3,
    /// Nobody answered.
    NoAnswer = 4,
    /// A limit was met.
    Limit = 5,
    /// Something in the vault does not work.
    Broken = 6,
}

impl Note {
    fn parse(number: u8) -> Option<Self> {
        let all = [
            Self::Asking,
            Self::Policy,
            Self::Denied,
            Self::NoAnswer,
            Self::Limit,
            Self::Broken,
        ];
        all.into_iter().find(|note| *note as u8 == number)
    }
}

/// One frame, without its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// 1, by the client: a connection begins.
    Open(u32),
    /// 2: an agent message, a request or its reply.
    Message(u32, &'a [u8]),
    /// 3: a connection on which no reply is due has ended.
    Close(u32),
    /// 4: a connection has ended, whatever was due.
    Reset(u32),
    /// 5, by the vault: of the request whose reply is due.
    Note(u32, Note),
    /// 6, by the vault: no connection above this one was or will be looked at.
    Drain(u32),
}

/// Why a call is ended: the peer does not keep to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A frame that cannot be read.
    Frame(Problem),
    /// A frame that this peer may not send, or not now.
    Unexpected(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(problem) => write!(f, "a frame that cannot be read: {problem}"),
            Self::Unexpected(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Violation {}

impl<'a> Frame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// A type that no frame has, or a body that is not exactly what the type asks for.
    pub fn parse(untrusted: &'a [u8]) -> Result<Self, Violation> {
        Reader::message(untrusted, Self::read_body).map_err(|bad| Violation::Frame(bad.problem))
    }

    fn read_body(number: u8, reader: &mut Reader<'a>) -> Result<Self, Problem> {
        if !(1..=6).contains(&number) {
            return Err(Problem::Unknown);
        }
        let connection = reader.u32("a connection's number")?;
        Ok(match number {
            1 => Self::Open(connection),
            2 => Self::Message(connection, read_message(reader)?),
            3 => Self::Close(connection),
            4 => Self::Reset(connection),
            5 => {
                let note = reader.read_as("a note from 1 to 6", Reader::u8, Note::parse)?;
                Self::Note(connection, note)
            }
            _ => Self::Drain(connection),
        })
    }

    /// The frame again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            match self {
                Self::Open(connection) => writer.u8(1).u32(*connection),
                Self::Message(connection, message) => writer.u8(2).u32(*connection).raw(message),
                Self::Close(connection) => writer.u8(3).u32(*connection),
                Self::Reset(connection) => writer.u8(4).u32(*connection),
                Self::Note(connection, note) => writer.u8(5).u32(*connection).u8(*note as u8),
                Self::Drain(last) => writer.u8(6).u32(*last),
            };
        })
    }
}

fn read_message<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    if reader.is_empty() {
        return Err(reader.expected("an agent message"));
    }
    Ok(reader.rest())
}
