//! Talks to the running vault: its questions and the answers to them.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use policy::display;
use policy::question::{Answer, Decision, Question};

use super::shown_question::{MAX_SENTENCE, answered};
use crate::control_socket;
use common::control::{ControlError, Event, PendingQuestion, Reply, Request};
use common::error::{Error, reason};
use common::paths::Paths;

/// The questions that wait now.
pub(super) fn waiting(paths: &Paths) -> Result<Vec<PendingQuestion>, Error> {
    Ok(ask(&Request::Pending, paths)?.pending.unwrap_or_default())
}

/// Sends an answer for the requests that `question` told of, and says what came of it. With `name`, whether it is to
/// be trusted.
///
/// # Errors
/// The vault does not take the answer, or could not write what was to be written with it.
pub(super) fn answer(
    question: &Question,
    decision: Decision,
    name: Option<(String, bool)>,
    paths: &Paths,
) -> Result<String, Error> {
    let (name, trust) = name.unzip();
    let request = Request::Answer {
        id: question.id,
        answer: Answer {
            decision,
            name,
            trust: trust.unwrap_or_default(),
            same: question.same,
        },
    };
    let reply = ask(&request, paths)?;
    let answered = answered(question, decision, reply.settled.unwrap_or_default());
    match (reply.trouble, reply.said) {
        (Some(trouble), _) => {
            let what = format!("{answered}, but {}", sentence(&trouble));
            Err(Error::new(what))
        }
        (None, Some(said)) => Ok(format!("{answered}\n{}", sentence(&said))),
        (None, None) => Ok(answered),
    }
}

/// The vault's sentence, whole: it ends in a command to paste.
pub(super) fn sentence(text: &str) -> String {
    display::prose(text.as_bytes(), MAX_SENTENCE)
}

/// Asks the vault; a refusal is an error.
pub(super) fn ask(request: &Request, paths: &Paths) -> Result<Reply, Error> {
    let reply = control_socket::ask(paths, request).map_err(|error| no_vault(&error, paths))?;
    let Some(error) = reply.error else {
        return Ok(reply);
    };
    let refused = Error::new(sentence(&error.to_string()));
    Err(match error {
        ControlError::NoApproval(_) => refused.hint("`split-ssh approvals` lists those in force"),
        ControlError::NotWaiting(_) => refused.hint("`split-ssh pending` shows those that do"),
        _ => refused,
    })
}

/// What happens in the vault from now on, until it ends.
///
/// # Errors
/// No vault runs here.
pub(super) fn watch(paths: &Paths) -> Result<impl Iterator<Item = Event> + use<>, Error> {
    let begun = UnixStream::connect(paths.control_socket()).and_then(|mut stream| {
        stream.write_all(&control_socket::line_of(&Request::Watch)?)?;
        Ok(BufReader::new(stream))
    });
    let lines = begun.map_err(|error| no_vault(&error, paths))?.lines();
    let replies = lines.map_while(|line| serde_json::from_str::<Reply>(&line.ok()?).ok());
    Ok(replies.filter_map(|reply| reply.event))
}

/// Has the running vault read its files again; `None` where none runs.
///
/// # Errors
/// The vault does not take them; the first line of why.
pub(super) fn reload(paths: &Paths) -> Option<Result<(), String>> {
    let reply = control_socket::ask(paths, &Request::Reload).ok()?;
    Some(reply.error.map_or(Ok(()), |why| {
        let why = why.to_string();
        Err(why.lines().next().unwrap_or_default().to_owned())
    }))
}

/// What to say when the vault cannot be reached.
pub(super) fn no_vault(error: &io::Error, paths: &Paths) -> Error {
    let socket = paths.control_socket();
    let socket = socket.display();
    let what = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!("no vault runs here: nobody listens on {socket}")
        }
        _ => format!("no vault answers on {socket}: {}", reason(error)),
    };
    Error::new(what).hint(
        "run this in the vault qube; there, `split-ssh vault` starts a vault, and `split-ssh doctor` says why none runs",
    )
}
