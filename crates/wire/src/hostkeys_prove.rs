//! What a server's host key signs for `hostkeys-prove-00@openssh.com` (OpenSSH's PROTOCOL §2.5).
//! With a user's key it would help to pass that key off as a host's.

use crate::Malformed;
use crate::bind::read_session_id;
use crate::key::PublicKey;
use crate::reader::Reader;
use crate::writer::Writer;

const NAME: &str = "hostkeys-prove-00@openssh.com";

/// A server's proof that it owns a further host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostkeysProve<'a> {
    /// The session's first exchange hash, 1 to 128 bytes.
    pub session_id: &'a [u8],
    /// The host key as a blob; a proper [`PublicKey`].
    pub host_key: &'a [u8],
}

impl<'a> HostkeysProve<'a> {
    /// Reads what is to be signed.
    ///
    /// # Errors
    /// Anything but exactly one such proof.
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(data, |reader| {
            reader.constant(NAME, "hostkeys-prove-00@openssh.com")?;
            Ok(Self {
                session_id: read_session_id(reader)?,
                host_key: reader.nested("a host key", PublicKey::read)?.0,
            })
        })
    }

    /// The bytes again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer
                .string(NAME)
                .string(self.session_id)
                .string(self.host_key);
        })
    }
}
