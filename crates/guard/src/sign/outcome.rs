//! What came of a sign request, and the one place where that becomes a record.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use policy::crypto::Fingerprint;
use policy::denied_by::DeniedBy;
use policy::facts::Moment;
use policy::gather::RequestRefusal;
use policy::permit::Case;
use policy::record::{DecidedBy, Escaped, Event, Record, RecordOutcome};
use policy::sign_request::ClassifiedRequest;
use wire::carry::Note;
use wire::request::{Request, SignRequest};

use crate::keys::upstream::UpstreamError;
use crate::log::recorder::timestamp;
use common::agent::plain_fingerprint;
use common::crypto::Ring;
use common::log::line::sha256_hex;

/// A sign request that is over.
#[derive(Debug)]
pub struct SignOutcome<'r> {
    pub trace: SignTrace<'r>,
    /// The agent's reply.
    pub result: Result<Vec<u8>, SignRefusal>,
}

/// What was found out about a request on its way, as far as it came.
#[derive(Debug)]
pub struct SignTrace<'r> {
    pub request: SignRequest<'r>,
    pub fingerprint: Fingerprint,
    pub classified: Option<ClassifiedRequest<'r>>,
    /// The facts, the policy's last word on them, and when it was said.
    pub case: Option<(Arc<Case>, Moment)>,
    /// The vault's own name for the key.
    pub label: Option<String>,
    /// Who allowed it, if it was not the policy alone.
    pub decided_by: Option<DecidedBy>,
    pub waited: Option<Duration>,
    /// What the upstream took to sign.
    pub signed: Option<Duration>,
    /// The record as far as the agent's reply decides nothing in it.
    prepared: Option<Record>,
}

impl<'r> SignTrace<'r> {
    /// Whatever comes of it, the log is to say what was asked.
    pub fn of(untrusted: &SignRequest<'r>, crypto: &Ring) -> Self {
        Self {
            request: *untrusted,
            fingerprint: plain_fingerprint(untrusted.key, crypto),
            classified: None,
            case: None,
            label: None,
            decided_by: None,
            waited: None,
            signed: None,
            prepared: None,
        }
    }

    /// Makes what the record is to hold of the request itself, on the base of what is recorded of every request of the
    /// connection. For the time that the agent takes.
    pub fn prepare(&mut self, base: Record) {
        self.prepared = Some(self.of_request(base));
    }

    fn of_request(&self, base: Record) -> Record {
        let mut record = base;
        record.request_sha256 = Some(sha256_hex(&Request::Sign(self.request).rebuild()));
        if let Some(classified) = &self.classified {
            record = record.asked(classified.intent());
        }
        if let Some((case, moment)) = &self.case {
            record = record.of(case.facts(), moment).judged(&case.judgement);
            if case.judgement.log_content() {
                record = record.keeping(case.gathered.content(), case.facts());
            }
        }
        record.key = Some(self.fingerprint.to_string());
        record.label = self
            .label
            .as_ref()
            .map(|label| Escaped::from_bytes(label.as_bytes()));
        record
    }
}

/// Why a sign request got no signature.
#[derive(Debug)]
pub enum SignRefusal {
    /// By the judgement of the case.
    Policy,
    /// Before the policy was asked.
    Request(RequestRefusal),
    /// The person, an earlier answer, or nobody.
    Person(DeniedBy, DecidedBy),
    ClientHungUp,
    NoDescriptors,
    /// This many signatures were given on the connection.
    SignatureLimit(u32),
    PolicyKeepsChanging,
    Upstream(UpstreamError),
}

impl SignRefusal {
    /// The record's event, and all that a client may be told.
    fn told_as(&self) -> (Event, Note) {
        match self {
            Self::Policy | Self::Request(_) => (Event::Sign, Note::Policy),
            Self::Person(DeniedBy::TooMany, _) | Self::SignatureLimit(_) => {
                (Event::Limit, Note::Limit)
            }
            Self::Person(
                DeniedBy::Nobody
                | DeniedBy::BadAnswer(_)
                | DeniedBy::PrompterFailed(_)
                | DeniedBy::Stopped,
                _,
            )
            | Self::ClientHungUp => (Event::NoAnswer, Note::NoAnswer),
            Self::Person(..) => (Event::Sign, Note::Denied),
            Self::NoDescriptors | Self::PolicyKeepsChanging => (Event::Limit, Note::Broken),
            Self::Upstream(_) => (Event::Upstream, Note::Broken),
        }
    }

    /// All that a client may be told.
    pub fn in_a_word(&self) -> Note {
        self.told_as().1
    }

    /// Who denied, where it was not the policy alone that `judged` the request; nobody, where nobody answered.
    fn decided_by(&self, judged: Option<DecidedBy>) -> Option<DecidedBy> {
        match self {
            _ if self.told_as().0 == Event::NoAnswer => None,
            Self::Person(DeniedBy::Answer, by) => Some(*by),
            Self::Person(DeniedBy::TooMany, _) => Some(DecidedBy::Policy),
            Self::Person(..) => Some(DecidedBy::Remembered),
            _ => judged,
        }
    }
}

impl fmt::Display for SignRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("the policy denies it"),
            Self::Request(refusal) => write!(f, "{refusal}"),
            Self::Person(why, _) => write!(f, "{why}"),
            Self::ClientHungUp => f.write_str("the client hung up"),
            Self::NoDescriptors => f.write_str("the vault has no descriptors left"),
            Self::SignatureLimit(limit) => {
                write!(f, "signature limit of this connection reached ({limit})")
            }
            Self::PolicyKeepsChanging => {
                f.write_str("the policy or the known hosts keep changing while the request waits")
            }
            Self::Upstream(error) => write!(f, "{error}"),
        }
    }
}

impl From<RequestRefusal> for SignRefusal {
    fn from(refusal: RequestRefusal) -> Self {
        Self::Request(refusal)
    }
}

impl From<UpstreamError> for SignRefusal {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl SignOutcome<'_> {
    /// The outcome's record; `base` is what is recorded of every request of the connection.
    pub fn record(&mut self, base: impl FnOnce() -> Record) -> Record {
        let prepared = self.trace.prepared.take();
        let mut record = prepared.unwrap_or_else(|| self.trace.of_request(base()));
        let trace = &self.trace;
        record.time = timestamp();
        record.decided_by = trace.decided_by.or(record.decided_by);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        record.wait_ms = trace.waited.map(millis);
        record.sign_ms = trace.signed.map(millis);
        match &self.result {
            Ok(_) => {
                (record.event, record.outcome) = (Event::Sign, RecordOutcome::Ok);
            }
            Err(refused) => {
                record.event = refused.told_as().0;
                record.outcome = match refused {
                    SignRefusal::Upstream(_) => RecordOutcome::Failed,
                    _ => RecordOutcome::Refused,
                };
                record.decided_by = refused.decided_by(record.decided_by);
                if let SignRefusal::Request(RequestRefusal::LooksLike(looks_like)) = refused {
                    record.looks_like = Some(*looks_like);
                }
                // The judgement's own reason says more.
                if !matches!(refused, SignRefusal::Policy) {
                    record.reason = Some(refused.to_string());
                }
            }
        }
        record
    }
}
