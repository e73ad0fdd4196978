//! The requests that wait for a person: the shell around [`policy::waiting`]. Each waiting connection
//! sleeps until its ticket is resolved, its client hangs up, or time is up.

use std::collections::HashMap;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use policy::grant::Grants;
use policy::question::{Answer, Asked, QuestionId, Yes};
use policy::record::DecidedBy;
use policy::waiting::{Action, AllowedBy, DeniedBy, NotTaken, Resolution, Ticket, Waiting};

use crate::intake::stream::poll_until;
use common::clock;
use common::sync::lock;
use common::wait;

/// How often waiting connections look at the clocks for all.
const TICK: Duration = Duration::from_secs(1);

/// What became of one request that waited.
#[derive(Debug)]
pub enum Settled {
    Yes { yes: Yes, by: DecidedBy },
    No { by: DecidedBy, reason: String },
    NoAnswer { reason: String },
    TooMany { reason: String },
}

/// What the shell of the questions tells: to live views, and to whoever runs prompters.
#[derive(Clone, Debug)]
pub enum Told {
    /// A prompter should show this question.
    Show(QuestionId),
    /// More or fewer requests share it, or wait behind it.
    Changed(QuestionId),
    Over(QuestionId),
    Notice(String),
}

#[derive(Debug, Default)]
pub struct Questions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub struct State {
    pub waiting: Waiting,
    pub grants: Grants,
    tickets: HashMap<Ticket, Waker>,
    listeners: Vec<Sender<Told>>,
}

#[derive(Debug)]
struct Waker {
    settled: Sender<Settled>,
    wake: UnixStream,
}

impl Questions {
    /// Asks and waits. A client that hangs up takes its question with it.
    pub fn ask(&self, asked: Asked, client: &UnixStream) -> Settled {
        let Ok((wake, woken)) = UnixStream::pair() else {
            return Settled::TooMany {
                reason: "the vault has no descriptors left".to_owned(),
            };
        };
        let (sender, receiver) = mpsc::channel();
        let ticket = {
            let mut state = lock(&self.state);
            let State {
                waiting, grants, ..
            } = &mut *state;
            let (ticket, actions) = waiting.arrive(asked, clock::now(), grants);
            state.tickets.insert(
                ticket,
                Waker {
                    settled: sender,
                    wake,
                },
            );
            state.perform(actions, DecidedBy::Remembered);
            ticket
        };
        self.wait(ticket, client, &woken, &receiver)
    }

    fn wait(
        &self,
        ticket: Ticket,
        client: &UnixStream,
        woken: &UnixStream,
        receiver: &Receiver<Settled>,
    ) -> Settled {
        loop {
            if let Ok(settled) = receiver.try_recv() {
                return settled;
            }
            let mut fds = [
                PollFd::new(woken.as_fd(), PollFlags::POLLIN),
                // Of a caller that died, qrexec and relays may tell no more than the end of its input.
                PollFd::new(client.as_fd(), wait::LEAVING),
            ];
            let ready = poll_until(&mut fds, Instant::now() + TICK);
            let [_, client_fd] = &fds;
            if ready.is_err() || wait::has_left(client_fd) {
                self.change(DecidedBy::Policy, |waiting, grants| {
                    waiting.gone(ticket, clock::now(), grants)
                });
                lock(&self.state).tickets.remove(&ticket);
                // A yes that came in this very moment is not used.
                return Settled::NoAnswer {
                    reason: "the client hung up".to_owned(),
                };
            }
            self.change(DecidedBy::Policy, |waiting, grants| {
                waiting.tick(clock::now(), grants)
            });
        }
    }

    /// Applies an event to the waiting requests and does what follows.
    pub fn change(
        &self,
        by: DecidedBy,
        event: impl FnOnce(&mut Waiting, &mut Grants) -> Vec<Action>,
    ) -> usize {
        let mut state = lock(&self.state);
        let State {
            waiting, grants, ..
        } = &mut *state;
        let actions = event(waiting, grants);
        state.perform(actions, by)
    }

    /// An answer; returns how many requests it settled.
    ///
    /// # Errors
    /// No such question waits, or the answer was not offered.
    pub fn answer(
        &self,
        id: QuestionId,
        answer: &Answer,
        name_is_taken: impl Fn(&str) -> bool,
        by: DecidedBy,
    ) -> Result<usize, NotTaken> {
        let mut state = lock(&self.state);
        let State {
            waiting, grants, ..
        } = &mut *state;
        let actions = waiting.answer(id, answer, name_is_taken, clock::now(), grants)?;
        Ok(state.perform(actions, by))
    }

    /// Looks at, or changes, what waits and what is remembered, without anything that follows.
    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut lock(&self.state))
    }

    /// What happens to questions from now on.
    pub fn listen(&self) -> Receiver<Told> {
        let (sender, receiver) = mpsc::channel();
        lock(&self.state).listeners.push(sender);
        receiver
    }

    /// Tells the person something that is no question.
    pub fn notice(&self, text: &str) {
        lock(&self.state).tell(&Told::Notice(text.to_owned()));
    }

    /// Denies all that waits: the vault stops.
    pub fn stop(&self) {
        self.change(DecidedBy::Policy, |waiting, grants| {
            waiting.stop(clock::now(), grants)
        });
    }

    /// A yes is remembered.
    pub fn remembers_a_yes(&self) -> bool {
        self.with(|state| state.grants.has_allowed(clock::now()))
    }

    /// Neither a question nor a remembered answer is left.
    pub fn is_idle(&self) -> bool {
        self.with(|state| {
            let now = clock::now();
            state.waiting.in_line(now).is_empty() && state.grants.list(now).is_empty()
        })
    }
}

impl State {
    /// Returns how many requests were resolved.
    fn perform(&mut self, actions: Vec<Action>, by: DecidedBy) -> usize {
        let mut resolved = 0;
        for action in actions {
            match action {
                Action::Show(id) => self.tell(&Told::Show(id)),
                Action::Recount(id) => self.tell(&Told::Changed(id)),
                Action::Withdraw(id) => self.tell(&Told::Over(id)),
                Action::Notice(cool_down) => self.tell(&Told::Notice(format!(
                    "{} asks in vain too often: its requests are denied for {} minutes",
                    cool_down.caller,
                    cool_down.seconds / 60
                ))),
                Action::Resolve(ticket, resolution) => {
                    resolved += 1;
                    if let Some(waker) = self.tickets.remove(&ticket) {
                        let _ = waker.settled.send(settled(resolution, by));
                        let _ = (&waker.wake).write_all(&[1]);
                    }
                }
            }
        }
        resolved
    }

    fn tell(&mut self, told: &Told) {
        self.listeners
            .retain(|listener| listener.send(told.clone()).is_ok());
    }
}

fn settled(resolution: Resolution, by: DecidedBy) -> Settled {
    match resolution {
        Resolution::Allowed {
            yes,
            by: AllowedBy::Grant(_),
        } => Settled::Yes {
            yes,
            by: DecidedBy::Remembered,
        },
        Resolution::Allowed {
            yes,
            by: AllowedBy::Answer { .. },
        } => Settled::Yes { yes, by },
        Resolution::Denied(denied) => {
            let reason = denied.sentence();
            match denied {
                DeniedBy::Answer { .. } => Settled::No { by, reason },
                DeniedBy::Muted | DeniedBy::CooledDown | DeniedBy::SameLogin => Settled::No {
                    by: DecidedBy::Remembered,
                    reason,
                },
                DeniedBy::TooMany => Settled::TooMany { reason },
                DeniedBy::Nobody
                | DeniedBy::BadAnswer(_)
                | DeniedBy::PrompterFailed(_)
                | DeniedBy::Stopped => Settled::NoAnswer { reason },
            }
        }
    }
}
