//! Follows the questions: starts a prompter for each that is to be shown, takes it back when the
//! question is over, and passes the answer on.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use policy::display;
use policy::question::QuestionId;
use policy::record::DecidedBy;

use super::{Counts, Dialog, Notice, Outcome};
use crate::clock;
use crate::log::journal::{self, Priority};
use crate::vault::Vault;
use crate::vault::questions::Told;

/// Shows questions until the vault stops.
pub fn follow(vault: &Arc<Vault>) {
    let told = vault.questions.listen();
    let vault = Arc::clone(vault);
    thread::spawn(move || {
        let mut open: HashMap<QuestionId, Arc<Dialog>> = HashMap::new();
        for told in told {
            match told {
                Told::Show(id) => {
                    let Ok(dialog) = Dialog::new().map(Arc::new) else {
                        continue;
                    };
                    open.insert(id, Arc::clone(&dialog));
                    let vault = Arc::clone(&vault);
                    thread::spawn(move || show(&vault, id, &dialog));
                }
                Told::Changed(id) => recount(&vault, id, open.get(&id)),
                Told::Over(id) => {
                    if let Some(dialog) = open.remove(&id) {
                        dialog.withdraw();
                    }
                }
                Told::Notice(text) => vault.notifier.tell(Notice::Said(text)),
            }
        }
    });
}

fn recount(vault: &Vault, id: QuestionId, dialog: Option<&Arc<Dialog>>) {
    let question = vault
        .questions
        .with(|state| state.waiting.question(id, clock::now()));
    if let (Some(question), Some(dialog)) = (question, dialog) {
        dialog.recount(Counts {
            waiting: question.waiting,
            same: question.same,
        });
    }
}

fn show(vault: &Vault, id: QuestionId, dialog: &Dialog) {
    let outcome = vault.prompter.ask(
        &|| {
            vault
                .questions
                .with(|state| state.waiting.question(id, clock::now()))
        },
        dialog,
        &|| {
            vault
                .questions
                .with(|state| state.waiting.shown(id, clock::now()))
        },
        &|why| {
            let why = display::prose(why.as_bytes(), 300);
            let said = format!("question {id} waits, see `split-ssh pending`: {why}");
            journal::say(Priority::Notice, &said);
        },
    );
    match outcome {
        Outcome::Answered(answer) => vault.prompter_answered(id, &answer),
        Outcome::Nobody => {
            vault
                .questions
                .change(DecidedBy::Prompt, |waiting, grants| {
                    waiting.nobody_answered(id, clock::now(), grants)
                });
        }
        Outcome::Failed(why) => {
            let why = display::prose(why.as_bytes(), 300);
            journal::say(
                Priority::Warning,
                &format!("question {id} was denied: {why}"),
            );
            vault
                .notifier
                .tell(Notice::Said(format!("A request was denied: {why}")));
            vault
                .questions
                .change(DecidedBy::Prompt, |waiting, grants| {
                    waiting.prompter_failed(id, &why, clock::now(), grants)
                });
        }
        Outcome::Withdrawn => {}
    }
}
