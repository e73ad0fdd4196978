//! `session-bind@openssh.com`: a server's signature over the session that a connection is for
//! (PROTOCOL.agent §1).

use crate::Malformed;
use crate::key::PublicKey;
use crate::limits::MAX_SESSION_ID;
use crate::reader::Reader;
use crate::signature::Signature;
use crate::writer::Writer;

/// The extension's name.
pub const SESSION_BIND: &str = "session-bind@openssh.com";

/// A claim that a connection belongs to a session with a server. Nothing in it is verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionBind<'a> {
    /// The server's key, or its certificate, as a blob; a proper [`PublicKey`].
    pub host_key: &'a [u8],
    /// The first exchange hash of the session, 1 to [`MAX_SESSION_ID`] bytes.
    pub session_id: &'a [u8],
    /// By the host key (of a certificate: the key inside), over exactly `session_id`; a proper
    /// [`Signature`].
    pub signature: &'a [u8],
    /// Whether the connection will be forwarded to that server. A byte other than 0 and 1 is
    /// refused here, where ssh-agent takes it for true: no real client sends one.
    pub is_forwarding: bool,
}

impl<'a> SessionBind<'a> {
    /// Reads the extension's contents: what follows its name.
    ///
    /// # Errors
    /// Anything but exactly these four fields, each in its canonical form.
    pub fn parse(contents: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(contents, Self::read)
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            host_key: reader.nested("a host key", PublicKey::read)?.0,
            session_id: read_session_id(reader)?,
            signature: reader.nested("a host's signature", Signature::read)?.0,
            is_forwarding: reader.bool("0 or 1 for forwarding")?,
        })
    }

    /// The contents again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer
                .string(self.host_key)
                .string(self.session_id)
                .string(self.signature)
                .bool(self.is_forwarding);
        })
    }
}

pub(crate) fn read_session_id<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    reader.string_that("a session id of 1 to 128 bytes", |id| {
        !id.is_empty() && id.len() <= MAX_SESSION_ID
    })
}
