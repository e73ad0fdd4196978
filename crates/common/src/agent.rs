//! Any SSH agent of this machine, asked by its owner: which keys it holds, and to let one go. The guard has an
//! upstream connection of its own for what clients ask.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use policy::crypto::{Crypto, Fingerprint};
use policy::facts::KeyFacts;
use wire::frame::{self, Decoder};
use wire::key::PublicKey;
use wire::reply::{Identity, Reply};
use wire::request::{EXTENSION, Request};
use wire::writer::Writer;

use crate::error::reason;
use crate::wait;

/// Listing keys or removing one takes an agent milliseconds.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// SSH_AGENTC_REMOVE_IDENTITY (RFC 9987).
const REMOVE_IDENTITY: u8 = 18;

/// A key as an agent lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    pub blob: Vec<u8>,
    pub comment: Vec<u8>,
}

impl ListedKey {
    /// As an agent lists it.
    pub fn of(listed: &Identity<'_>) -> Self {
        Self {
            blob: listed.key.to_vec(),
            comment: listed.comment.to_vec(),
        }
    }

    /// What rules look at. A key that we cannot read is still a key: opaque, with a fingerprint. The fingerprint is
    /// the plain key's, as `ssh-add -l` prints it for a certificate too.
    pub fn facts(&self, crypto: &dyn Crypto) -> KeyFacts {
        let parsed = PublicKey::parse(&self.blob);
        KeyFacts {
            fingerprint: plain_fingerprint(&self.blob, crypto),
            algorithm: parsed.map_or("unknown", |key| key.algorithm()).to_owned(),
            comment: self.comment.clone(),
        }
    }
}

/// The fingerprint of a key, or of the key in a certificate.
pub fn plain_fingerprint(blob: &[u8], crypto: &dyn Crypto) -> Fingerprint {
    let plain = PublicKey::parse(blob).map(|key| key.plain_blob());
    crypto.fingerprint(plain.as_deref().unwrap_or(blob))
}

/// Why an agent gave no usable answer.
#[derive(Debug)]
pub enum AgentError {
    Unreachable(io::Error),
    Slow,
    /// What it sent is no reply to this request.
    NotAnAgent,
    Refused,
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "the agent cannot be reached: {}", reason(error)),
            Self::Slow => f.write_str("the agent did not answer in time"),
            Self::NotAnAgent => f.write_str("what answers there is no SSH agent"),
            Self::Refused => f.write_str("the agent refused"),
        }
    }
}

/// The keys that the agent on `socket` holds.
///
/// # Errors
/// No usable answer within 10 seconds.
pub fn list(socket: &Path) -> Result<Vec<ListedKey>, AgentError> {
    let answer = ask(socket, &Request::List.rebuild())?;
    match Reply::parse(&answer) {
        Ok(Reply::Identities(keys)) => Ok(keys.iter().map(ListedKey::of).collect()),
        Ok(Reply::Failure) => Err(AgentError::Refused),
        _ => Err(AgentError::NotAnAgent),
    }
}

/// Takes one key, or one certificate, out of the agent on `socket`.
///
/// # Errors
/// No usable answer within 10 seconds, or the agent refuses: it is locked, or does not hold it.
pub fn remove(socket: &Path, blob: &[u8]) -> Result<(), AgentError> {
    let request = Writer::build(|writer| {
        writer.u8(REMOVE_IDENTITY).string(blob);
    });
    let answer = ask(socket, &request)?;
    match Reply::parse(&answer) {
        Ok(Reply::Success) => Ok(()),
        Ok(Reply::Failure) => Err(AgentError::Refused),
        _ => Err(AgentError::NotAnAgent),
    }
}

/// Whether the agent on `socket` is a vault of ours, or a way to one: it names our extensions.
pub fn is_split_ssh(socket: &Path) -> bool {
    const MARK: &[u8] = b"@split-ssh";
    let query = Writer::build(|writer| {
        writer.u8(EXTENSION).string(b"query");
    });
    let answer = ask(socket, &query).unwrap_or_default();
    answer.windows(MARK.len()).any(|part| part == MARK)
}

fn ask(socket: &Path, payload: &[u8]) -> Result<Vec<u8>, AgentError> {
    AgentConnection::open(socket, Some(ANSWER_TIME))?.ask(payload)
}

/// One connection to an agent, for one request after the other.
#[derive(Debug)]
pub struct AgentConnection {
    stream: UnixStream,
    decoder: Decoder,
    answer_time: Option<Duration>,
}

impl AgentConnection {
    /// `answer_time` is for the connection and for each answer; `None` waits as long as a person may take.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn open(socket: &Path, answer_time: Option<Duration>) -> Result<Self, AgentError> {
        let stream = wait::connected(socket, answer_time).map_err(failed)?;
        Ok(Self {
            stream,
            decoder: Decoder::new(),
            answer_time,
        })
    }

    /// # Errors
    /// No whole message came in time.
    pub fn ask(&mut self, payload: &[u8]) -> Result<Vec<u8>, AgentError> {
        let end = self.answer_time.map(|time| Instant::now() + time);
        let mut stream = &self.stream;
        stream.write_all(&frame::encode(payload)).map_err(failed)?;
        let mut chunk = [0_u8; 16 * 1024];
        loop {
            if let Some(message) = self.decoder.next().map_err(|_| AgentError::NotAnAgent)? {
                return Ok(message);
            }
            if let Some(end) = end {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(AgentError::Slow);
                }
                stream.set_read_timeout(Some(left)).map_err(failed)?;
            }
            match stream.read(&mut chunk) {
                Ok(0) => return Err(AgentError::NotAnAgent),
                Ok(count) => self.decoder.push(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

fn failed(error: io::Error) -> AgentError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AgentError::Slow,
        _ => AgentError::Unreachable(error),
    }
}
