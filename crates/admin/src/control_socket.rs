//! One request to the running vault, and its reply.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::output::json_line;
use common::control::{MAX_LINE, Reply, Request, RequestLine, VaultStatus};
use common::paths::Paths;
use policy::question::Version;

/// The vault answers at once.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A request as a line.
///
/// # Errors
/// None that is known; JSON's own.
pub(crate) fn line_of(request: &Request) -> serde_json::Result<Vec<u8>> {
    json_line(&RequestLine {
        v: Version,
        request: request.clone(),
    })
}

/// What the vault of this machine says of itself, if one runs.
pub(crate) fn status(paths: &Paths) -> Option<VaultStatus> {
    ask(paths, &Request::Status).ok()?.status
}

/// Asks the vault of this machine one thing.
///
/// # Errors
/// No vault runs, or it left without an answer.
pub(crate) fn ask(paths: &Paths, request: &Request) -> io::Result<Reply> {
    ask_within(paths, request, ANSWER_TIME)
}

/// The same, for what takes the vault longer.
///
/// # Errors
/// No vault runs, or no answer came in time.
pub(crate) fn ask_within(paths: &Paths, request: &Request, time: Duration) -> io::Result<Reply> {
    let stream = UnixStream::connect(paths.control_socket())?;
    stream.set_read_timeout(Some(time))?;
    (&stream).write_all(&line_of(request)?)?;
    let mut answer = String::new();
    let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    BufReader::new(stream).take(most).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
