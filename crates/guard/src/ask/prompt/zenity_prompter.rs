//! `split-ssh zenity`: the prompter that the session's systemd starts where our dialog is not installed, for a vault
//! that may start no program itself. Speaks `docs/prompt-protocol.md` on its standard streams, for one question.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use super::protocol::{self, MAX_LINE};
use super::session::Session;
use super::{Asking, Dialog, Outcome, Try, zenity};
use common::error::Error;
use common::paths::Paths;

/// Answers one question, or ends without an answer, which is a no.
///
/// # Errors
/// What kept it from asking; the vault asks in another way then.
pub fn run_zenity(paths: &Paths) -> Result<ExitCode, Error> {
    let nobody = |why: &str| Error::new(why).hint("answer it in a terminal: split-ssh pending");
    let program = zenity::find().ok_or_else(|| nobody("there is no zenity"))?;
    let session = Session::new(&paths.home, paths.xdg_runtime());
    let environment = session.environment();
    let environment = environment.ok_or_else(|| nobody("there is no display"))?;
    let question = read_question()?;
    let dialog = Arc::new(Dialog::new().map_err(|error| Error::new(error.to_string()))?);
    withdraw_at_the_end_of_input(&dialog)?;

    let was_shown = Cell::new(false);
    let tried = zenity::by_zenity(
        &Asking {
            question: &question,
            dialog: &dialog,
            shown: &|| {
                was_shown.set(true);
                say(protocol::shown());
            },
        },
        &program,
        &environment,
    );
    match tried {
        Try::Over(Outcome::Answered(answer)) => {
            say(protocol::answered(&question, Some(&answer)));
            Ok(ExitCode::SUCCESS)
        }
        Try::Over(Outcome::Nobody) => {
            say(protocol::answered(&question, None));
            Ok(ExitCode::SUCCESS)
        }
        Try::Over(Outcome::Withdrawn) => Ok(ExitCode::SUCCESS),
        Try::Over(Outcome::Failed(why)) => {
            if !was_shown.get() {
                // An answer before `shown` is a no for the vault, whatever it says; silence would ask again elsewhere.
                say(protocol::answered(&question, None));
            }
            Err(Error::new(why))
        }
        Try::Unseen(why) => Err(nobody(&why)),
    }
}

fn read_question() -> Result<policy::question::Question, Error> {
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    io::stdin()
        .lock()
        .take(limit)
        .read_until(b'\n', &mut line)
        .map_err(|error| Error::new(format!("cannot read the question: {error}")))?;
    protocol::question(&line).map_err(Error::new)
}

/// The vault closes the stream when nobody waits for the answer any more. New counts are not for zenity.
fn withdraw_at_the_end_of_input(dialog: &Arc<Dialog>) -> Result<(), Error> {
    let dialog = Arc::clone(dialog);
    let reads = move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        dialog.withdraw();
    };
    let started = thread::Builder::new().spawn(reads);
    started
        .map(drop)
        .map_err(|error| Error::new(format!("cannot start a thread: {error}")))
}

/// A vault that is gone needs no answer.
fn say(line: Option<Vec<u8>>) {
    let mut stdout = io::stdout();
    let _ = stdout
        .write_all(&line.unwrap_or_default())
        .and_then(|()| stdout.flush());
}
