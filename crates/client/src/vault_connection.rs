//! One program's connection to one vault.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::binds::Binds;
use super::call::{Call, CallEnd};
use super::connection_table::Watcher;
use super::vault::Vault;
use crate::status::outcome::CallOutcome;

/// A call that nobody has used for so long is given up if others wait for one. Between a list and a signature programs
/// take less.
const IDLE_BEFORE_GIVING_UP: Duration = Duration::from_millis(200);

/// One program's connection to one vault. The call is made for the first request, not before: `ssh -A` probes the agent
/// with connections that never say a word, and each call may cost the person a question in dom0.
#[derive(Debug)]
pub struct VaultConnection {
    vault: Arc<Vault>,
    call: Option<Call>,
    /// Of the program's binds, those that the call has been told.
    told: usize,
    idle_since: Instant,
}

impl VaultConnection {
    pub fn new(vault: &Arc<Vault>) -> Self {
        vault.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            vault: Arc::clone(vault),
            call: None,
            told: 0,
            idle_since: Instant::now(),
        }
    }

    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// Asks the vault, which is told first of the binds that it does not know. The last of `binds` may be `message`
    /// itself, which is sent once.
    ///
    /// # Errors
    /// There is no reply. The call, if there was one, is over, and its end noted.
    pub fn ask(
        &mut self,
        binds: &Binds,
        message: Option<&[u8]>,
        watcher: &Watcher<'_>,
    ) -> Result<Vec<u8>, CallEnd> {
        let untold = binds.iter().skip(self.told);
        let messages: Vec<&[u8]> = untold.chain(message).collect();
        let reply = match &mut self.call {
            Some(call) => {
                messages.iter().for_each(|message| call.send(message));
                call.last_reply(watcher)
            }
            None => {
                let call = Call::open(&self.vault, &messages, watcher)?;
                self.call.insert(call).last_reply(watcher)
            }
        };
        self.told = binds.len();
        self.idle_since = Instant::now();
        reply.map_err(|cause| self.end(cause, watcher))
    }

    /// What becomes readable when the idle call is over.
    pub fn idle_fd(&self) -> Option<BorrowedFd<'_>> {
        self.call.as_ref().map(Call::idle_fd)
    }

    /// When an idle call that others wait for is given up.
    pub fn give_up_at(&self) -> Option<Instant> {
        let is_wanted = self.call.is_some() && self.vault.calls.waiting() > 0;
        is_wanted.then(|| self.idle_since + IDLE_BEFORE_GIVING_UP)
    }

    /// Looks at an idle call: `Some` if it is over, with how it ended.
    pub fn look(&mut self, watcher: &Watcher<'_>) -> Option<CallEnd> {
        self.call
            .as_mut()?
            .is_over()
            .then(|| self.end(None, watcher))
    }

    /// Gives the call up, if there is one; the next request makes another.
    pub fn give_up(&mut self, watcher: &Watcher<'_>) {
        if self.call.is_some() {
            let end = self.end(None, watcher);
            self.vault
                .status
                .note(&end.outcome, false, &end.untrusted_said);
        }
    }

    fn end(&mut self, cause: Option<CallOutcome>, watcher: &Watcher<'_>) -> CallEnd {
        self.told = 0;
        match self.call.take() {
            Some(call) => call.end(cause, watcher),
            None => CallOutcome::Served.into(),
        }
    }
}

impl Drop for VaultConnection {
    fn drop(&mut self) {
        self.vault.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
