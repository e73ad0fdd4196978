//! One program's connection to one vault.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use wire::allowed;
use wire::carry::{self, Note, Terms};
use wire::reply::SUCCESS;
use wire::request::{EXTENSION, REQUEST_IDENTITIES, SIGN_REQUEST};

use super::binds::Binds;
use super::call::{Call, CallEnd};
use super::carrying::{CarriedConnection, CarryingCall};
use super::config::Start;
use super::connection_table::{ConnectionHandle, Watcher};
use super::mailbox::Why;
use super::program::Answer;
use super::remembered;
use super::vault::{Carrying, Vault};
use crate::status::file::RefusalReason;
use crate::status::outcome::CallOutcome;
use common::sync::lock;

/// A call that nobody has used for so long is given up if others wait for one. Between a list and a signature programs
/// take less.
const IDLE_BEFORE_GIVING_UP: Duration = Duration::from_millis(200);
/// A vault that has not replied to a list by then hangs: it asks nobody about one, and gives its own agents 20 s.
const LIST_TIME: Duration = Duration::from_secs(30);
/// After this time a vault is asked again whether it carries connections.
const ASK_AGAIN: Duration = Duration::from_secs(600);

/// One program's connection to one vault. The call is made for the first request, not before: `ssh -A` probes the agent
/// with connections that never say a word, and each call may cost the person a question in dom0.
#[derive(Debug)]
pub struct VaultConnection {
    vault: Arc<Vault>,
    link: Option<Link>,
    /// Of the program's binds, those that the vault has been told over this link.
    told: usize,
    idle_since: Instant,
    /// The vault has taken something for the next signature that a new call would not know.
    holds_content: bool,
    /// What the vault replies is what the program gets.
    answers_at_once: bool,
}

/// When the reply to a list is late. Others may take as long as a person thinks.
fn until(is_list: bool) -> Option<Instant> {
    is_list.then(|| Instant::now() + LIST_TIME)
}

/// What a vault tells of one request.
struct Hears<'a> {
    vault: Arc<Vault>,
    is_asking: Cell<bool>,
    /// The status file and notifications are that thread's.
    wake_table: &'a dyn Fn(),
}

impl Hears<'_> {
    fn note(&self, note: Note) {
        let reason = match note {
            Note::Asking => {
                if !self.is_asking.replace(true) {
                    self.vault.asking.begin();
                    (self.wake_table)();
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
            (self.wake_table)();
        }
    }
}

/// A new way to the vault.
enum Connected {
    /// Nothing was asked yet.
    Silent(Link),
    /// A call that was made with the request.
    Asked(Call),
}

/// What brings requests to the vault.
#[derive(Debug)]
enum Link {
    Own(Box<Call>),
    Carried(CarriedConnection),
}

impl VaultConnection {
    pub fn new(vault: &Arc<Vault>) -> Self {
        vault.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            vault: Arc::clone(vault),
            link: None,
            told: 0,
            idle_since: Instant::now(),
            holds_content: false,
            answers_at_once: false,
        }
    }

    /// Replies that come over a call of many go to the program as they are, from the thread that reads the call: for the
    /// one connection of a program to this vault alone.
    pub fn answering_at_once(mut self) -> Self {
        self.answers_at_once = true;
        self
    }

    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Whether a request makes no call.
    pub fn can_be_asked(&self) -> bool {
        self.is_connected() || self.vault.can_carry()
    }

    pub fn start(&self) -> Start {
        self.vault.config.start
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
    pub fn list(&mut self, binds: &Binds, watcher: &Watcher<'_>) -> Result<Answer, CallEnd> {
        let result = self.ask(binds, Some(&[REQUEST_IDENTITIES]), watcher);
        if result.as_ref().map_or_else(CallEnd::is_known, |_| true) {
            self.vault.lateness.end();
        }
        let answer = result?;
        if let Some(keys) = remembered::keys_of(answer.reply()) {
            self.vault.remembered.take(&keys, binds.len() == 0);
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
        if binds.len() == 0 || !is_carried {
            return Ok(0);
        }
        let answer = self.ask(binds, Some(&allowed::request()), watcher)?;
        let keys = allowed::parse_reply(answer.reply()).unwrap_or(0);
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
    ) -> Result<Answer, CallEnd> {
        let hears = Hears {
            vault: Arc::clone(&self.vault),
            is_asking: Cell::new(false),
            wake_table: &|| watcher.handle.wake_table(),
        };
        let kind = message.and_then(|message| message.first());
        // Content that the vault took is gone with the connection.
        let mut may_repeat = !self.holds_content;
        if kind == Some(&SIGN_REQUEST)
            && std::mem::take(&mut self.holds_content)
            && self.link.is_none()
        {
            // A new call would ask for the signature without the content.
            return Err(CallOutcome::Cut.into());
        }
        let is_list =
            message == Some(&[REQUEST_IDENTITIES]) || message == Some(&allowed::request());
        let reply = loop {
            let untold = binds.iter().skip(self.told);
            let messages: Vec<&[u8]> = untold.chain(message).collect();
            let reply = match &mut self.link {
                None => match self.connect(&messages, watcher)? {
                    Connected::Silent(link) => {
                        self.link = Some(link);
                        continue;
                    }
                    Connected::Asked(call) => {
                        let mut call = Box::new(call);
                        let reply = call.last_reply(watcher, until(is_list));
                        let reply = reply.map(|reply| Answer::new(&reply));
                        self.link = Some(Link::Own(call));
                        reply
                    }
                },
                Some(Link::Own(call)) => {
                    messages.iter().for_each(|message| call.send(message));
                    match call.last_reply(watcher, until(is_list)) {
                        // The call has served before: its vault has ended, and may be there again.
                        Err(None) if may_repeat && kind != Some(&SIGN_REQUEST) => {
                            may_repeat = false;
                            self.end(None, watcher);
                            continue;
                        }
                        reply => reply.map(|reply| Answer::new(&reply)),
                    }
                }
                Some(Link::Carried(carried)) => {
                    let program = self.answers_at_once.then_some(watcher.program);
                    let note = |note| hears.note(note);
                    match carried.exchange(&messages, watcher, until(is_list), program, &note) {
                        Ok(answer) => Ok(answer),
                        Err(Why::Late) => {
                            let outcome = CallOutcome::NoReply(LIST_TIME.as_secs());
                            carried.end_call(&outcome);
                            Err(Some(outcome))
                        }
                        Err(Why::Repeatable(_)) if may_repeat => {
                            may_repeat = false;
                            self.end(None, watcher);
                            continue;
                        }
                        Err(Why::Repeatable(outcome) | Why::Outcome(outcome)) => Err(Some(outcome)),
                        Err(Why::Untaken) => {
                            self.end(None, watcher);
                            continue;
                        }
                    }
                }
            };
            break reply;
        };
        if kind == Some(&EXTENSION) && matches!(&reply, Ok(answer) if answer.reply() == [SUCCESS]) {
            self.holds_content = true;
        }
        self.told = binds.len();
        self.idle_since = Instant::now();
        reply.map_err(|cause| self.end(cause, watcher))
    }

    /// A way to the vault: a carried connection, or a call on which it is asked `messages`.
    fn connect(&self, messages: &[&[u8]], watcher: &Watcher<'_>) -> Result<Connected, CallEnd> {
        let vault = &self.vault;
        loop {
            if let Some(carried) = self.join(watcher) {
                return Ok(Connected::Silent(Link::Carried(carried)));
            }
            let may_try = vault.config.carry
                && match &*lock(&vault.carrying) {
                    Carrying::Untried => true,
                    Carrying::Refused(at) => at.elapsed() >= ASK_AGAIN,
                    Carrying::By(call) => call.is_over(),
                };
            let hello = carry::hello();
            let first: &[&[u8]] = if may_try { &[&hello] } else { messages };
            let Some(mut call) = Call::open(&vault.route, first, watcher, || !vault.can_carry())?
            else {
                continue;
            };
            if !may_try {
                call.end_set_up();
                return Ok(Connected::Asked(call));
            }
            let terms = match call.last_reply(watcher, until(true)) {
                Ok(reply) => Terms::parse(&reply).inspect(|terms| vault.take_terms(terms)),
                Err(cause) => {
                    let end = call.end(cause, watcher.handle);
                    if end.outcome != CallOutcome::Cut {
                        return Err(end);
                    }
                    // A service that ends when it hears of an extension is called without.
                    *lock(&vault.carrying) = Carrying::Refused(Instant::now());
                    continue;
                }
            };
            if terms.is_none_or(|terms| terms.connections == 0) {
                *lock(&vault.carrying) = Carrying::Refused(Instant::now());
                call.end_set_up();
                return Ok(Connected::Silent(Link::Own(Box::new(call))));
            }
            if let Some(terms) = terms {
                self.carry_by(call, terms, watcher)?;
            }
        }
    }

    fn join(&self, watcher: &Watcher<'_>) -> Option<CarriedConnection> {
        match &*lock(&self.vault.carrying) {
            Carrying::By(call) => call.join(watcher),
            _ => None,
        }
    }

    /// Has a call carry connections, unless another one does already.
    fn carry_by(&self, mut call: Call, terms: Terms, watcher: &Watcher<'_>) -> Result<(), CallEnd> {
        let cannot = |error: std::io::Error| CallOutcome::CannotStart(error.to_string());
        let handle = watcher.handle.another().map_err(cannot)?;
        let carrying = CarryingCall::new(&call, terms, &handle).map_err(cannot)?;
        {
            let mut now = lock(&self.vault.carrying);
            if matches!(&*now, Carrying::By(other) if other.has_room()) {
                drop(now);
                call.end(None, watcher.handle);
                return Ok(());
            }
            *now = Carrying::By(Arc::clone(&carrying));
        }
        call.end_set_up();
        let reads = move || carrying.read(call, &handle);
        thread::Builder::new().spawn(reads).map_err(cannot)?;
        Ok(())
    }

    /// Has `handle` woken when the idle connection is over.
    pub fn wake_instead(&self, handle: &ConnectionHandle) {
        if let Some(Link::Carried(carried)) = &self.link {
            carried.wake_instead(handle);
        }
    }

    /// What becomes readable when the idle call is over.
    pub fn idle_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.link {
            Some(Link::Own(call)) => Some(call.idle_fd()),
            _ => None,
        }
    }

    /// When an idle call that others wait for is given up.
    pub fn give_up_at(&self) -> Option<Instant> {
        let has_call = matches!(self.link, Some(Link::Own(_)));
        let is_free = has_call && !self.holds_content;
        let is_wanted = is_free && self.vault.route.calls.waiting() > 0;
        is_wanted.then(|| self.idle_since + IDLE_BEFORE_GIVING_UP)
    }

    /// Looks at an idle link: `Some` if it is over, with how it ended.
    pub fn look(&mut self, watcher: &Watcher<'_>) -> Option<CallEnd> {
        let cause = match self.link.as_mut()? {
            Link::Own(call) => call.is_over().then_some(None)?,
            Link::Carried(carried) => Some(carried.look()?),
        };
        Some(self.end(cause, watcher))
    }

    /// Gives the link up, if there is one; the next request makes another.
    pub fn give_up(&mut self, watcher: &Watcher<'_>) {
        if self.link.is_some() {
            let end = self.end(None, watcher);
            self.note(&end, false);
        }
    }

    fn end(&mut self, cause: Option<CallOutcome>, watcher: &Watcher<'_>) -> CallEnd {
        self.told = 0;
        match self.link.take() {
            Some(Link::Own(call)) => call.end(cause, watcher.handle),
            Some(Link::Carried(_)) | None => cause.unwrap_or(CallOutcome::Served).into(),
        }
    }
}

impl Drop for VaultConnection {
    fn drop(&mut self) {
        self.vault.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
