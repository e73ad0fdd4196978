//! A vault that did not answer a joined list in time. Later lists do not wait for it until it has answered.

use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::status::file as status;
use common::sync::lock;
use common::wait;

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
    /// A request for the list whose program has left. It ends when this is closed, and closes its end when it has ended.
    attempt: Option<UnixStream>,
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
        let mut late = lock(&self.0);
        let Some(late) = &mut *late else {
            return true;
        };
        let now = Instant::now();
        let is_asked = late
            .attempt
            .as_ref()
            .is_some_and(|asked| !wait::has_hung_up(asked));
        let may_ask = !is_asked && now >= late.ask_again_at;
        if may_ask {
            late.attempt = None;
            late.ask_again_at = now + BETWEEN_ATTEMPTS;
        }
        may_ask
    }

    /// A program has left that a late vault still owes a list: one such request goes on, so that its answer is seen.
    pub fn keep_asking(&self, request: UnixStream) {
        if let Some(late) = &mut *lock(&self.0) {
            late.attempt.get_or_insert(request);
        }
    }
}
