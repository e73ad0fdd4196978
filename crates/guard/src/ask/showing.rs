//! Follows the questions: starts a prompter for each that is to be shown, takes it back when the
//! question is over, and passes the answer on.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use policy::denied_by::DeniedBy;
use policy::display;
use policy::question::{BadAnswer, QuestionId};
use policy::queue::AnswerError;
use policy::record::DecidedBy;

use super::asker::Asker;
use super::prompt::{Dialog, Notice, PromptOutcome};
use super::questions::QuestionEvent;
use common::clock;
use common::log::journal::{self, Priority};

/// Names that are taken, typed for one question; whoever types more is no person.
const MAX_TAKEN_NAMES: usize = 5;

/// Shows questions until the vault stops.
pub fn follow(asker: &Arc<Asker>) {
    let events = asker.questions.listen();
    let revoker = Arc::clone(asker);
    asker.notifier.on_revoke(move |number| {
        if revoker.revoke(Some(number)) > 0 {
            let said = format!("approval {number} was revoked: the next such request asks again");
            revoker.notifier.tell(Notice::said(said));
        }
    });
    let asker = Arc::clone(asker);
    thread::spawn(move || {
        let mut open: HashMap<QuestionId, Arc<Dialog>> = HashMap::new();
        for event in events {
            match event {
                QuestionEvent::Show(id) => {
                    let Ok(dialog) = Dialog::new().map(Arc::new) else {
                        continue;
                    };
                    open.insert(id, Arc::clone(&dialog));
                    let asker = Arc::clone(&asker);
                    thread::spawn(move || show(&asker, id, &dialog));
                }
                QuestionEvent::Changed(id) => send_counts(&asker, id, open.get(&id)),
                QuestionEvent::Ended(id) => {
                    if let Some(dialog) = open.remove(&id) {
                        dialog.withdraw();
                    }
                }
                QuestionEvent::Notice(text) => asker.notifier.tell(Notice::said(text)),
                QuestionEvent::Elsewhere => {}
            }
        }
    });
}

fn send_counts(asker: &Asker, id: QuestionId, dialog: Option<&Arc<Dialog>>) {
    let question = asker
        .questions
        .with(|queue| queue.question(id, clock::now()));
    if let (Some(question), Some(dialog)) = (question, dialog) {
        dialog.send_counts(question.counts());
    }
}

/// Shows one question until it is over: anew, and saying why, after a name that cannot be taken.
fn show(asker: &Asker, id: QuestionId, dialog: &Dialog) {
    let mut taken: Vec<String> = Vec::new();
    loop {
        match show_once(asker, id, dialog, taken.last().map(String::as_str)) {
            PromptOutcome::Answered(answer) => match asker.answer(id, &answer, DecidedBy::Prompt) {
                Err(AnswerError::Bad(BadAnswer::NameTaken)) if taken.len() < MAX_TAKEN_NAMES => {
                    taken.extend(answer.name);
                    continue;
                }
                Err(AnswerError::Bad(why)) => {
                    let said = format!("A request was denied: {why}");
                    asker.notifier.tell(Notice::said(said));
                    asker.end_unanswered(id, &DeniedBy::BadAnswer(why));
                }
                Ok(_) | Err(AnswerError::NotWaiting) => {}
            },
            PromptOutcome::Nobody => asker.end_unanswered(id, &DeniedBy::Nobody),
            PromptOutcome::Failed(why) => {
                let why = display::prose(why.as_bytes(), 300);
                let said = format!("question {id} was denied: {why}");
                journal::say(Priority::Warning, &said);
                let said = format!("A request was denied: {why}");
                asker.notifier.tell(Notice::said(said));
                asker.end_unanswered(id, &DeniedBy::PrompterFailed(why));
            }
            PromptOutcome::Withdrawn => {}
        }
        return;
    }
}

fn show_once(asker: &Asker, id: QuestionId, dialog: &Dialog, taken: Option<&str>) -> PromptOutcome {
    let question = || {
        let question = asker
            .questions
            .with(|queue| queue.question(id, clock::now()))?;
        Some(match taken {
            Some(name) => question.for_another_name(name),
            None => question,
        })
    };
    asker.prompter.ask(
        &question,
        dialog,
        &|| asker.questions.with(|queue| queue.shown(id, clock::now())),
        &|why| {
            let why = display::prose(why.as_bytes(), 300);
            let said = format!("question {id} waits, see `split-ssh pending`: {why}");
            journal::say(Priority::Notice, &said);
        },
    )
}
