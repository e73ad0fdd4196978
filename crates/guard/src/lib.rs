//! The guard. One daemon; one thread for each client connection:
//! bytes → frame → request → intent → judgement → (question → answer) → permit → upstream → reply →
//! record. [`intake::connection`] tells the story from the top, `sign::pipeline` its heart.

pub mod ask;
mod control;
mod intake;
pub mod keys;
pub mod log;
mod policy_files;
mod run;
pub mod sign;
pub mod stdio;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use policy::caller::Keyring;
use policy::facts::Facts;
use policy::judgement::Verdict;
use policy::known_hosts::HostKey;
use policy::question::{Answer, BadAnswer, QuestionId};
use policy::queue::NotTaken;
use policy::record::{DecidedBy, Event, Outcome, Record, Timestamp};
use policy::remembered::{Denial, Remembered, RememberedAnswer};

use ask::prompt::{Notice, Notifier, Prompter};
use ask::questions::Questions;
use common::clock;
use common::config::vault::VaultConfig;
use common::control::Refusal;
use common::crypto::Ring;
use common::keyrings::KeyringPlace;
use common::log::journal::{self, Priority};
use common::sync::lock;
use intake::limits::Streams;
use keys::concurrency::Turns;
use keys::keyrings::Keyrings;
use log::Log;
use log::refusals::Refusals;
use policy::record::sentence::Sentence;
use policy_files::{PolicyFiles, PolicySnapshot, Reloaded};

pub use run::{Options, run};

/// What all connections share.
pub struct Vault {
    config: VaultConfig,
    keyrings: Keyrings,
    policy: Arc<PolicyFiles>,
    questions: Questions,
    prompter: Prompter,
    notifier: Notifier,
    streams: Arc<Streams>,
    turns: Turns,
    /// Held while a key file's passphrase is asked for.
    unlocking: Mutex<()>,
    log: Log,
    crypto: Ring,
    connections: AtomicU64,
    refusals: Mutex<Refusals>,
    /// When this daemon started, RFC 3339.
    started: String,
}

impl Vault {
    /// The policy as it was saved by now.
    fn policy(&self) -> Arc<PolicySnapshot> {
        let now = Instant::now();
        self.policy
            .as_saved_at(now.checked_sub(policy_files::FRESH).unwrap_or(now))
    }

    /// Reads policy and known hosts again, and starts the agents of keyrings that have come since.
    ///
    /// # Errors
    /// What is broken; the last good policy still holds.
    fn reload(&self) -> Result<(), String> {
        self.start_agents();
        self.policy.read_again()
    }

    /// Tells who must know of a policy that was read again.
    fn reloaded(&self, reloaded: &Reloaded) {
        match reloaded {
            Reloaded::Same => {}
            Reloaded::Changed => {
                let mut record = self.record(Event::Reload, Outcome::Ok);
                record.reason = self.tell_unreadable_revocations();
                self.write(record);
                journal::say(Priority::Notice, "the policy was read again");
                self.end_what_no_longer_asks();
            }
            Reloaded::Failed(why) => {
                self.write(self.record(Event::Reload, Outcome::Failed).because(why));
                let why = first_line(why);
                let said = format!("the policy is broken, the last good one still holds: {why}");
                journal::say(Priority::Error, &said);
                self.questions.notice(&said);
            }
        }
    }

    /// Tells the journal and the person of revocations that cannot be read, and returns them for a record.
    fn tell_unreadable_revocations(&self) -> Option<String> {
        let lines = self.policy.snapshot().unreadable_revocations();
        for line in &lines {
            journal::say(Priority::Error, line);
        }
        let first = lines.first()?;
        self.questions.notice(first);
        Some(lines.join("\n"))
    }

    /// Questions and remembered answers that the new policy would decide by itself.
    fn end_what_no_longer_asks(&self) {
        let policy = self.policy.snapshot();
        let now = clock::now();
        let asks = |facts: &Facts| policy.judge_unrated(facts, &now).verdict() == Verdict::Ask;
        let mut ended = Vec::new();
        self.questions
            .change(DecidedBy::Policy, |queue, remembered| {
                ended = remembered.keep(|scope| asks(&scope.facts()));
                queue.reconsider(|subject| asks(&subject.facts), now, remembered)
            });
        self.record_ended(&ended, "the policy was changed");
    }

    /// A record for each remembered answer that ended before its time.
    fn record_ended(&self, ended: &[Remembered], why: &str) {
        for entry in ended {
            let mut record = self.record(Event::Revoked, Outcome::Refused);
            record.qube = Some(entry.answer.caller().to_string().into());
            self.write(match &entry.answer {
                RememberedAnswer::Approval(scope) => {
                    record.of(&scope.facts(), &clock::now()).because(why)
                }
                RememberedAnswer::Denial(Denial::Muted(_)) => {
                    record.because(format!("the mute was {why}"))
                }
                RememberedAnswer::Denial(Denial::CooledDown(_)) => {
                    record.because(format!("the cool-down was {why}"))
                }
            });
        }
    }

    fn start_agents(&self) {
        for said in self.keyrings.start_all() {
            journal::say(Priority::Warning, &said);
        }
    }

    fn source(&self, keyring: &Keyring) -> Option<KeyringPlace> {
        let mut said = Vec::new();
        let source = self
            .keyrings
            .source(keyring, &mut said)
            .unwrap_or_else(|error| {
                said.push(error.to_string());
                None
            });
        for line in said {
            journal::say(Priority::Warning, &line);
        }
        source
    }

    /// A person's answer; a name typed with it becomes the host's label.
    ///
    /// # Errors
    /// The question is over, or the answer was not offered; it waits on then.
    fn answer_question(
        &self,
        id: QuestionId,
        answer: &Answer,
        by: DecidedBy,
    ) -> Result<usize, NotTaken> {
        let policy = self.policy();
        let subject = self
            .questions
            .with(|state| state.queue.subject(id).cloned());
        let host_key = subject
            .as_ref()
            .and_then(|subject| subject.host_key.as_deref());
        let host_key = host_key.and_then(|blob| HostKey::parse(blob).ok());
        let is_taken = |name: &str| {
            host_key
                .as_ref()
                .is_some_and(|host_key| policy.name_is_taken(name, host_key))
        };
        let settled = self.questions.answer(id, answer, is_taken, by)?;
        if let (Some(name), Some(host_key)) = (&answer.name, &host_key) {
            self.keep_label(name, host_key, &policy.host_words());
        }
        Ok(settled)
    }

    /// A prompter's answer that does not count is a no.
    fn prompter_answered_badly(&self, id: QuestionId, why: BadAnswer) {
        let said = format!("A request was denied: {why}");
        self.notifier.tell(Notice::Said(said));
        self.questions
            .change(DecidedBy::Prompt, |queue, remembered| {
                queue.prompter_answered_badly(id, why, clock::now(), remembered)
            });
    }

    fn keep_label(&self, name: &str, host_key: &HostKey<'_>, policy_names: &[String]) {
        let files = self.policy.host_files();
        if let Err(error) = files.add_label(name, host_key, policy_names) {
            let said = format!("the label was not kept: {error}");
            journal::say(Priority::Warning, &said);
            self.notifier.tell(Notice::Said(said));
        }
    }

    fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn record(&self, event: Event, outcome: Outcome) -> Record {
        let mut record = Record::new(event, outcome, timestamp());
        record.policy = Some(Arc::clone(self.policy.snapshot().digest()));
        record
    }

    /// `false` if the record is not on disk: then nothing may be given that it tells of.
    fn write(&self, record: Record) -> bool {
        let refuses = matches!(record.outcome, Outcome::Refused | Outcome::Failed);
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
        lock(&self.refusals).add(Refusal {
            time: record.time.to_string(),
            qube: record.qube.as_deref().map(str::to_owned),
            what: format!("{} {}", sentence.head, sentence.what),
            why: sentence.why,
            times: 1,
        });
    }

    fn last_refusals(&self) -> Vec<Refusal> {
        lock(&self.refusals).newest_first()
    }
}

/// Of what is wrong with a policy; the rest points at the place, as `split-ssh policy check` does.
fn first_line(why: &str) -> &str {
    why.lines().next().unwrap_or_default()
}

fn timestamp() -> Timestamp {
    Timestamp::from_unix_ms(u64::try_from(clock::since_1970().as_millis()).unwrap_or(u64::MAX))
}
