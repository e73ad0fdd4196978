//! What one agent connection has shown, and what was listed and signed on it so far.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use policy::caller::{Caller, Keyring};
use policy::facts::KeyFacts;
use policy::gather::RequestRefusal;
use policy::judgement::Verdict;
use policy::record::{Event, Record, RecordOutcome};
use policy::rules::{LoginTo, VisibilityQuery};
use policy::session::Session;
use wire::carry::Note;

use super::content::{ContentCount, SentContent};
use super::key_list::{KeyEntry, KeyList};
use crate::ask::asker::Asker;
use crate::intake::line::Replies;
use crate::keys::keyrings::Keyrings;
use crate::keys::upstream::Upstream;
use crate::log::recorder::{Recorder, timestamp};
use crate::policy_files::{BoundHost, PolicyFiles, PolicySnapshot};
use common::crypto::Ring;
use common::keyrings::KeyringPlace;

/// What is needed to list and to sign, shared by all connections.
pub struct Signer {
    pub policy: Arc<PolicyFiles>,
    pub keys: Keyrings,
    pub asker: Arc<Asker>,
    pub recorder: Arc<Recorder>,
    pub crypto: Ring,
    pub contents: ContentCount,
}

/// Who asks for signatures on a connection.
#[derive(Clone, Debug)]
pub struct Client {
    pub caller: Caller,
    pub keyring: Keyring,
    /// The connection's number in the log.
    pub number: u64,
    /// All of it counts as forwarded from another host.
    pub forwarded: bool,
}

/// The state of one connection.
pub struct AgentSession<'s> {
    pub(super) signer: &'s Signer,
    pub(super) client: Client,
    /// Caller and keyring, as every record of this connection names them.
    recorded_as: (Arc<str>, Arc<str>),
    /// A client that hangs up takes its question along.
    pub(super) stream: UnixStream,
    pub(super) session: Session,
    pub content: SentContent,
    /// `None`: there is no such keyring.
    pub(super) place: Option<KeyringPlace>,
    pub(super) upstream: Option<Upstream>,
    /// The keyring's keys, as last listed on this connection.
    pub(super) keys: Option<KeyList>,
    /// How many keys of the last list a rule allows for the bound host; those came first.
    pub(super) allowed: u32,
    /// What holds for the request at hand.
    pub(super) policy: Arc<PolicySnapshot>,
    last_seen: Option<VisibleKey>,
    /// Hears what the client may know of its request beside the reply.
    observer: Option<Replies>,
}

/// A key that may be seen, and what that was decided on. Signatures by one key follow each other on a connection, and a
/// look at all rules costs more than all the rest.
struct VisibleKey {
    key: KeyFacts,
    policy: Arc<PolicySnapshot>,
    binds: usize,
}

impl<'s> AgentSession<'s> {
    /// `observer` hears of open questions, and in a word why a request was refused.
    pub fn new(
        signer: &'s Signer,
        client: Client,
        stream: UnixStream,
        observer: Option<Replies>,
    ) -> Self {
        let place = signer.keys.place(&client.keyring);
        let upstream = place
            .as_ref()
            .map(|place| Upstream::new(place.socket.clone()));
        let session = match client.forwarded {
            true => Session::known_forwarded(),
            false => Session::default(),
        };
        Self {
            signer,
            recorded_as: (
                client.caller.to_string().into(),
                client.keyring.as_str().into(),
            ),
            client,
            stream,
            session,
            content: SentContent::default(),
            place,
            upstream,
            keys: None,
            allowed: 0,
            policy: signer.policy.snapshot(),
            last_seen: None,
            observer,
        }
    }

    pub(super) fn tell(&self, note: Note) {
        if let Some(observer) = &self.observer {
            observer.tell(note);
        }
    }

    /// Takes the policy as it was saved by now for the request that has come, and no content of long ago.
    pub(super) fn begin_request(&mut self) {
        self.content.forget_old(Instant::now());
        self.policy = self.signer.policy.latest();
    }

    /// The key of this blob, as it was listed last.
    pub(super) fn listed(&self, blob: &[u8]) -> Option<&KeyEntry> {
        self.keys.as_ref()?.find(blob)
    }

    /// The gate for everything that keys are used or shown for: a connection whose bind failed gets nothing more.
    ///
    /// # Errors
    /// An earlier bind failed.
    pub(super) fn check_binds(&self) -> Result<(), RequestRefusal> {
        match self.session.bind_failed() {
            true => Err(RequestRefusal::BindFailed),
            false => Ok(()),
        }
    }

    /// [`AgentSession::may_see`] for a key that is to sign now.
    pub(super) fn may_sign_with(&mut self, key: &KeyFacts) -> Result<(), RequestRefusal> {
        self.check_binds()?;
        let binds = self.session.binds().len();
        let is_known = self.last_seen.as_ref().is_some_and(|last| {
            Arc::ptr_eq(&last.policy, &self.policy) && last.binds == binds && last.key == *key
        });
        if !is_known {
            let bound = self.policy.bound_host(&self.session);
            self.may_see(key, bound.as_ref())?;
            self.last_seen = Some(VisibleKey {
                key: key.clone(),
                policy: Arc::clone(&self.policy),
                binds,
            });
        }
        Ok(())
    }

    /// Whether some rule or the default could let the caller use this key, for the host that its login is bound to.
    ///
    /// # Errors
    /// Why the key is as good as not there.
    pub(super) fn may_see(
        &self,
        key: &KeyFacts,
        login_to: Option<&BoundHost>,
    ) -> Result<(), RequestRefusal> {
        self.check_binds()?;
        match self.mildest(key, login_to, Verdict::Ask) {
            Verdict::Allow | Verdict::Ask => Ok(()),
            Verdict::Deny => Err(RequestRefusal::KeyNotListed),
        }
    }

    /// The mildest verdict that a use of this key could have on this connection, as far as a difference to `enough`
    /// matters.
    pub(super) fn mildest(
        &self,
        key: &KeyFacts,
        login_to: Option<&BoundHost>,
        enough: Verdict,
    ) -> Verdict {
        let query = VisibilityQuery {
            caller: &self.client.caller,
            keyring: &self.client.keyring,
            key,
            forwarded: self.session.forwarded(),
            login_to: login_to.map(|bound| LoginTo {
                host: &bound.host,
                verified: bound.verified,
            }),
        };
        self.policy.mildest(&query, enough)
    }

    /// A record with what is known of every request on this connection.
    pub(super) fn record(&self, event: Event, outcome: RecordOutcome) -> Record {
        let mut record = Record::new(event, outcome, timestamp());
        record.qube = Some(Arc::clone(&self.recorded_as.0));
        record.keyring = Some(Arc::clone(&self.recorded_as.1));
        record.connection = Some(self.client.number);
        record.policy = Some(Arc::clone(&self.policy.digest));
        record
    }

    /// Records why the connection is ended.
    pub fn note_end(&self, event: Event, why: String) {
        let outcome = match event {
            Event::Undelivered => RecordOutcome::Failed,
            _ => RecordOutcome::Refused,
        };
        self.note(self.record(event, outcome).because(why));
    }

    /// Records a request that was refused without being judged.
    pub(super) fn note(&self, record: Record) {
        self.signer.recorder.note(record);
    }
}
