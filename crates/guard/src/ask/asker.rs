//! The person, as far as the vault knows one: questions, who shows them, notifications, and what was answered
//! before.

use std::sync::Arc;

use policy::denied_by::DeniedBy;
use policy::facts::Facts;
use policy::judgement::{Remember, Verdict};
use policy::known_hosts::HostKey;
use policy::permit::Inquiry;
use policy::question::{Answer, Decision, QuestionId, Subject};
use policy::queue::AnswerError;
use policy::record::{DecidedBy, Event, RecordOutcome};
use policy::remembered::{ListedAnswer, RememberedAnswer};

use super::prompt::{Notice, Notifier, Prompter};
use super::questions::Questions;
use crate::log::recorder::Recorder;
use crate::policy_files::{PolicyFiles, PolicySnapshot};
use common::clock;
use common::log::journal::{self, Priority};
use common::policy_files;
use common::sync::lock;

pub struct Asker {
    pub questions: Questions,
    pub prompter: Prompter,
    pub notifier: Arc<Notifier>,
    recorder: Arc<Recorder>,
    policy: Arc<PolicyFiles>,
}

/// What became of an answer.
#[derive(Debug)]
pub struct Answered {
    /// How many requests it settled.
    pub settled: usize,
    /// What was kept of it, and how to undo that; or what was to be written with it and was not.
    pub written: Result<Option<String>, String>,
}

impl Asker {
    pub fn new(
        prompter: Prompter,
        notifier: Arc<Notifier>,
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

    /// Adds to an inquiry that becomes a question what was before, and the rule that the person may be offered.
    pub fn prepare(&self, inquiry: Inquiry) -> Inquiry {
        let now = clock::now();
        let subject = inquiry.subject();
        let is_settled = self
            .questions
            .with(|queue| queue.remembered.knows(subject, now));
        if is_settled {
            return inquiry;
        }
        let history = lock(&self.recorder.past).history(&subject.facts, &now);
        let rule = match subject.remember {
            Remember::Never => None,
            Remember::UpTo(_) => {
                policy_files::proposed(&self.policy.paths, &subject.facts, &now).ok()
            }
        };
        let rule = rule.map(|addition| addition.text);
        inquiry.with(history, rule)
    }

    /// A person's answer. A name typed with it becomes the host's label or, if it is to be trusted, its name in the
    /// vault's known hosts; an answer for always becomes a rule.
    ///
    /// # Errors
    /// The question is over, or the answer was not offered; it waits on then.
    pub fn answer(
        &self,
        id: QuestionId,
        answer: &Answer,
        by: DecidedBy,
    ) -> Result<Answered, AnswerError> {
        let policy = self.policy.latest();
        let subject = self.questions.with(|queue| queue.subject(id).cloned());
        let host_key = subject
            .as_ref()
            .and_then(|subject| subject.host_key.as_deref());
        let host_key = host_key.and_then(|blob| HostKey::parse(blob).ok());
        let is_taken = |name: &str| {
            host_key
                .as_ref()
                .is_some_and(|host_key| policy.name_is_taken(name, host_key))
        };
        let (settled, number) = self.questions.answer(id, answer, is_taken, by)?;
        let mut written = Ok(match answer.decision {
            Decision::AllowFor(_) | Decision::DenyFor(_) | Decision::Mute => {
                Some(format!("to undo it: split-ssh approvals revoke {number}"))
            }
            Decision::AllowOnce | Decision::AllowAlways | Decision::DenyOnce => None,
        });
        if let (Some(name), Some(host_key)) = (&answer.name, &host_key) {
            written = self.keep_name(name, host_key, &policy, answer.trust);
        }
        if let (Decision::AllowAlways, Some(subject)) = (answer.decision, &subject) {
            written = self.write_rule(subject);
        }
        if answer.trust || answer.decision == Decision::AllowAlways {
            // What was written counts for the next request. A policy that is broken is told of by whoever reads it.
            let _ = self.policy.read_again();
        }
        if let Err(trouble) = &written {
            journal::say(Priority::Warning, trouble);
            self.notifier.tell(Notice::said(trouble.clone()));
        }
        Ok(Answered { settled, written })
    }

    fn write_rule(&self, subject: &Subject) -> Result<Option<String>, String> {
        let text = subject.always.as_deref().unwrap_or_default();
        let added = policy_files::add(&self.policy.paths, &subject.facts, &clock::now(), text);
        let added = added.map_err(|error| format!("the rule was not written: {}", error.what()))?;
        Ok(Some(format!(
            "added rule {} at {}:{}; to undo it: split-ssh rule remove {}",
            added.number,
            added.file.display(),
            added.line,
            added.number
        )))
    }

    fn keep_name(
        &self,
        name: &str,
        host_key: &HostKey<'_>,
        policy: &PolicySnapshot,
        trust: bool,
    ) -> Result<Option<String>, String> {
        let files = &self.policy.hosts;
        let kept = files.add_name(name, host_key, &policy.host_words(), trust);
        let kept = kept.map_err(|error| format!("the name was not kept: {}", error.what()))?;
        Ok(trust.then(|| {
            format!("this vault knows the server as {kept} now; to undo it: split-ssh hosts remove {kept}")
        }))
    }

    /// Denies what a prompter brought no answer for that counts.
    pub fn end_unanswered(&self, id: QuestionId, why: &DeniedBy) {
        self.questions.change(DecidedBy::Prompt, |queue| {
            queue.end_unanswered(id, why, clock::now())
        });
    }

    /// Ends the questions and the remembered answers that the policy in force decides by itself.
    pub fn end_what_no_longer_asks(&self) {
        let policy = self.policy.snapshot();
        let now = clock::now();
        let asks = |facts: &Facts| policy.judge_unrated(facts, &now).verdict() == Verdict::Ask;
        let mut ended = Vec::new();
        self.questions.change(DecidedBy::Policy, |queue| {
            ended = queue.remembered.keep(asks);
            queue.reconsider(|subject| asks(&subject.facts), now)
        });
        self.record_ended(&ended, "the policy was changed");
    }

    /// Forgets one remembered answer, or all; says how many there were.
    pub fn revoke(&self, number: Option<u64>) -> usize {
        let ended: Vec<ListedAnswer> = self.questions.with(|queue| match number {
            Some(number) => queue.remembered.revoke(number).into_iter().collect(),
            None => queue.remembered.revoke_all(),
        });
        self.record_ended(&ended, "revoked by the owner");
        ended.len()
    }

    /// Forgets the approvals: whoever sits at the screen next is perhaps not who gave them.
    pub fn screen_was_locked(&self) {
        let ended = self
            .questions
            .with(|queue| queue.remembered.revoke_approvals());
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
            let mut record = self.policy.record(Event::Revoked, RecordOutcome::Refused);
            record.qube = Some(entry.answer.caller().to_string().into());
            self.recorder.note(match &entry.answer {
                RememberedAnswer::Approval(scope) => {
                    record.of(scope.facts(), &clock::now()).because(why)
                }
                RememberedAnswer::Denial(denied) => record
                    .of(&denied.facts, &clock::now())
                    .because(format!("the denial was ended: {why}")),
                RememberedAnswer::Mute(_) => record.because(format!("the mute was {why}")),
                RememberedAnswer::CoolDown(_) => record.because(format!("the cool-down was {why}")),
            });
        }
    }
}
