//! One agent connection on a stream of its own, from its first message to its end: one thread, one session, one upstream
//! connection. Refusals are answers; only what is no agent protocol ends the connection.

use std::time::{Duration, Instant};

use policy::record::Event;
use wire::carry::{self, Terms};
use wire::reply::Reply;

use super::stream::{MessageStream, Received};
use crate::sign;
use crate::sign::session::AgentSession;
use common::config::vault::Limits;

/// A message that is begun is sent in one go; ssh needs microseconds.
pub const WHOLE_MESSAGE_TIME: Duration = Duration::from_secs(30);

/// Why a connection is ended by us, for the log.
pub type Bound = (Event, String);

/// Answers until the client is done, or a bound is met. `terms` answers a handshake for carrying that comes first; true if
/// the client then goes on with frames that carry many connections.
pub fn serve(
    session: &mut AgentSession<'_>,
    stream: &mut MessageStream,
    limits: &Limits,
    terms: Terms,
) -> bool {
    let mut first = receive(session, stream, limits, Instant::now() + limits.total());
    if matches!(&first, Received::Message(untrusted) if carry::is_hello(untrusted)) {
        let is_answered = stream.send(&terms.rebuild()).is_ok();
        if !is_answered || terms.connections > 0 {
            return is_answered;
        }
        first = receive(session, stream, limits, Instant::now() + limits.total());
    }
    if let Some((event, why)) = serve_until_bound(session, stream, limits, first) {
        session.note_end(event, why);
    }
    false
}

fn serve_until_bound(
    session: &mut AgentSession<'_>,
    stream: &mut MessageStream,
    limits: &Limits,
    first: Received,
) -> Option<Bound> {
    let end = Instant::now() + limits.total();
    let malformed = |why: &str| Some((Event::Malformed, why.to_owned()));
    let mut first = Some(first);
    for _ in 0..limits.requests {
        let next = || receive(session, stream, limits, end);
        let reply = match first.take().unwrap_or_else(next) {
            Received::Message(untrusted) => sign::answer(session, &untrusted),
            Received::End(false) | Received::Io(_) => return None,
            Received::End(true) => return malformed("the stream ended within a message"),
            Received::Broken(error) => return malformed(&error.to_string()),
            Received::TooSlow => {
                let why = "a message that was begun and not ended in 30 s".to_owned();
                return Some((Event::Limit, why));
            }
            Received::Idle => return Some(idle(Instant::now() >= end)),
        };
        if stream.send(&reply).is_err() {
            return undelivered(&reply);
        }
    }
    Some(too_many())
}

/// The bound of a connection that is idle for too long, or has been open for as long as it may.
pub fn idle(is_over: bool) -> Bound {
    let why = match is_over {
        true => "the longest time for a stream",
        false => "no request for too long",
    };
    (Event::Limit, why.to_owned())
}

/// The bound of a connection that has asked all that it may.
pub fn too_many() -> Bound {
    let why = "too many requests on one stream";
    (Event::Limit, why.to_owned())
}

/// What to tell of a reply that could not be sent, if anything.
pub fn undelivered(reply: &[u8]) -> Option<Bound> {
    let is_signature = matches!(Reply::parse(reply), Ok(Reply::Signature(_)));
    let why = "signed, and nobody took it".to_owned();
    is_signature.then_some((Event::Undelivered, why))
}

/// Waits for a message. Content that was sent for a signature is forgotten if that does not come soon.
fn receive(
    session: &mut AgentSession<'_>,
    stream: &mut MessageStream,
    limits: &Limits,
    end: Instant,
) -> Received {
    let idle = (Instant::now() + limits.idle()).min(end);
    if let Some(forget) = session.content.until.filter(|forget| *forget < idle) {
        match stream.receive(forget, WHOLE_MESSAGE_TIME) {
            Received::Idle => session.content.forget_old(forget),
            received => return received,
        }
    }
    stream.receive(idle, WHOLE_MESSAGE_TIME)
}
