//! The person, as far as the vault knows one: questions, who shows them, notifications, and what was answered
//! before.

use std::sync::Arc;

use policy::facts::Facts;
use policy::judgement::Verdict;
use policy::known_hosts::HostKey;
use policy::question::{Answer, BadAnswer, QuestionId};
use policy::queue::AnswerError;
use policy::record::{DecidedBy, Event, Record, RecordOutcome};
use policy::remembered::{ActiveDenial, ListedAnswer, RememberedAnswer};

use super::prompt::{Notice, Notifier, Prompter};
use super::questions::Questions;
use crate::log::recorder::{Recorder, timestamp};
use crate::policy_files::{PolicyFiles, PolicySnapshot};
use common::clock;
use common::log::journal::{self, Priority};

pub struct Asker {
    pub questions: Questions,
    pub prompter: Prompter,
    pub notifier: Notifier,
    recorder: Arc<Recorder>,
    policy: Arc<PolicyFiles>,
}

impl Asker {
    pub fn new(
        prompter: Prompter,
        notifier: Notifier,
        recorder: Arc<Recorder>,
        policy: Arc<PolicyFiles>,
    ) -> Self {
        Self {
            questions: Questions::default(),
            prompter,
            notifier,
            recorder,
            policy,
        }
    }

    /// A person's answer; a name typed with it becomes the host's label.
    ///
    /// # Errors
    /// The question is over, or the answer was not offered; it waits on then.
    pub fn answer(
        &self,
        id: QuestionId,
        answer: &Answer,
        by: DecidedBy,
    ) -> Result<usize, AnswerError> {
        let policy = self.policy.latest();
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
            self.keep_label(name, host_key, &policy);
        }
        Ok(settled)
    }

    fn keep_label(&self, name: &str, host_key: &HostKey<'_>, policy: &PolicySnapshot) {
        let files = self.policy.host_files();
        if let Err(error) = files.add_label(name, host_key, &policy.host_words()) {
            let said = format!("the label was not kept: {error}");
            journal::say(Priority::Warning, &said);
            self.notifier.tell(Notice::Said(said));
        }
    }

    /// A prompter's answer that does not count is a no.
    pub fn prompter_answered_badly(&self, id: QuestionId, why: BadAnswer) {
        let said = format!("A request was denied: {why}");
        self.notifier.tell(Notice::Said(said));
        self.questions
            .change(DecidedBy::Prompt, |queue, remembered| {
                queue.prompter_answered_badly(id, why, clock::now(), remembered)
            });
    }

    /// Ends the questions and the remembered answers that the policy in force decides by itself.
    pub fn end_what_no_longer_asks(&self) {
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

    /// Forgets one remembered answer, or all; says how many there were.
    pub fn revoke(&self, number: Option<u64>) -> usize {
        let ended: Vec<ListedAnswer> = self.questions.with(|state| match number {
            Some(number) => state.remembered.revoke(number).into_iter().collect(),
            None => state.remembered.revoke_all(),
        });
        self.record_ended(&ended, "taken back by the owner");
        ended.len()
    }

    /// Forgets the approvals: whoever sits at the screen next is perhaps not who gave them.
    pub fn screen_was_locked(&self) {
        let ended = self
            .questions
            .with(|state| state.remembered.revoke_approvals());
        self.record_ended(&ended, "the screen was locked");
        let said = match ended.len() {
            0 => return,
            1 => "the screen was locked: 1 approval has ended".to_owned(),
            count => format!("the screen was locked: {count} approvals have ended"),
        };
        journal::say(Priority::Notice, &said);
        self.questions.notice(&said);
    }

    /// A record for each remembered answer that ended before its time.
    fn record_ended(&self, ended: &[ListedAnswer], why: &str) {
        for entry in ended {
            let mut record = Record::new(Event::Revoked, RecordOutcome::Refused, timestamp());
            record.policy = Some(Arc::clone(self.policy.snapshot().digest()));
            record.qube = Some(entry.answer.caller().to_string().into());
            self.recorder.note(match &entry.answer {
                RememberedAnswer::Approval(scope) => {
                    record.of(&scope.facts(), &clock::now()).because(why)
                }
                RememberedAnswer::ActiveDenial(ActiveDenial::Muted(_)) => {
                    record.because(format!("the mute was {why}"))
                }
                RememberedAnswer::ActiveDenial(ActiveDenial::CooledDown(_)) => {
                    record.because(format!("the cool-down was {why}"))
                }
            });
        }
    }
}
