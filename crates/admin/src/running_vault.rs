//! Talks to the running vault: its questions and the answers to them.

use std::io;

use policy::question::{Answer, Decision, Question};

use super::shown_question::ascii;
use common::control::{self, Pending, Reply, Request};
use common::error::{Error, reason};
use common::paths::Paths;

/// The questions that wait now.
pub(super) fn waiting(paths: &Paths) -> Result<Vec<Pending>, Error> {
    Ok(ask(&Request::Pending, paths)?.pending.unwrap_or_default())
}

/// Sends an answer for the requests that `question` told of; says how many it settled.
pub(super) fn answer(
    question: &Question,
    decision: Decision,
    name: Option<String>,
    paths: &Paths,
) -> Result<u64, Error> {
    let request = Request::Answer {
        id: question.id,
        answer: Answer {
            decision,
            name,
            same: question.same,
        },
    };
    Ok(ask(&request, paths)?.settled.unwrap_or_default())
}

/// Asks the vault; a refusal is an error.
pub(super) fn ask(request: &Request, paths: &Paths) -> Result<Reply, Error> {
    let reply = control::ask(paths, request).map_err(|error| no_vault(&error, paths))?;
    match reply.error {
        None => Ok(reply),
        Some(error) => Err(Error::new(ascii(&error.to_string()))),
    }
}

/// Has the running vault read its files again; `None` where none runs.
///
/// # Errors
/// The vault does not take them; the first line of why.
pub(super) fn reload(paths: &Paths) -> Option<Result<(), String>> {
    let reply = control::ask(paths, &Request::Reload).ok()?;
    Some(reply.error.map_or(Ok(()), |why| {
        let why = why.to_string();
        Err(why.lines().next().unwrap_or_default().to_owned())
    }))
}

/// What to say when the vault cannot be reached.
pub(super) fn no_vault(error: &io::Error, paths: &Paths) -> Error {
    let socket = paths.control_socket();
    let what = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!("no vault runs here: nobody listens on {}", socket.display())
        }
        _ => format!(
            "no vault answers on {}: {}",
            socket.display(),
            reason(error)
        ),
    };
    Error::new(what)
        .hint(
            "run this in the vault qube; there, `split-ssh vault` starts a vault, and `split-ssh doctor` says why none runs",
        )
}
