//! Every record passes here: to the log, and from there to whoever must know of a refusal.

use std::path::PathBuf;
use std::sync::Mutex;

use policy::record::sentence::Sentence;
use policy::record::{Event, Record, RecordOutcome, Timestamp};

use super::Log;
use super::error::LogError;
use super::refusals::Refusals;
use crate::ask::prompt::{Notice, Notifier};
use common::clock;
use common::control::RefusedRequest;
use common::sync::lock;

/// The log, the last refusals for `split-ssh status`, and the notifications that refusals are worth.
pub struct Recorder {
    log: Log,
    refusals: Mutex<Refusals>,
    notifier: Notifier,
}

impl Recorder {
    pub fn new(log: Log, notifier: Notifier) -> Self {
        Self {
            log,
            refusals: Mutex::default(),
            notifier,
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
        let Err(error) = self.log.write(record) else {
            return true;
        };
        let said = format!("Everything is refused: {error}");
        self.notifier.tell(Notice::Said(said));
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
            self.notifier.tell(Notice::Refused {
                caller: who.to_owned(),
                sentence: format!("{}: {why}", record.event.word()),
            });
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

    pub fn last_refusals(&self) -> Vec<RefusedRequest> {
        lock(&self.refusals).newest_first()
    }

    /// Why the last record could not be written, until one can.
    pub fn trouble(&self) -> Option<String> {
        self.log.trouble()
    }

    pub fn path(&self) -> PathBuf {
        self.log.path()
    }

    /// To be called about once a minute; see [`Log::tick`].
    pub fn tick(&self) {
        // What cannot be written now is written the next time.
        let _ = self.log.tick(timestamp());
    }

    /// To be called after the `stop` record.
    ///
    /// # Errors
    /// Counts that could not be written are lost.
    pub fn close(&self) -> Result<(), LogError> {
        self.log.close()
    }
}

/// Now, as records have it.
pub fn timestamp() -> Timestamp {
    Timestamp::from_unix_ms(u64::try_from(clock::since_1970().as_millis()).unwrap_or(u64::MAX))
}
