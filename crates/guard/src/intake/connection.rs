//! One client connection, from its first message to its end: one thread, one session, one upstream
//! connection. Refusals are answers; only what is no agent protocol ends the connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use policy::caller::{Caller, Keyring};
use policy::record::{Event, Outcome, Record};
use policy::session::Session;
use wire::Problem;
use wire::reader::Reader;
use wire::reply::Reply;
use wire::request::{BadRequest, Extension, Request};
use wire::writer::Writer;

use super::stream::{MessageStream, Received};
use crate::Vault;
use crate::keys::upstream::Upstream;
use crate::policy_files::PolicySnapshot;
use crate::sign::listing::Listing;
use crate::timestamp;
use common::keyrings::KeyringPlace;

/// A message that is begun is sent in one go; ssh needs microseconds.
const WHOLE_MESSAGE_TIME: Duration = Duration::from_secs(30);

/// A connection and all that it has shown so far.
pub struct Connection<'v> {
    pub(crate) vault: &'v Vault,
    pub(crate) caller: Caller,
    pub(crate) keyring: Keyring,
    /// Caller and keyring, as every record of this connection names them.
    recorded_as: (Arc<str>, Arc<str>),
    pub(crate) number: u64,
    pub(crate) stream: MessageStream,
    pub(crate) session: Session,
    /// `None`: there is no such keyring.
    pub(crate) source: Option<KeyringPlace>,
    pub(crate) upstream: Option<Upstream>,
    /// The upstream's keys, as last listed on this connection.
    pub(crate) listing: Option<Listing>,
    /// What holds for the request at hand.
    pub(crate) policy: Arc<PolicySnapshot>,
}

impl<'v> Connection<'v> {
    pub fn new(
        vault: &'v Vault,
        caller: Caller,
        keyring: Keyring,
        stream: MessageStream,
        number: u64,
    ) -> Self {
        let source = vault.source(&keyring);
        let upstream = source
            .as_ref()
            .map(|source| Upstream::new(source.socket.clone()));
        Self {
            vault,
            recorded_as: (caller.to_string().into(), keyring.as_str().into()),
            caller,
            keyring,
            number,
            stream,
            session: Session::default(),
            source,
            upstream,
            listing: None,
            policy: vault.policy(),
        }
    }

    /// Answers until the client is done, or a bound is met.
    pub fn serve(mut self) {
        let limits = &self.vault.config.limits;
        let end = Instant::now() + limits.total();
        for _ in 0..limits.requests {
            let idle = (Instant::now() + limits.idle()).min(end);
            let reply = match self.stream.receive(idle, WHOLE_MESSAGE_TIME) {
                Received::Message(untrusted) => self.answer(&untrusted),
                Received::End(false) | Received::Io(_) => return,
                Received::End(true) => {
                    return self.malformed("the stream ended within a message");
                }
                Received::Broken(error) => return self.malformed(&error.to_string()),
                Received::TooSlow => {
                    return self.limit("a message that was begun and not ended in 30 s");
                }
                Received::Idle if Instant::now() >= end => {
                    return self.limit("the longest time for a stream");
                }
                Received::Idle => return self.limit("no request for too long"),
            };
            if self.stream.send(&reply).is_err() {
                return;
            }
        }
        self.limit("too many requests on one stream");
    }

    /// One request, one reply.
    fn answer(&mut self, untrusted: &[u8]) -> Vec<u8> {
        self.policy = self.vault.policy();
        match Request::parse(untrusted) {
            Ok(Request::List) => self.list(),
            Ok(Request::Sign(sign)) => self.sign(&sign),
            Ok(Request::Extension(Extension::SessionBind(bind))) => self.bind(&bind, untrusted),
            Ok(Request::Extension(Extension::Query)) => query(),
            Ok(request) => self.refuse(request.number(), request.name()),
            Err(bad) => self.bad_request(&bad, untrusted),
        }
    }

    /// A request that is understood and never served: it would change the vault's agent.
    fn refuse(&self, number: u8, name: &str) -> Vec<u8> {
        let mut record = self.record(Event::Refusal, Outcome::Refused);
        record.request = Some(name.to_owned());
        record.reason = Some(format!("request {number} is never served"));
        self.write(record);
        failure()
    }

    fn bad_request(&mut self, bad: &BadRequest, untrusted: &[u8]) -> Vec<u8> {
        let mut record = self.record(Event::Refusal, Outcome::Refused);
        record.bytes = u64::try_from(untrusted.len()).ok();
        record.reason = Some(match &bad.problem {
            Problem::Unknown => format!("request {} is not known", bad.number),
            Problem::Malformed(malformed) => {
                format!("request {} cannot be read: {malformed}", bad.number)
            }
        });
        self.write(record);
        if is_session_bind(untrusted) {
            // Whoever garbles a bind may want the login that follows to look unbound.
            self.session.refuse_logins();
            return Reply::ExtensionFailure.rebuild();
        }
        failure()
    }

    fn malformed(&self, reason: &str) {
        let mut record = self.record(Event::Malformed, Outcome::Refused);
        record.reason = Some(reason.to_owned());
        self.write(record);
    }

    fn limit(&self, reason: &str) {
        let mut record = self.record(Event::Limit, Outcome::Refused);
        record.reason = Some(reason.to_owned());
        self.write(record);
    }

    /// A record with what is known of every request on this connection.
    pub(crate) fn record(&self, event: Event, outcome: Outcome) -> Record {
        let mut record = Record::new(event, outcome, timestamp());
        record.qube = Some(Arc::clone(&self.recorded_as.0));
        record.keyring = Some(Arc::clone(&self.recorded_as.1));
        record.connection = Some(self.number);
        record.policy = Some(Arc::clone(self.policy.digest()));
        record
    }

    /// Writes a record of something that was refused anyway; `false` if it can't be written.
    pub(crate) fn write(&self, record: Record) -> bool {
        self.vault.write(record)
    }
}

pub(crate) fn failure() -> Vec<u8> {
    Reply::Failure.rebuild()
}

/// The extensions that we take: a list of names, as OpenSSH 10.3's agent answers (RFC 9987 §3.8.1).
fn query() -> Vec<u8> {
    let mut names = Writer::new();
    names.string("session-bind@openssh.com");
    names.string("query");
    Reply::ExtensionResponse {
        name: "query",
        contents: &names.into_bytes(),
    }
    .rebuild()
}

/// Whether a request that can't be read is a session-bind by its first words.
fn is_session_bind(untrusted: &[u8]) -> bool {
    let mut reader = Reader::new(untrusted);
    reader.u8("number") == Ok(27)
        && reader.string("name") == Ok(b"session-bind@openssh.com".as_slice())
}
