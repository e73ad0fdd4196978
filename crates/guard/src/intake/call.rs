//! One qrexec call: its header says who calls, then the agent protocol follows.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::unistd::Uid;
use policy::caller::Caller;
use policy::record::{Event, Record, RecordOutcome};
use wire::carry::Terms;

use super::carry::{self, Session};
use super::connection;
use super::header;
use super::limits::{StreamGuard, Streams};
use super::line::Replies;
use super::stream::{ByteStream, MessageStream};
use crate::sign::session::{AgentSession, Client, Signer};
use common::config::vault::{CarryConfig, Limits};
use common::control::Connected;
use common::log::journal::{self, Priority};
use common::sandbox::Sandbox;

const TOO_MANY_STREAMS: &str = "as many streams as there may be in all";

/// Callers that may have as many carried connections as one may, at the same time.
const MOST_CARRIED_CALLERS: usize = 4;

/// What all calls share before they are known to be anybody's.
pub struct Intake {
    limits: Limits,
    carry: CarryConfig,
    streams: Arc<Streams>,
    /// Connections that calls carry beside their first.
    carried: Arc<Streams>,
    connections: AtomicU64,
    signer: Arc<Signer>,
}

/// Carried connections of all callers at once.
pub fn most_carried(carry: &CarryConfig) -> usize {
    let most = usize::try_from(carry.connections).unwrap_or(usize::MAX);
    most.saturating_mul(MOST_CARRIED_CALLERS)
}

impl Intake {
    pub fn new(limits: Limits, carry: CarryConfig, signer: Arc<Signer>) -> Self {
        let most = usize::try_from(carry.connections).unwrap_or(usize::MAX);
        let changes = &signer.recorder.changes;
        Self {
            carried: Streams::new(most_carried(&carry), most, changes),
            carry,
            streams: Streams::new(limits.streams, limits.streams_per_qube, changes),
            connections: AtomicU64::new(0),
            limits,
            signer,
        }
    }

    /// How many calls there are now.
    pub fn count(&self) -> usize {
        self.streams.count()
    }

    /// Who has calls open, in the order of their names.
    pub fn connected(&self) -> Vec<Connected> {
        let carried = self.carried.callers();
        let calls = self.streams.callers().into_iter();
        let mut connected: Vec<Connected> = calls
            .map(|(caller, calls)| Connected {
                qube: caller.to_string(),
                calls,
                carried: carried.get(&caller).copied().unwrap_or_default(),
            })
            .collect();
        connected.sort_by(|one, other| one.qube.cmp(&other.qube));
        connected
    }

    /// Serves one call to its end.
    pub fn serve(&self, stream: UnixStream, peer: Uid) {
        let Some(guard) = self.streams.register() else {
            return self.note(Event::Limit, None, TOO_MANY_STREAMS);
        };
        let Ok(mut bytes) = ByteStream::new(stream) else {
            return;
        };
        match header::read(&mut bytes) {
            Ok(Some((header, data))) => {
                if let Err(why) = may_say(&header.caller, peer) {
                    return self.refuse_header(None, why);
                }
                let client = Client {
                    caller: header.caller,
                    keyring: header.keyring,
                    number: self.next_number(),
                    forwarded: false,
                };
                self.serve_client(guard, client, MessageStream::new(bytes, &data));
            }
            Ok(None) => {}
            Err(bad) => self.refuse_header(bad.caller.as_ref(), &bad.why),
        }
    }

    /// Serves one connection that came by the socket of `sandbox`, to its end.
    pub fn serve_sandbox(&self, sandbox: &Sandbox, stream: UnixStream) {
        let client = Client {
            caller: sandbox.caller.clone(),
            keyring: sandbox.keyring.clone(),
            number: self.next_number(),
            forwarded: sandbox.forwarded,
        };
        let Some(guard) = self.streams.register() else {
            return self.note(Event::Limit, Some(&client), TOO_MANY_STREAMS);
        };
        if let Ok(bytes) = ByteStream::new(stream) {
            self.serve_client(guard, client, MessageStream::new(bytes, &[]));
        }
    }

    /// Records that a peer tried to connect who is not `sandbox`'s, and `why` it is not.
    pub fn refuse_peer(&self, sandbox: &Sandbox, why: String) {
        let refusal = self.record(Event::Refusal).because(why);
        let refusal = refusal.caller(&sandbox.caller, &sandbox.keyring);
        self.signer.recorder.note(refusal);
    }

    fn next_number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn serve_client(&self, guard: StreamGuard, client: Client, mut stream: MessageStream) {
        let Some(_guard) = guard.of_caller(&client.caller) else {
            let why = "as many streams as one qube may have";
            return self.note(Event::Limit, Some(&client), why);
        };
        let Ok(socket) = stream.socket().try_clone() else {
            return;
        };
        let terms = Terms {
            connections: match self.carry.covers(&client.caller) {
                true => self.carry.connections,
                false => 0,
            },
            tells: self.carry.tell,
            may_remember: self.carry.remember,
        };
        let mut session = AgentSession::new(&self.signer, client.clone(), socket, None);
        let is_carrying = connection::serve(&mut session, &mut stream, &self.limits, terms);
        drop(session);
        if is_carrying {
            let begin = |socket, replies| self.begin_carried(client.clone(), socket, replies);
            let ended = carry::serve(&mut stream, terms.connections, &self.limits, &begin);
            if let Some((event, why)) = ended {
                self.note(event, Some(&client), &why);
            }
        }
    }

    /// Begins one connection of a call that carries many, as if it had come by a call of its own. `None`: there are too many.
    fn begin_carried(
        &self,
        mut client: Client,
        socket: UnixStream,
        replies: Replies,
    ) -> Option<Session<'_>> {
        client.number = self.next_number();
        let guard = self.carried.register();
        let Some(guard) = guard.and_then(|guard| guard.of_caller(&client.caller)) else {
            let why = "as many carried connections as there may be";
            self.note(Event::Limit, Some(&client), why);
            return None;
        };
        let observer = self.carry.tell.then_some(replies);
        let session = AgentSession::new(&self.signer, client, socket, observer);
        Some((session, guard))
    }

    fn refuse_header(&self, caller: Option<&Caller>, reason: &str) {
        let mut record = self.record(Event::Malformed).because(reason);
        record.qube = caller.map(|caller| caller.to_string().into());
        self.signer.recorder.note(record);
        let who = caller.map_or_else(
            || "a stream".to_owned(),
            |caller| format!("a stream of {caller}"),
        );
        let said = format!("{who} was closed: {reason}");
        journal::say(Priority::Warning, &said);
    }

    fn note(&self, event: Event, client: Option<&Client>, why: &str) {
        let mut record = self.record(event).because(why);
        if let Some(client) = client {
            record = record.caller(&client.caller, &client.keyring);
        }
        self.signer.recorder.note(record);
    }

    fn record(&self, event: Event) -> Record {
        self.signer.policy.record(event, RecordOutcome::Refused)
    }
}

/// A local caller is who the kernel says; qrexec never names one of the other kinds.
fn may_say(caller: &Caller, peer: Uid) -> Result<(), &'static str> {
    match caller {
        Caller::Local(uid) if *uid != peer.as_raw() && !peer.is_root() => {
            Err("a local caller under another uid's name")
        }
        Caller::Sandbox(_) => Err("a sandbox is known by its own socket only"),
        _ => Ok(()),
    }
}
