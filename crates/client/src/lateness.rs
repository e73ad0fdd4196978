//! A vault that did not answer a joined list in time. Later lists do not wait for it until it has answered.

use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::status::file as status;
use common::sync::lock;

/// Between two lists that ask a late vault: each may hold a call, and ask dom0.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(30);

/// Whether a vault is late.
#[derive(Debug, Default)]
pub struct Lateness(Mutex<Option<Late>>);

#[derive(Debug)]
struct Late {
    since: u64,
    began: Instant,
    ask_again_at: Instant,
    /// A request for the list whose program has left, and how long it may go on. It ends when this is closed.
    attempt: Option<(UnixStream, Instant)>,
}

impl Lateness {
    /// The vault was not in time.
    pub fn begin(&self) {
        let now = Instant::now();
        lock(&self.0).get_or_insert_with(|| Late {
            since: status::now(),
            began: now,
            ask_again_at: now + BETWEEN_ATTEMPTS,
            attempt: None,
        });
    }

    /// The vault has answered.
    pub fn end(&self) {
        *lock(&self.0) = None;
    }

    pub fn is_late(&self) -> bool {
        lock(&self.0).is_some()
    }

    /// For the status file.
    pub fn status(&self) -> Option<status::Late> {
        let late = lock(&self.0);
        late.as_ref().map(|late| status::Late {
            since: late.since,
            ask_again_at: late.since + (late.ask_again_at - late.began).as_secs(),
        })
    }

    /// Whether the vault is to be asked for its list. If it is late, whoever is told so does it.
    pub fn may_ask(&self) -> bool {
        let now = Instant::now();
        match &mut *lock(&self.0) {
            None => true,
            Some(late) if late.attempt.is_none() && now >= late.ask_again_at => {
                late.ask_again_at = now + BETWEEN_ATTEMPTS;
                true
            }
            Some(_) => false,
        }
    }

    /// A program has left that a late vault still owes a list: one such request goes on, so that its answer is seen.
    pub fn keep_asking(&self, request: UnixStream, time: Duration) {
        if let Some(late) = &mut *lock(&self.0) {
            let until = Instant::now() + time;
            late.attempt.get_or_insert((request, until));
        }
    }

    /// When [`Lateness::give_up`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        let late = lock(&self.0);
        late.as_ref()?.attempt.as_ref().map(|(_, until)| *until)
    }

    /// Ends a request that has gone on for too long.
    pub fn give_up(&self) {
        if let Some(late) = &mut *lock(&self.0) {
            let now = Instant::now();
            late.attempt.take_if(|(_, until)| now >= *until);
        }
    }
}
