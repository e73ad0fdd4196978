//! What holds now, and since when the files say something else.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use policy::record::{Event, Record, RecordOutcome};

use crate::log::recorder::timestamp;
use common::known_hosts_files;
use common::paths::Paths;
use common::policy_files;
use common::stamps::Stamps;
use common::sync::lock;

use common::wake::WakeEvent;

use super::snapshot::PolicySnapshot;

/// Files that have not changed for this long, and that nobody is writing, count as saved whole. Programs that save
/// in several goes need microseconds between two of them; people do not notice it.
pub(super) const SETTLE_TIME: Duration = Duration::from_millis(200);
/// A request waits this long for files that are being saved; then what held before holds on. Counted
/// from the first change, so that a file that is saved without end delays nobody for ever.
const MAX_SAVE_WAIT: Duration = Duration::from_secs(1);
/// Requests that follow each other faster than a hand saves a file share one look at the files.
pub const CACHE_TIME: Duration = Duration::from_millis(10);
/// Reading at start, or when told to, waits this long for files that are being saved.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The files, and what was last read of them.
#[derive(Debug)]
pub struct PolicyFiles {
    pub paths: Paths,
    /// Where the known hosts are.
    pub hosts: known_hosts_files::Files,
    pub(super) state: Mutex<State>,
    /// Signalled when the state has changed.
    pub(super) changed: Condvar,
    pub(super) wake: WakeEvent,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) snapshot: Arc<PolicySnapshot>,
    /// The files that the snapshot was read from, or could have been.
    pub(super) watched: Vec<PathBuf>,
    /// Their state when they were read.
    pub(super) stamps: Stamps,
    /// When the files were last found to be those of the snapshot.
    pub(super) looked: Instant,
    /// Since when they are others.
    pub(super) unsettled: Option<Instant>,
    /// How many times reading was asked for, and done.
    pub(super) asked: u64,
    pub(super) done: u64,
}

impl PolicyFiles {
    /// Everything is refused until [`PolicyFiles::follow`] has read the files.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn unread(paths: &Paths) -> std::io::Result<Arc<Self>> {
        let hosts = known_hosts_files::Files::of(paths);
        Ok(Arc::new(Self {
            paths: paths.clone(),
            hosts,
            state: Mutex::new(State {
                snapshot: Arc::new(PolicySnapshot::unread()),
                watched: Vec::new(),
                stamps: Stamps::default(),
                looked: Instant::now(),
                unsettled: None,
                asked: 0,
                done: 0,
            }),
            changed: Condvar::new(),
            wake: WakeEvent::new()?,
        }))
    }

    /// What holds now.
    pub fn snapshot(&self) -> Arc<PolicySnapshot> {
        Arc::clone(&lock(&self.state).snapshot)
    }

    /// A record of what happens under what holds now.
    pub fn record(&self, event: Event, outcome: RecordOutcome) -> Record {
        let mut record = Record::new(event, outcome, timestamp());
        record.policy = Some(Arc::clone(&self.snapshot().digest));
        record
    }

    /// What holds, by a look at the files that is at most [`CACHE_TIME`] old.
    pub fn latest(&self) -> Arc<PolicySnapshot> {
        let now = Instant::now();
        self.snapshot_as_of(now.checked_sub(CACHE_TIME).unwrap_or(now))
    }

    /// What holds, if it is what the files said at `then` or later. If they have changed since, this waits until they
    /// are read, but no longer than [`MAX_SAVE_WAIT`] from the change.
    pub fn snapshot_as_of(&self, then: Instant) -> Arc<PolicySnapshot> {
        let mut state = lock(&self.state);
        if state.looked >= then {
            return Arc::clone(&state.snapshot);
        }
        let now = Instant::now();
        if Stamps::of(&state.watched) == state.stamps {
            state.looked = now;
            return Arc::clone(&state.snapshot);
        }
        let until = *state.unsettled.get_or_insert(now) + MAX_SAVE_WAIT;
        self.wake.signal();
        let before = Arc::clone(&state.snapshot);
        let is_same = |state: &mut State| Arc::ptr_eq(&before, &state.snapshot);
        let left = until.saturating_duration_since(now);
        let woken = self.changed.wait_timeout_while(state, left, is_same);
        let (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state.snapshot)
    }

    /// Has the files read, whether they have changed or not, and waits for it.
    ///
    /// # Errors
    /// What is broken; the last good policy still holds.
    pub fn read_again(&self) -> Result<(), String> {
        let mut state = lock(&self.state);
        state.asked += 1;
        let turn = state.asked;
        self.wake.signal();
        let is_before = |state: &mut State| state.done < turn;
        let woken = self
            .changed
            .wait_timeout_while(state, READ_TIMEOUT, is_before);
        let (state, waited) = woken.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err("a file is being written; what held before still holds".to_owned());
        }
        match state.snapshot.trouble() {
            Some(why) => Err(why.to_owned()),
            None => Ok(()),
        }
    }

    /// Every file that was read or could have been, if `files` are the policy's.
    pub(super) fn watched(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        let mut all = policy_files::watched(&self.paths.config, &self.paths.system_config);
        all.extend(files.iter().cloned());
        all.extend(self.hosts.naming());
        all.push(self.hosts.labels.clone());
        // Each request looks at all of them.
        all.sort();
        all.dedup();
        all
    }
}
