//! The agent that holds a keyring's keys. One connection of ours for one connection of a client, so that
//! binds and what they constrain never mix.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use policy::permit::Permit;
use policy::sign_request::OwnedSignRequest;
use wire::algorithm;
use wire::key::PublicKey;
use wire::plain_key::PlainKey;
use wire::reply::Reply;
use wire::request::{RSA_SHA2_256, RSA_SHA2_512, Request};
use wire::signature::Signature;

use crate::intake::stream::{ByteStream, MessageStream, Received};
use common::agent::ListedKey;
use common::error::reason;
use common::wait;

/// An agent whose queue stays full for so long is hung or stopped.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// An agent that lists its keys does no work for it.
const LIST_TIME: Duration = Duration::from_secs(10);
/// For the binds of a connection, which the agent verifies one after the other with those of all other connections.
const BINDS_TIME: Duration = Duration::from_secs(10);
/// A security key waits for a touch; sshd waits 120 s for the whole login.
const SIGN_TIME: Duration = Duration::from_secs(60);

/// Why the upstream gave nothing that we can use. The client sees FAILURE.
#[derive(Debug)]
pub enum UpstreamError {
    /// Neither a folder of keys nor the configuration knows this keyring.
    NoKeyring,
    Gone(io::Error),
    Slow,
    /// It answered with something that is no answer to what was asked.
    Wrong(&'static str),
    /// It said no.
    Refused,
    /// The key is in a file that could not be loaded into it.
    Locked(String),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeyring => f.write_str("there is no such keyring"),
            Self::Gone(error) => {
                let why = reason(error);
                write!(f, "the keyring's agent cannot be reached: {why}")
            }
            Self::Slow => f.write_str("the keyring's agent did not answer in time"),
            Self::Wrong(what) => write!(f, "the keyring's agent answered with {what}"),
            Self::Refused => f.write_str(
                "the keyring's agent refused: it is locked (ssh-add -X unlocks it), or nobody confirmed a key that \
                 was added with ssh-add -c",
            ),
            Self::Locked(why) => write!(f, "the key is not in the keyring's agent: {why}"),
        }
    }
}

impl UpstreamError {
    /// Whether this is what a locked agent looks like: nobody listens, or it says no.
    pub fn is_locked(&self) -> bool {
        match self {
            Self::Refused => true,
            Self::Gone(error) => matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ),
            _ => false,
        }
    }
}

#[derive(Debug)]
pub struct Upstream {
    path: PathBuf,
    connection: Option<MessageStream>,
    /// Every bind that we took, to be told again after a reconnection.
    binds: Vec<Vec<u8>>,
    told: usize,
    /// Answers to binds that were not read yet.
    owed: usize,
}

impl Upstream {
    /// Connects on first use: a client that asks nothing costs the agent nothing.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            connection: None,
            binds: Vec::new(),
            told: 0,
            owed: 0,
        }
    }

    /// Passes a bind on with the next question, so that the agent's own destination constraints work.
    /// Its answer is not looked at: what holds is our own check.
    pub fn pass_bind(&mut self, payload: Vec<u8>) {
        self.binds.push(payload);
        // It checks the bind while the client goes on; what fails now is tried again with the question.
        if self.connect().is_err() {
            self.disconnect();
        }
    }

    /// # Errors
    /// No usable answer; the next call connects anew.
    pub fn list(&mut self) -> Result<Vec<ListedKey>, UpstreamError> {
        let request = Request::List.rebuild();
        self.ask(
            &request,
            LIST_TIME,
            || (),
            |answer| match answer {
                Some(Reply::Identities(keys)) => Ok(keys.iter().map(ListedKey::of).collect()),
                _ => Err("something that is no list of keys"),
            },
        )
    }

    /// Whether the agent holds keys that it does not list here, since their destinations (`ssh-add -h`) are others than the
    /// binds name: an agent that is locked lists none to anybody.
    pub fn hides_keys(&self) -> bool {
        let lists_some = |keys: Vec<ListedKey>| !keys.is_empty();
        !self.binds.is_empty() && Self::new(self.path.clone()).list().is_ok_and(lists_some)
    }

    /// Spends `permit` and returns the SIGN_RESPONSE payload for the client. `meanwhile` runs while the agent signs.
    ///
    /// # Errors
    /// No usable answer, or a signature of another type than was judged; the next call connects anew.
    pub fn sign(
        &mut self,
        permit: Permit,
        meanwhile: impl FnOnce(),
    ) -> Result<Vec<u8>, UpstreamError> {
        let case = Arc::clone(permit.case());
        let request = case.gathered.request();
        let message = permit.into_message();
        self.ask(&message, SIGN_TIME, meanwhile, |answer| match answer {
            Some(Reply::Signature(bytes)) => match Signature::parse(bytes) {
                Ok(signature) if may_make(request, signature.algorithm) => {
                    Ok(Reply::Signature(bytes).rebuild())
                }
                Ok(_) => Err("a signature of another type than was asked for"),
                Err(_) => Err("a signature that cannot be read"),
            },
            _ => Err("something that is no signature"),
        })
    }

    /// Asks, and has `read` make of the answer what it is to be, or say what it is instead.
    fn ask<T>(
        &mut self,
        payload: &[u8],
        time: Duration,
        meanwhile: impl FnOnce(),
        read: impl FnOnce(Option<Reply<'_>>) -> Result<T, &'static str>,
    ) -> Result<T, UpstreamError> {
        let answer = self.exchange(payload, time, meanwhile);
        let asked = answer.and_then(|answer| match Reply::parse(&answer) {
            Ok(Reply::Failure) => Err(UpstreamError::Refused),
            reply => read(reply.ok()).map_err(UpstreamError::Wrong),
        });
        if !matches!(asked, Ok(_) | Err(UpstreamError::Refused)) {
            // A late answer would be taken for the next question's.
            self.disconnect();
        }
        asked
    }

    /// The agent has `time` from the moment when it gets the request: what it does before that is not this request's.
    fn exchange(
        &mut self,
        payload: &[u8],
        time: Duration,
        meanwhile: impl FnOnce(),
    ) -> Result<Vec<u8>, UpstreamError> {
        // An agent that speaks unasked has ended, perhaps to be started again, or has an answer that would be taken for
        // the next question's.
        let has_spoken = |connection: &MessageStream| connection.has_more();
        if self.owed == 0 && self.connection.as_ref().is_some_and(has_spoken) {
            self.disconnect();
        }
        self.connect()?;
        let connection = self.connection.as_mut().ok_or(UpstreamError::Slow)?;
        let binds_until = Instant::now() + BINDS_TIME;
        while self.owed > 0 {
            receive(connection, binds_until)?;
            self.owed -= 1;
        }
        connection.send(payload).map_err(UpstreamError::Gone)?;
        let until = Instant::now() + time;
        meanwhile();
        let answer = receive(connection, until)?;
        if connection.has_leftover() {
            return Err(UpstreamError::Wrong("more than was asked for"));
        }
        Ok(answer)
    }

    /// Connects, and sends the binds that the connection has not seen; their answers are read before the next one.
    fn connect(&mut self) -> Result<(), UpstreamError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(open(&self.path)?),
        };
        for bind in self.binds.iter().skip(self.told) {
            connection.send(bind).map_err(UpstreamError::Gone)?;
            self.told += 1;
            self.owed += 1;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.told = 0;
        self.owed = 0;
    }
}

/// Whether the request's key answers by a signature of this algorithm. RSA keys are told the hash
/// by the flags (RFC 8332), and the policy has judged that hash: an agent that knows no flags signs with
/// SHA-1. The web form of an ecdsa security key is by PROTOCOL.u2f.
fn may_make(request: &OwnedSignRequest, algorithm: &str) -> bool {
    let flags = request.flags;
    let Ok(key) = PublicKey::parse(&request.key) else {
        return false;
    };
    match (key.plain(), algorithm) {
        (PlainKey::Rsa { .. }, algorithm::RSA_SHA256) => flags & RSA_SHA2_256 != 0,
        (PlainKey::Rsa { .. }, algorithm::RSA_SHA512) => flags & RSA_SHA2_512 != 0,
        (PlainKey::Rsa { .. }, algorithm::RSA) => flags & (RSA_SHA2_256 | RSA_SHA2_512) == 0,
        (PlainKey::Rsa { .. }, _) => false,
        // A certificate of a type that we do not know: its signatures bear the name of the key inside.
        (
            PlainKey::Opaque {
                algorithm: name, ..
            },
            algorithm,
        ) => algorithm == *name || algorithm == name.replace("-cert-v01@", "@"),
        (plain, algorithm) => algorithm::may_sign_as(plain.algorithm(), algorithm),
    }
}

fn open(socket: &Path) -> Result<MessageStream, UpstreamError> {
    let stream =
        wait::connected(socket, Some(CONNECT_TIME)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => UpstreamError::Slow,
            _ => UpstreamError::Gone(error),
        })?;
    let bytes = ByteStream::new(stream).map_err(UpstreamError::Gone)?;
    Ok(MessageStream::new(bytes, &[]))
}

fn receive(connection: &mut MessageStream, until: Instant) -> Result<Vec<u8>, UpstreamError> {
    match connection.receive(until, until.saturating_duration_since(Instant::now())) {
        Received::Message(answer) => Ok(answer),
        Received::End(_) => Err(UpstreamError::Gone(io::ErrorKind::UnexpectedEof.into())),
        Received::Idle | Received::TooSlow => Err(UpstreamError::Slow),
        Received::Broken(_) => Err(UpstreamError::Wrong("a message of a bad length")),
        Received::Io(error) => Err(UpstreamError::Gone(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What a list takes at most in this test, and what a bind takes: longer.
    const TIME: Duration = Duration::from_secs(2);
    const BIND: Duration = Duration::from_secs(3);
    /// To a bind, and to the request for the list.
    const ANSWER: [u8; 5] = [0, 0, 0, 1, 6];

    #[test]
    fn the_time_for_a_list_begins_after_the_binds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let agent = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut message = [0; 5];
            client.read_exact(&mut message).unwrap();
            thread::sleep(BIND);
            client.write_all(&ANSWER).unwrap();
            client.read_exact(&mut message).unwrap();
            client.write_all(&ANSWER).unwrap();
        });
        let mut upstream = Upstream::new(path);
        upstream.pass_bind(vec![27]);
        let answer = upstream.exchange(&Request::List.rebuild(), TIME, || ());
        assert_eq!(answer.unwrap(), [6]);
        agent.join().unwrap();
    }
}
