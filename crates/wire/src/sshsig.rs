//! What `ssh-keygen -Y sign` and `git commit -S` sign (PROTOCOL.sshsig §3).

use crate::Malformed;
use crate::reader::Reader;
use crate::writer::Writer;

const MAGIC: &[u8; 6] = b"SSHSIG";

/// A signature over a message of which only the hash is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshsigRequest<'a> {
    /// The purpose that a verifier asks for: `git`, `file` …; not empty, no NUL.
    pub namespace: &'a [u8],
    /// For later versions of the format; kept.
    pub reserved: &'a [u8],
    /// `sha256` or `sha512`.
    pub hash_algorithm: &'a str,
    /// The message's hash, 32 or 64 bytes.
    pub hash: &'a [u8],
}

impl<'a> SshsigRequest<'a> {
    /// Reads what is to be signed.
    ///
    /// # Errors
    /// Anything but exactly one such request.
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(data, |reader| {
            let magic = |reader: &mut Reader<'a>, what| reader.bytes(MAGIC.len(), what);
            reader.read_as("SSHSIG", magic, |magic| (magic == MAGIC).then_some(()))?;
            let namespace = reader.string_that("a namespace that is not empty", |namespace| {
                !namespace.is_empty() && !namespace.contains(&0)
            })?;
            let reserved = reader.string("a reserved string")?;
            let what = "hash algorithm sha256 or sha512";
            let (hash_algorithm, length) =
                reader.read_as(what, Reader::name, |name| match name {
                    "sha256" => Some((name, 32)),
                    "sha512" => Some((name, 64)),
                    _ => None,
                })?;
            let hash =
                reader.string_that("a hash of its algorithm's length", |h| h.len() == length)?;
            Ok(Self {
                namespace,
                reserved,
                hash_algorithm,
                hash,
            })
        })
    }

    /// The bytes again.
    pub fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer
                .raw(MAGIC)
                .string(self.namespace)
                .string(self.reserved)
                .string(self.hash_algorithm)
                .string(self.hash);
        })
    }
}
