//! The requests that wait for a person: the shell around [`policy::queue`]. Each waiting connection
//! sleeps until its ticket is resolved, its client hangs up, or time is up.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use policy::denied_by::DeniedBy;
use policy::facts::Moment;
use policy::permit::{Inquiry, Permit};
use policy::question::{Answer, QuestionId};
use policy::queue::{Action, AnswerError, QuestionQueue, Resolution, Ticket};
use policy::record::DecidedBy;
use policy::remembered::COOL_DOWN_SECONDS;

use common::clock;
use common::sync::lock;
use common::wait;
use common::wake::WakeEvent;

/// How often waiting connections look at the clocks for all.
const TICK: Duration = Duration::from_secs(1);

/// What became of one request that waited.
#[derive(Debug)]
pub enum Settled {
    Allowed { permit: Permit, by: DecidedBy },
    Denied { why: DeniedBy, by: DecidedBy },
    ClientHungUp,
    NoDescriptors,
}

/// What happens to a question, for live views and for whoever runs prompters.
#[derive(Clone, Debug)]
pub enum QuestionEvent {
    /// A prompter should show this question.
    Show(QuestionId),
    /// More or fewer requests share it, or wait behind it.
    Changed(QuestionId),
    Ended(QuestionId),
    Notice(String),
    /// Not to a question: the log has grown, or others are connected. For whoever asked for it.
    Elsewhere,
}

#[derive(Debug, Default)]
pub struct Questions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: QuestionQueue,
    waiters: HashMap<Ticket, Waiter>,
    listeners: Vec<Sender<QuestionEvent>>,
}

/// A connection that waits.
#[derive(Debug)]
struct Waiter {
    settled: Option<Settled>,
    wake: Arc<WakeEvent>,
}

impl Questions {
    /// Asks and waits; `on_wait` is called if there is no answer at once. A client that hangs up takes its question with it.
    pub fn ask(&self, inquiry: Inquiry, client: &UnixStream, on_wait: impl FnOnce()) -> Settled {
        let Ok(wake) = WakeEvent::new().map(Arc::new) else {
            return Settled::NoDescriptors;
        };
        let ticket = {
            let mut state = lock(&self.state);
            let (ticket, actions) = state.queue.enqueue(inquiry, clock::now());
            let waiter = Waiter {
                settled: None,
                wake: Arc::clone(&wake),
            };
            state.waiters.insert(ticket, waiter);
            state.perform(actions, DecidedBy::Remembered);
            ticket
        };
        if let Some(settled) = self.take_settled(ticket) {
            return settled;
        }
        on_wait();
        self.wait(ticket, client, &wake)
    }

    fn take_settled(&self, ticket: Ticket) -> Option<Settled> {
        let mut state = lock(&self.state);
        let settled = state.waiters.get_mut(&ticket)?.settled.take()?;
        state.waiters.remove(&ticket);
        Some(settled)
    }

    fn wait(&self, ticket: Ticket, client: &UnixStream, wake: &WakeEvent) -> Settled {
        loop {
            if let Some(settled) = self.take_settled(ticket) {
                return settled;
            }
            let mut fds = [
                PollFd::new(wake.as_fd(), PollFlags::POLLIN),
                // Of a caller that died, qrexec and relays may tell no more than the end of its input.
                PollFd::new(client.as_fd(), wait::PEER_CLOSED),
            ];
            let ready = wait::until(&mut fds, Some(Instant::now() + TICK));
            let [_, client_fd] = &fds;
            if ready.is_err() || wait::has_peer_closed(client_fd) {
                self.change(DecidedBy::Policy, |queue| {
                    queue.client_disconnected(ticket, clock::now())
                });
                lock(&self.state).waiters.remove(&ticket);
                // A yes that came in this very moment is not used.
                return Settled::ClientHungUp;
            }
            self.change(DecidedBy::Policy, |queue| queue.tick(clock::now()));
        }
    }

    /// Applies an event to the waiting requests and does what follows.
    pub fn change(
        &self,
        by: DecidedBy,
        event: impl FnOnce(&mut QuestionQueue) -> Vec<Action>,
    ) -> usize {
        let mut state = lock(&self.state);
        let actions = event(&mut state.queue);
        state.perform(actions, by)
    }

    /// An answer; returns how many requests it settled, and under which number it is remembered, if it is.
    ///
    /// # Errors
    /// No such question waits, or the answer was not offered.
    pub fn answer(
        &self,
        id: QuestionId,
        answer: &Answer,
        name_is_taken: impl Fn(&str) -> bool,
        by: DecidedBy,
    ) -> Result<(usize, u64), AnswerError> {
        let mut state = lock(&self.state);
        let actions = state
            .queue
            .answer(id, answer, name_is_taken, clock::now())?;
        let settled = state.perform(actions, by);
        Ok((settled, state.queue.remembered.last_number()))
    }

    /// Whether the person's answers still let the request of `permit` be signed.
    ///
    /// # Errors
    /// Which answer was given, or taken back, since.
    pub fn check_answers(&self, permit: &Permit, now: Moment) -> Result<(), DeniedBy> {
        self.with(|queue| permit.check_answers(&mut queue.remembered, now))
    }

    /// Looks at, or changes, what waits and what is remembered, without anything that follows.
    pub fn with<T>(&self, look: impl FnOnce(&mut QuestionQueue) -> T) -> T {
        look(&mut lock(&self.state).queue)
    }

    /// What happens to questions from now on.
    pub fn listen(&self) -> Receiver<QuestionEvent> {
        let (sender, receiver) = mpsc::channel();
        self.tell_too(sender);
        receiver
    }

    /// The same, to one who hears of more.
    pub fn tell_too(&self, listener: Sender<QuestionEvent>) {
        lock(&self.state).listeners.push(listener);
    }

    /// Tells the person something that is no question.
    pub fn notice(&self, text: &str) {
        lock(&self.state).tell(&QuestionEvent::Notice(text.to_owned()));
    }

    /// Denies all that waits: the vault stops.
    pub fn stop(&self) {
        self.change(DecidedBy::Policy, |queue| queue.stop(clock::now()));
    }

    /// A yes is remembered.
    pub fn has_approvals(&self) -> bool {
        self.with(|queue| queue.remembered.has_approvals(clock::now()))
    }

    /// Neither a question nor a remembered answer is left.
    pub fn is_idle(&self) -> bool {
        self.with(|queue| {
            let now = clock::now();
            queue.pending(now).is_empty() && queue.remembered.list(now).is_empty()
        })
    }
}

impl State {
    /// Returns how many requests were resolved.
    fn perform(&mut self, actions: Vec<Action>, by: DecidedBy) -> usize {
        let mut resolved = 0;
        for action in actions {
            match action {
                Action::Show(id) => self.tell(&QuestionEvent::Show(id)),
                Action::UpdateCounts(id) => self.tell(&QuestionEvent::Changed(id)),
                Action::Close(id) => self.tell(&QuestionEvent::Ended(id)),
                Action::Notice(cool_down) => {
                    let what = cool_down
                        .purpose
                        .map_or("its requests are".to_owned(), |purpose| {
                            format!("{} is", purpose.words())
                        });
                    self.tell(&QuestionEvent::Notice(format!(
                        "{} had too many requests denied: {what} denied for {} minutes",
                        cool_down.caller,
                        COOL_DOWN_SECONDS / 60
                    )));
                }
                Action::Resolve(ticket, resolution) => {
                    resolved += 1;
                    if let Some(waiter) = self.waiters.get_mut(&ticket) {
                        waiter.settled = Some(settled(resolution, by));
                        waiter.wake.signal();
                    }
                }
            }
        }
        resolved
    }

    fn tell(&mut self, event: &QuestionEvent) {
        self.listeners
            .retain(|listener| listener.send(event.clone()).is_ok());
    }
}

fn settled(resolution: Resolution, by: DecidedBy) -> Settled {
    match resolution {
        Resolution::Allowed(permit) => {
            let by = if permit.is_remembered() {
                DecidedBy::Remembered
            } else {
                by
            };
            Settled::Allowed { permit, by }
        }
        Resolution::Denied(why) => Settled::Denied { why, by },
    }
}
