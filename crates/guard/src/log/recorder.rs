//! Every record passes here: to the log, and from there to whoever must know of a refusal.

use std::path::Path;
use std::sync::{Arc, Mutex};

use policy::past_requests::PastRequests;
use policy::record::sentence::Sentence;
use policy::record::{Event, Record, RecordOutcome, Timestamp};

use super::Log;
use super::refusals::Refusals;
use crate::ask::changes::Changes;
use crate::ask::prompt::{Notice, Notifier};
use common::clock;
use common::control::RefusedRequest;
use common::log::read;
use common::sync::lock;

/// The log, the last refusals for `split-ssh status`, and the notifications that refusals are worth.
pub struct Recorder {
    pub log: Log,
    /// The last ones, newest first.
    pub refusals: Mutex<Refusals>,
    /// What the log knows, and, of authors, also what it does not keep.
    pub past: Mutex<PastRequests>,
    notifier: Arc<Notifier>,
    /// Told after each record.
    pub changes: Arc<Changes>,
}

/// Files of the log, the newest last, that are read at start to know what was signed before: at most 16 MiB.
const FILES_OF_THE_PAST: usize = 2;

impl Recorder {
    pub fn new(log: Log, notifier: Arc<Notifier>) -> Self {
        let past = log.path().parent().map(past_requests);
        Self {
            log,
            refusals: Mutex::default(),
            past: Mutex::new(past.unwrap_or_default()),
            notifier,
            changes: Arc::default(),
        }
    }

    /// Writes a record; `false` if it is not on disk: then nothing may be given that it tells of.
    #[must_use]
    pub fn write(&self, record: Record) -> bool {
        let refuses = matches!(
            record.outcome,
            RecordOutcome::Refused | RecordOutcome::Failed
        );
        if refuses && record.event != Event::Revoked {
            self.remember_refusal(&record);
        }
        lock(&self.past).add(&record);
        let written = self.log.write(record);
        self.changes.tell();
        let Err(error) = written else {
            return true;
        };
        let said = format!("Everything is refused: {}", error.what());
        self.notifier.tell(Notice::said(said));
        false
    }

    /// Writes a record of what has happened anyway.
    pub fn note(&self, record: Record) {
        // A log that takes no more refuses the next request that would be given something.
        let _ = self.write(record);
    }

    fn remember_refusal(&self, record: &Record) {
        let who = record.qube.as_deref().unwrap_or("?");
        let why = record.reason.as_deref().unwrap_or("");
        if matches!(
            record.event,
            Event::Bind | Event::Refusal | Event::Malformed
        ) {
            let sentence = format!("{}: {why}", record.event.word());
            self.notifier.tell(Notice::refused(who, sentence));
        }
        let sentence = Sentence::of(record);
        lock(&self.refusals).add(RefusedRequest {
            time: record.time.to_string(),
            qube: record.qube.as_deref().map(str::to_owned),
            what: format!("{} {}", sentence.head, sentence.what),
            why: sentence.why,
            times: 1,
        });
    }
}

/// What the log's newest files tell. A line that cannot be read tells nothing: `split-ssh log --verify` names it.
fn past_requests(folder: &Path) -> PastRequests {
    let mut past = PastRequests::default();
    let files = read::open_all(folder).unwrap_or_default();
    let newest = files.len().saturating_sub(FILES_OF_THE_PAST);
    for mut lines in files.into_iter().skip(newest) {
        while let Ok(Some(line)) = lines.next_line() {
            if let Ok((record, _)) = line.record() {
                past.add(&record);
            }
        }
    }
    past
}

/// Now, as records have it.
pub fn timestamp() -> Timestamp {
    Timestamp::from_unix_ms(u64::try_from(clock::since_1970().as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use policy::caller::{Caller, Keyring};
    use policy::crypto::Fingerprint;
    use policy::facts::{Facts, IntentKind, KeyFacts, Proof};

    use super::*;

    #[test]
    fn a_vault_that_starts_again_knows_what_was_signed_before() {
        let folder = tempfile::tempdir().unwrap();
        let now = clock::now();
        let facts = Facts {
            caller: Caller::Qube("work".to_owned()),
            keyring: Keyring::from_argument("").unwrap(),
            key: KeyFacts {
                fingerprint: Fingerprint(format!("SHA256:{}A", "k".repeat(42))),
                algorithm: "ssh-ed25519".to_owned(),
                comment: Vec::new(),
            },
            kind: IntentKind::Sshsig,
            sha1: false,
            user: None,
            proof: Proof::Unproven,
            host: None,
            namespace: Some(b"git".to_vec()),
            content: None,
            forwarded: false,
        };
        assert!(past_requests(folder.path()).history(&facts, &now).first);
        for _ in 0..2 {
            let log = Log::open(folder.path()).unwrap();
            let record = Record::new(Event::Sign, RecordOutcome::Ok, timestamp());
            log.write(record.of(&facts, &now)).unwrap();
            log.close().unwrap();
        }
        let history = past_requests(folder.path()).history(&facts, &now);
        assert_eq!((history.first, history.today), (false, 2));
    }
}
