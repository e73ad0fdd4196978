//! The windows of questions that the vault itself shows in none: the same as the vault's, with the same gate.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::Sender;
use std::thread;

use policy::question::protocol::{PrompterAnswer, Shown};
use policy::question::{BadAnswer, Question, QuestionId};

use super::input::Input;
use super::window::start;
use crate::control_socket;
use crate::output::json_line;
use crate::running_vault::{ask, sentence};
use common::control::{ControlError, Request};
use common::paths::Paths;

pub(super) struct Answering {
    program: PathBuf,
    paths: Paths,
    sender: Sender<Input>,
    /// A window whose input ends closes.
    open: HashMap<QuestionId, ChildStdin>,
}

impl Answering {
    pub(super) fn new(program: PathBuf, paths: Paths, sender: Sender<Input>) -> Self {
        Self {
            program,
            paths,
            sender,
            open: HashMap::new(),
        }
    }

    /// Opens the question's window, if it is not open; says what went wrong.
    pub(super) fn open(&mut self, question: Question) -> Option<String> {
        if self.open.contains_key(&question.id) {
            return None;
        }
        let (child, mut stdin) = match start(&self.program, &[]) {
            Ok(started) => started,
            Err(error) => return Some(error.what().to_owned()),
        };
        let line = json_line(&question).ok()?;
        if stdin.write_all(&line).is_ok() {
            self.open.insert(question.id, stdin);
        }
        let (paths, sender) = (self.paths.clone(), self.sender.clone());
        thread::spawn(move || {
            let id = question.id;
            let result = follow(question, child, &paths);
            sender.send(match result {
                Ok(said) => Input::Answered(id, said),
                Err(again) => Input::NameTaken(again),
            })
        });
        None
    }

    pub(super) fn withdraw(&mut self, id: QuestionId) {
        self.open.remove(&id);
    }
}

/// Passes the answer on; what went wrong with it, or the question to be asked again.
fn follow(
    question: Question,
    mut child: Child,
    paths: &Paths,
) -> Result<Option<String>, Box<Question>> {
    let id = question.id;
    let lines = child.stdout.take().map(BufReader::new);
    let mut lines = lines
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok);
    let shown = lines.next();
    if shown.is_some_and(|line| serde_json::from_str::<Shown>(&line).is_ok()) {
        // One that is over by now closes the window.
        let _ = ask(&Request::Shown { id }, paths);
    }
    let given = lines.next();
    let given = given.and_then(|line| serde_json::from_str::<PrompterAnswer>(&line).ok());
    let _ = child.wait();
    // Time that is over denies by itself.
    let Some(answer) = given
        .filter(|given| given.id == id)
        .and_then(|given| given.answer)
    else {
        return Ok(None);
    };
    let name = answer.name.clone();
    let request = Request::Answer { id, answer };
    let Ok(reply) = control_socket::ask(paths, &request) else {
        return Ok(None);
    };
    match (reply.error, name) {
        (Some(ControlError::BadAnswer(BadAnswer::NameTaken)), Some(name)) => {
            Err(Box::new(question.for_another_name(&name)))
        }
        (Some(error), _) => Ok(Some(sentence(&error.to_string()))),
        (None, _) => Ok(reply.trouble.map(|trouble| sentence(&trouble))),
    }
}
