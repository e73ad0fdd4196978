//! A vault that takes the content behind what it signs, and one of its keys.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use policy::crypto::{ContentHasher, Crypto, Verified};
use wire::content::{CONTENT, ContentChunk};
use wire::key::PublicKey;
use wire::limits::MAX_CONTENT;
use wire::plain_key::PlainKey;
use wire::reader::Reader;
use wire::reply::Reply;
use wire::request::{Extension, QUERY, RSA_SHA2_512, Request, SignRequest};
use wire::signature::Signature;
use wire::sshsig::SshsigRequest;

use super::armor::armored;
use super::job::HashAlgorithm;
use common::agent::AgentConnection;
use common::crypto::Ring;
use common::error::Error;
use common::identities;

/// Bytes of a chunk: a message has 256 KiB at most, and holds the key as well.
const CHUNK: usize = 192 * 1024;

/// What is to be signed.
pub struct Content {
    /// `None`: too long to be sent.
    bytes: Option<Vec<u8>>,
    length: u64,
    algorithm: HashAlgorithm,
    hash: Vec<u8>,
}

impl Content {
    /// # Errors
    /// It cannot be read.
    pub fn read(mut from: impl Read, algorithm: HashAlgorithm) -> io::Result<Self> {
        let mut bytes = Vec::new();
        from.by_ref()
            .take(MAX_CONTENT + 1)
            .read_to_end(&mut bytes)?;
        let mut hasher = Hashed(Ring.content_hasher());
        hasher.0.update(&bytes);
        let length = bytes.len() as u64 + io::copy(&mut from, &mut hasher)?;
        let hashes = hasher.0.finish();
        Ok(Self {
            bytes: (length <= MAX_CONTENT).then_some(bytes),
            length,
            algorithm,
            hash: match algorithm {
                HashAlgorithm::Sha256 => hashes.sha256.to_vec(),
                HashAlgorithm::Sha512 => hashes.sha512.to_vec(),
            },
        })
    }

    /// Its messages for the vault, ahead of the sign request.
    fn messages<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + use<'a> {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        let mut offset = 0;
        let mut chunks = bytes.chunks(CHUNK);
        // An empty content, and one that is only announced, have one chunk.
        let first = chunks.next().unwrap_or_default();
        [first].into_iter().chain(chunks).map(move |bytes| {
            let chunk = ContentChunk {
                key,
                total: self.length,
                offset,
                bytes,
            };
            offset += bytes.len() as u64;
            Request::Extension(Extension::Content(chunk)).rebuild()
        })
    }
}

/// Takes what is too long to be kept.
struct Hashed(Box<dyn ContentHasher>);

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection to a vault, and the key that is to sign.
pub struct SigningVault {
    connection: AgentConnection,
    socket: PathBuf,
    key: Vec<u8>,
}

impl SigningVault {
    /// `None`: what is behind SSH_AUTH_SOCK takes no content or does not list the key, or there is no public key in the
    /// file.
    pub fn for_key(key_file: &Path) -> Option<Self> {
        let key = public_key(key_file)?;
        let socket = PathBuf::from(std::env::var_os("SSH_AUTH_SOCK")?);
        let mut connection = AgentConnection::open(&socket, None).ok()?;
        let answer = connection.ask(&Request::Extension(Extension::Query).rebuild());
        if !takes_content(&answer.ok()?) {
            return None;
        }
        let answer = connection.ask(&Request::List.rebuild()).ok()?;
        let is_listed = match Reply::parse(&answer) {
            Ok(Reply::Identities(listed)) => listed.iter().any(|entry| entry.key == key),
            _ => false,
        };
        is_listed.then_some(Self {
            connection,
            socket,
            key,
        })
    }

    /// A new connection for another signature.
    ///
    /// # Errors
    /// Nobody answers any more.
    pub fn call_again(self) -> Result<Self, Error> {
        let connection = AgentConnection::open(&self.socket, None);
        Ok(Self {
            connection: connection.map_err(|error| Error::new(error.to_string()))?,
            ..self
        })
    }

    /// Sends the content and has it signed: an SSHSIG, armored.
    ///
    /// # Errors
    /// There is no signature, or one that does not verify.
    pub fn sign(&mut self, content: &Content, namespace: &[u8]) -> Result<String, Error> {
        for (number, message) in content.messages(&self.key).enumerate() {
            match Reply::parse(&ask(&mut self.connection, &message)?) {
                Ok(Reply::Success) => {}
                // A merged agent announces content, and the vault behind it may not know it. Nothing has been taken yet,
                // so the signature is asked for without.
                Ok(Reply::Failure) if number == 0 => break,
                _ => return Err(Error::new("the vault does not take the content")),
            }
        }
        let request = SshsigRequest {
            namespace,
            reserved: b"",
            hash_algorithm: content.algorithm.word(),
            hash: &content.hash,
        };
        let data = request.rebuild();
        // What ssh-keygen would send is checked by its own parser, and by ours.
        SshsigRequest::parse(&data).map_err(|bad| Error::new(format!("bad namespace: {bad}")))?;
        let key = PublicKey::parse(&self.key)
            .map_err(|bad| Error::new(format!("the key cannot be read: {bad}")))?;
        let is_rsa = matches!(key.plain(), PlainKey::Rsa { .. });
        let message = Request::Sign(SignRequest {
            key: &self.key,
            data: &data,
            flags: if is_rsa { RSA_SHA2_512 } else { 0 },
        });
        let answer = ask(&mut self.connection, &message.rebuild())?;
        let signature = match Reply::parse(&answer) {
            Ok(Reply::Signature(signature)) => signature,
            Ok(Reply::Failure) => {
                return Err(Error::new("the vault did not sign").hint(
                    "`split-ssh log` in the vault says why; `split-ssh status` here, if no vault was reached",
                ));
            }
            _ => return Err(Error::new("what answers there is no SSH agent")),
        };
        let parsed = Signature::parse(signature)
            .map_err(|bad| Error::new(format!("the vault's signature cannot be read: {bad}")))?;
        let is_by_sha2 = !is_rsa || parsed.algorithm == "rsa-sha2-512";
        if !is_by_sha2 || Ring.verify(key.plain(), &parsed, &data) == Verified::Bad {
            return Err(Error::new("the vault's signature does not verify"));
        }
        Ok(armored(&self.key, &request, signature))
    }
}

fn ask(connection: &mut AgentConnection, message: &[u8]) -> Result<Vec<u8>, Error> {
    let answer = connection.ask(message);
    answer.map_err(|error| Error::new(error.to_string()))
}

fn takes_content(untrusted: &[u8]) -> bool {
    let Ok(Reply::ExtensionResponse {
        name: QUERY,
        contents,
    }) = Reply::parse(untrusted)
    else {
        return false;
    };
    let mut names = Reader::new(contents);
    while let Ok(name) = names.string("a name") {
        if name == CONTENT.as_bytes() {
            return true;
        }
    }
    false
}

/// The key in a file, or in the file of its public half.
fn public_key(path: &Path) -> Option<Vec<u8>> {
    let read = |suffix| Some(identities::read_public(path, suffix)?.blob);
    let blobs = ["", ".pub"].into_iter().filter_map(read);
    blobs
        .into_iter()
        .find(|blob| PublicKey::parse(blob).is_ok())
}
