//! `content@split-ssh`: the content behind an SSHSIG's hash, in chunks; see `docs/extensions.md`.

use crate::Malformed;
use crate::limits::MAX_CONTENT;
use crate::reader::Reader;
use crate::writer::Writer;

/// The extension's name.
pub const CONTENT: &str = "content@split-ssh";

/// One chunk of what a key is about to sign. Nothing in it is verified here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentChunk<'a> {
    /// The blob of the key that is to sign, not looked into.
    pub key: &'a [u8],
    /// Bytes of the whole content.
    pub total: u64,
    /// Where the chunk begins; at 0 a new content begins.
    pub offset: u64,
    /// Not empty, but for a content of no bytes, and for one of more than [`MAX_CONTENT`], which is only announced.
    pub bytes: &'a [u8],
}

impl<'a> ContentChunk<'a> {
    /// Reads the extension's contents: what follows its name.
    ///
    /// # Errors
    /// Anything but exactly these four fields, or a chunk that does not lie within its content.
    pub fn parse(contents: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(contents, Self::read)
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let chunk = Self {
            key: reader.string("a key")?,
            total: reader.u64("the content's length")?,
            offset: reader.u64("the chunk's offset")?,
            bytes: reader.string("a chunk")?,
        };
        if chunk.lies_within() {
            return Ok(chunk);
        }
        Err(reader.expected("a chunk that lies within its content"))
    }

    fn lies_within(&self) -> bool {
        if self.total == 0 || self.total > MAX_CONTENT {
            return self.offset == 0 && self.bytes.is_empty();
        }
        let end = u64::try_from(self.bytes.len())
            .ok()
            .and_then(|length| self.offset.checked_add(length));
        !self.bytes.is_empty() && end.is_some_and(|end| end <= self.total)
    }

    /// The contents again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer
                .string(self.key)
                .u64(self.total)
                .u64(self.offset)
                .string(self.bytes);
        })
    }
}
