//! One program's connection to one vault.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wire::allowed;
use wire::carry::Note;
use wire::reply::SUCCESS;
use wire::request::{EXTENSION, REQUEST_IDENTITIES, SIGN_REQUEST};

use super::binds::Binds;
use super::call::{CallEnd, Unanswered};
use super::connection_table::{ConnectionHandle, Watcher};
use super::link::Link;
use super::outgoing::Outgoing;
use super::remembered;
use super::vault::Vault;
use crate::status::file::RefusalReason;
use crate::status::outcome::CallOutcome;

/// A call that nobody has used for so long is given up if others wait for one. Between a list and a signature programs
/// take less.
const IDLE_BEFORE_GIVING_UP: Duration = Duration::from_millis(200);
/// A vault that has not replied to a list by then hangs: it asks nobody about one, and gives its own agents 20 s.
const LIST_TIME: Duration = Duration::from_secs(30);

/// One program's connection to one vault. The call is made for the first request, not before: `ssh -A` probes the agent
/// with connections that never say a word, and each call may cost the person a question in dom0.
#[derive(Debug)]
pub struct VaultConnection {
    vault: Arc<Vault>,
    link: Option<Link>,
    /// Of the program's binds, those that the vault has been told over this link.
    told: usize,
    idle_since: Instant,
    content: Content,
    /// What the vault replies is what the program gets.
    answers_at_once: bool,
}

/// What the next signature is about, where the vault was told.
#[derive(Debug, Default, PartialEq, Eq)]
enum Content {
    #[default]
    None,
    /// The vault holds it; a new call would not know it.
    Held,
    /// The call has ended that knew it.
    Lost,
}

/// What a vault tells of one request.
struct Hears<'a> {
    vault: &'a Vault,
    handle: &'a ConnectionHandle,
    is_asking: Cell<bool>,
}

impl Hears<'_> {
    fn note(&self, note: Note) {
        let reason = match note {
            Note::Asking => {
                if !self.is_asking.replace(true) {
                    self.vault.asking.begin();
                    self.handle.table.left.signal();
                }
                return;
            }
            Note::Policy => RefusalReason::Policy,
            Note::Denied => RefusalReason::Denied,
            Note::NoAnswer => RefusalReason::NoAnswer,
            Note::Limit => RefusalReason::Limit,
            Note::Broken => RefusalReason::Broken,
        };
        self.vault.status.note_refusal(reason);
        if self.is_asking.get() {
            self.vault.asking.refused(reason);
        }
    }
}

impl Drop for Hears<'_> {
    fn drop(&mut self) {
        if self.is_asking.get() {
            self.vault.asking.end();
            self.handle.table.left.signal();
        }
    }
}

impl VaultConnection {
    /// `answers_at_once`: replies that come over a call of many go to the program as they are, from the thread that reads the
    /// call. For the one connection of a program to this vault alone.
    pub fn new(vault: &Arc<Vault>, answers_at_once: bool) -> Self {
        vault.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            vault: Arc::clone(vault),
            link: None,
            told: 0,
            idle_since: Instant::now(),
            content: Content::default(),
            answers_at_once,
        }
    }

    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Keeps how a call ended.
    pub fn note(&self, end: &CallEnd, is_answered: bool) {
        let status = &self.vault.status;
        status.note(&end.outcome, is_answered, &end.untrusted_said);
    }

    /// Asks for the keys, and remembers them.
    ///
    /// # Errors
    /// As [`VaultConnection::ask`].
    pub fn list(&mut self, binds: &Binds, watcher: &Watcher<'_>) -> Result<Outgoing, CallEnd> {
        let result = self.ask(binds, Some(&[REQUEST_IDENTITIES]), watcher);
        if result.as_ref().map_or_else(CallEnd::is_known, |_| true) {
            self.vault.lateness.end();
        }
        let answer = result?;
        if let Some(keys) = remembered::keys_of(answer.message()) {
            self.vault.remembered.take(keys, binds.messages.is_empty());
        }
        Ok(answer)
    }

    /// How many keys at the head of the last list a rule allows for the server that `binds` show. 0 also where the vault
    /// cannot say: who does not carry may end at what it does not know.
    ///
    /// # Errors
    /// As [`VaultConnection::ask`].
    pub fn allowed(&mut self, binds: &Binds, watcher: &Watcher<'_>) -> Result<usize, CallEnd> {
        let is_carried = matches!(self.link, Some(Link::Carried(_)));
        if binds.messages.is_empty() || !is_carried {
            return Ok(0);
        }
        let answer = self.ask(binds, Some(&allowed::request()), watcher)?;
        let keys = allowed::parse_reply(answer.message()).unwrap_or(0);
        Ok(usize::try_from(keys).unwrap_or(usize::MAX))
    }

    /// Asks the vault, which is told first of the binds that it does not know. The last of `binds` may be the request itself;
    /// then there is no `message`.
    ///
    /// # Errors
    /// There is no reply. The call, if there was one, is over for this connection.
    pub fn ask(
        &mut self,
        binds: &Binds,
        message: Option<&[u8]>,
        watcher: &Watcher<'_>,
    ) -> Result<Outgoing, CallEnd> {
        let kind = message.and_then(|message| message.first());
        let is_sign = kind == Some(&SIGN_REQUEST);
        let content = is_sign.then(|| std::mem::take(&mut self.content));
        // Nobody is asked to sign without the content that another call was told.
        if content == Some(Content::Lost) {
            return Err(CallOutcome::Cut.into());
        }
        let mut may_repeat = content != Some(Content::Held);
        let vault = Arc::clone(&self.vault);
        let hears = Hears {
            vault: &vault,
            handle: watcher.handle,
            is_asking: Cell::new(false),
        };
        // Others may take as long as a person thinks.
        let is_list =
            message == Some(&[REQUEST_IDENTITIES]) || message == Some(&allowed::request());
        let time = is_list.then_some(LIST_TIME);
        let answer = loop {
            let untold = binds.messages.iter().skip(self.told);
            let mut left = untold.map(Vec::as_slice).chain(message);
            let next = left.next().unwrap_or_default();
            let is_last = left.next().is_none();
            let had_link = self.link.is_some();
            let link = match &mut self.link {
                Some(link) => link,
                None => self.link.insert(Link::connect(&vault, next, watcher)?),
            };
            let reply = match link {
                Link::Own(call) => call.ask(next, watcher, time).map_err(Unanswered::Because),
                Link::Carried(carried) => {
                    let program = watcher.program.filter(|_| is_last && self.answers_at_once);
                    carried.ask(next, watcher, time, program, &|note| hears.note(note))
                }
            };
            let why = match reply {
                Ok(answer) if is_last => break answer,
                Ok(_) => {
                    self.told += 1;
                    continue;
                }
                Err(why) => why,
            };
            let is_repeated = match &why {
                Unanswered::Untaken => true,
                Unanswered::Unseen(_) => std::mem::take(&mut may_repeat),
                // All but a signature may be asked for twice where the call has died: its vault may be there again. A vault
                // that ends one connection has its reason, as has one that ends a call at its first request.
                Unanswered::Because(outcome) => {
                    let has_died = match link {
                        Link::Own(_) => had_link && *outcome == CallOutcome::Cut,
                        Link::Carried(carried) => outcome.is_trouble() && carried.call.is_over(),
                    };
                    has_died && !is_sign && std::mem::take(&mut may_repeat)
                }
            };
            let end = self.end(why.outcome(), watcher.handle);
            if !is_repeated {
                return Err(end);
            }
        };
        self.told = binds.messages.len();
        self.idle_since = Instant::now();
        if kind == Some(&EXTENSION) && answer.message() == [SUCCESS] {
            self.content = Content::Held;
        }
        Ok(answer)
    }

    /// What becomes readable when the idle call is over.
    pub fn idle_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.link {
            Some(Link::Own(call)) => Some(call.stream.from_vault.as_fd()),
            _ => None,
        }
    }

    /// When an idle call that others wait for is given up.
    pub fn give_up_at(&self) -> Option<Instant> {
        let is_free = matches!(self.link, Some(Link::Own(_))) && self.content != Content::Held;
        let is_wanted = is_free && self.vault.slots.open.waiting() > 0;
        is_wanted.then(|| self.idle_since + IDLE_BEFORE_GIVING_UP)
    }

    /// Looks at an idle link: `Some` if it is over, with how it ended; if not, a carried one wakes `handle` when it is.
    pub fn look(&mut self, handle: &ConnectionHandle) -> Option<CallEnd> {
        let cause = match self.link.as_mut()? {
            Link::Own(call) => call.is_over().then_some(CallOutcome::Served)?,
            Link::Carried(carried) => carried.look(handle)?,
        };
        Some(self.end(cause, handle))
    }

    /// Gives the link up, if there is one; the next request makes another.
    pub fn give_up(&mut self, handle: &ConnectionHandle) {
        if self.link.is_some() {
            let end = self.end(CallOutcome::Served, handle);
            self.note(&end, false);
        }
    }

    fn end(&mut self, cause: CallOutcome, handle: &ConnectionHandle) -> CallEnd {
        self.told = 0;
        if self.content == Content::Held {
            self.content = Content::Lost;
        }
        match self.link.take() {
            Some(Link::Own(call)) => return call.end(cause, handle),
            // It hangs, and so do all that it carries.
            Some(Link::Carried(carried)) if matches!(cause, CallOutcome::NoReply(_)) => {
                carried.call.end(&cause);
            }
            Some(Link::Carried(_)) | None => {}
        }
        cause.into()
    }
}

impl Drop for VaultConnection {
    fn drop(&mut self) {
        self.vault.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
