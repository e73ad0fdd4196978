use crate::Malformed;
use crate::bind::{SESSION_BIND, SessionBind};
use crate::content::{CONTENT, ContentChunk};
use crate::reader::Reader;
use crate::writer::Writer;

/// The name of the extension that lists extensions (RFC 9987).
pub const QUERY: &str = "query";

/// 27: an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension<'a> {
    /// `session-bind@openssh.com`.
    SessionBind(SessionBind<'a>),
    /// `content@split-ssh`.
    Content(ContentChunk<'a>),
    /// `query`: which extensions there are.
    Query,
    /// Any other.
    Other {
        /// Its name.
        name: &'a str,
        /// What follows the name.
        contents: &'a [u8],
    },
}

impl<'a> Extension<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match reader.name("an extension's name")? {
            SESSION_BIND => Self::SessionBind(SessionBind::read(reader)?),
            CONTENT => Self::Content(ContentChunk::read(reader)?),
            QUERY => Self::Query,
            name => Self::Other {
                name,
                contents: reader.rest(),
            },
        })
    }

    /// The extension's full name on the wire.
    pub fn name(&self) -> &'a str {
        match self {
            Self::SessionBind(_) => SESSION_BIND,
            Self::Content(_) => CONTENT,
            Self::Query => QUERY,
            Self::Other { name, .. } => name,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.string(self.name());
        match self {
            Self::SessionBind(bind) => writer.raw(&bind.rebuild()),
            Self::Content(chunk) => writer.raw(&chunk.rebuild()),
            Self::Query => writer,
            Self::Other { contents, .. } => writer.raw(contents),
        };
    }
}
