//! One agent connection, from its first message to its end: one thread, one session, one upstream
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

/// What becomes of a stream whose connection has been served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Closed,
    /// The client goes on with frames that carry many connections.
    Carries,
}

/// Answers until the client is done, or a bound is met. `terms` answers a handshake for carrying that comes first.
pub fn serve(
    session: &mut AgentSession<'_>,
    stream: &mut MessageStream,
    limits: &Limits,
    terms: Option<Terms>,
) -> Ended {
    let mut first = None;
    if let Some(terms) = terms {
        match receive(session, stream, limits, Instant::now() + limits.total()) {
            Received::Message(untrusted) if carry::is_hello(&untrusted) => {
                if stream.send(&terms.rebuild()).is_err() {
                    return Ended::Closed;
                }
                if terms.connections > 0 {
                    return Ended::Carries;
                }
            }
            received => first = Some(received),
        }
    }
    if let Some((event, why)) = serve_until_bound(session, stream, limits, first) {
        session.note_end(event, why);
    }
    Ended::Closed
}

/// Why the connection is ended by us, if it is.
fn serve_until_bound(
    session: &mut AgentSession<'_>,
    stream: &mut MessageStream,
    limits: &Limits,
    mut first: Option<Received>,
) -> Option<(Event, String)> {
    let end = Instant::now() + limits.total();
    let limit = |why: &str| Some((Event::Limit, why.to_owned()));
    let malformed = |why: &str| Some((Event::Malformed, why.to_owned()));
    for _ in 0..limits.requests {
        let received = first
            .take()
            .unwrap_or_else(|| receive(session, stream, limits, end));
        let reply = match received {
            Received::Message(untrusted) => sign::answer(session, &untrusted),
            Received::End(false) | Received::Io(_) => return None,
            Received::End(true) => return malformed("the stream ended within a message"),
            Received::Broken(error) => return malformed(&error.to_string()),
            Received::TooSlow => return limit("a message that was begun and not ended in 30 s"),
            Received::Idle if Instant::now() >= end => {
                return limit("the longest time for a stream");
            }
            Received::Idle => return limit("no request for too long"),
        };
        if stream.send(&reply).is_err() {
            let is_signature = matches!(Reply::parse(&reply), Ok(Reply::Signature(_)));
            let why = "signed, and nobody took it".to_owned();
            return is_signature.then_some((Event::Undelivered, why));
        }
    }
    limit("too many requests on one stream")
}

/// Waits for a message. Content that was sent for a signature is forgotten if that does not come soon.
fn receive(
    session: &mut AgentSession<'_>,
    stream: &mut MessageStream,
    limits: &Limits,
    end: Instant,
) -> Received {
    let idle = (Instant::now() + limits.idle()).min(end);
    if let Some(forget) = session.content_held_until().filter(|forget| *forget < idle) {
        match stream.receive(forget, WHOLE_MESSAGE_TIME) {
            Received::Idle => session.forget_content(),
            received => return received,
        }
    }
    stream.receive(idle, WHOLE_MESSAGE_TIME)
}
