//! Follows the questions: starts a prompter for each that is to be shown, takes it back when the
//! question is over, and passes the answer on.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use policy::display;
use policy::question::{BadAnswer, QuestionId};
use policy::queue::NotTaken;
use policy::record::DecidedBy;

use super::{Counts, Dialog, Notice, Outcome};
use crate::Vault;
use crate::ask::questions::QuestionEvent;
use common::clock;
use common::log::journal::{self, Priority};

/// Names that are taken, typed for one question; whoever types more is no person.
const MAX_TAKEN_NAMES: usize = 5;

/// Shows questions until the vault stops.
pub fn follow(vault: &Arc<Vault>) {
    let events = vault.questions.listen();
    let vault = Arc::clone(vault);
    thread::spawn(move || {
        let mut open: HashMap<QuestionId, Arc<Dialog>> = HashMap::new();
        for event in events {
            match event {
                QuestionEvent::Show(id) => {
                    let Ok(dialog) = Dialog::new().map(Arc::new) else {
                        continue;
                    };
                    open.insert(id, Arc::clone(&dialog));
                    let vault = Arc::clone(&vault);
                    thread::spawn(move || show(&vault, id, &dialog));
                }
                QuestionEvent::Changed(id) => recount(&vault, id, open.get(&id)),
                QuestionEvent::Over(id) => {
                    if let Some(dialog) = open.remove(&id) {
                        dialog.withdraw();
                    }
                }
                QuestionEvent::Notice(text) => vault.notifier.tell(Notice::Said(text)),
            }
        }
    });
}

fn recount(vault: &Vault, id: QuestionId, dialog: Option<&Arc<Dialog>>) {
    let question = vault
        .questions
        .with(|state| state.queue.question(id, clock::now()));
    if let (Some(question), Some(dialog)) = (question, dialog) {
        dialog.recount(Counts {
            waiting: question.waiting,
            same: question.same,
        });
    }
}

/// Shows one question until it is over: anew, and saying why, after a name that cannot be taken.
fn show(vault: &Vault, id: QuestionId, dialog: &Dialog) {
    let mut taken: Vec<String> = Vec::new();
    loop {
        match show_once(vault, id, dialog, taken.last().map(String::as_str)) {
            Outcome::Answered(answer) => {
                match vault.answer_question(id, &answer, DecidedBy::Prompt) {
                    Err(NotTaken::Bad(BadAnswer::NameTaken)) if taken.len() < MAX_TAKEN_NAMES => {
                        taken.extend(answer.name);
                        continue;
                    }
                    Err(NotTaken::Bad(why)) => vault.prompter_answered_badly(id, why),
                    Ok(_) | Err(NotTaken::Over) => {}
                }
            }
            Outcome::Nobody => {
                vault
                    .questions
                    .change(DecidedBy::Prompt, |queue, remembered| {
                        queue.nobody_answered(id, clock::now(), remembered)
                    });
            }
            Outcome::Failed(why) => failed(vault, id, &why),
            Outcome::Withdrawn => {}
        }
        return;
    }
}

fn show_once(vault: &Vault, id: QuestionId, dialog: &Dialog, taken: Option<&str>) -> Outcome {
    let question = || {
        let question = vault
            .questions
            .with(|state| state.queue.question(id, clock::now()))?;
        Some(match taken {
            Some(name) => question.for_another_name(name),
            None => question,
        })
    };
    vault.prompter.ask(
        &question,
        dialog,
        &|| {
            vault
                .questions
                .with(|state| state.queue.shown(id, clock::now()))
        },
        &|why| {
            let why = display::prose(why.as_bytes(), 300);
            let said = format!("question {id} waits, see `split-ssh pending`: {why}");
            journal::say(Priority::Notice, &said);
        },
    )
}

fn failed(vault: &Vault, id: QuestionId, why: &str) {
    let why = display::prose(why.as_bytes(), 300);
    let said = format!("question {id} was denied: {why}");
    journal::say(Priority::Warning, &said);
    let said = format!("A request was denied: {why}");
    vault.notifier.tell(Notice::Said(said));
    vault
        .questions
        .change(DecidedBy::Prompt, |queue, remembered| {
            queue.prompter_failed(id, &why, clock::now(), remembered)
        });
}
