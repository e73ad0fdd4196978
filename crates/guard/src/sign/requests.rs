//! One request, one reply. Refusals are answers, too.

use policy::record::{Event, RecordOutcome};
use wire::allowed::{self, ALLOWED};
use wire::bind::SESSION_BIND;
use wire::carry::{CARRY, Note};
use wire::content::{CONTENT, ContentChunk};
use wire::reader::Reader;
use wire::reply::Reply;
use wire::request::{Extension, QUERY, Request, SignRequest};
use wire::{BadMessage, Problem};

use super::session::AgentSession;
use super::{binding, listing, pipeline};

/// Answers one message of the agent protocol, without its length.
pub fn answer(session: &mut AgentSession<'_>, untrusted: &[u8]) -> Vec<u8> {
    session.begin_request();
    match Request::parse(untrusted) {
        Ok(Request::List) => listing::list(session),
        Ok(Request::Sign(request)) => sign(session, &request),
        Ok(Request::Extension(Extension::SessionBind(bind))) => {
            binding::bind(session, &bind, untrusted)
        }
        Ok(Request::Extension(Extension::Content(chunk))) => take_content(session, &chunk),
        Ok(Request::Extension(Extension::Query)) => query(),
        Ok(Request::Extension(Extension::Other {
            name: ALLOWED,
            contents: [],
        })) => allowed::reply(session.allowed),
        // It is understood and never served: it would change the vault's agent.
        Ok(request) => {
            let why = format!("request {} is never served", request.number());
            note_refused(session, request.name(), &why);
            Reply::Failure.rebuild()
        }
        Err(bad) => bad_request(session, &bad, untrusted),
    }
}

/// Takes a chunk of content; the agent behind does not hear of it. While the vault holds too many contents it answers as
/// an agent that does not know the extension, and the client goes on without.
fn take_content(session: &mut AgentSession<'_>, untrusted: &ContentChunk<'_>) -> Vec<u8> {
    let signer = session.signer;
    match session
        .content
        .take(untrusted, &signer.contents, &signer.crypto)
    {
        None => Reply::Failure.rebuild(),
        Some(Ok(())) => Reply::Success.rebuild(),
        Some(Err(why)) => {
            note_refused(session, "content", why);
            Reply::ExtensionFailure.rebuild()
        }
    }
}

/// Signs, or does not, with a record before the reply.
fn sign(session: &mut AgentSession<'_>, untrusted: &SignRequest<'_>) -> Vec<u8> {
    let mut outcome = pipeline::sign(session, untrusted);
    let record = outcome.record(|| session.record(Event::Sign, RecordOutcome::Refused));
    let is_written = session.signer.recorder.write(record);
    match outcome.result {
        // A signature that is not in the log was not given.
        Ok(reply) if is_written => reply,
        result => {
            let reason = result.err().filter(|_| is_written);
            session.tell(reason.map_or(Note::Broken, |refusal| refusal.in_a_word()));
            Reply::Failure.rebuild()
        }
    }
}

fn note_refused(session: &AgentSession<'_>, request: &str, why: &str) {
    let mut record = session.record(Event::Refusal, RecordOutcome::Refused);
    record.request = Some(request.to_owned());
    session.note(record.because(why));
}

fn bad_request(session: &mut AgentSession<'_>, bad: &BadMessage, untrusted: &[u8]) -> Vec<u8> {
    let mut record = session.record(Event::Refusal, RecordOutcome::Refused);
    record.bytes = u64::try_from(untrusted.len()).ok();
    record.reason = Some(match &bad.problem {
        Problem::Unknown => format!("request {} is not known", bad.number),
        Problem::Malformed(malformed) => {
            format!("request {} cannot be read: {malformed}", bad.number)
        }
    });
    session.note(record);
    match extension_name(untrusted) {
        // Whoever garbles a bind may want the login that follows to look unbound.
        Some(SESSION_BIND) => session.session.refuse_signatures(),
        Some(CONTENT) => session.content.spoil(),
        _ => return Reply::Failure.rebuild(),
    }
    Reply::ExtensionFailure.rebuild()
}

/// The extensions that we take: a list of names, as OpenSSH 10.3's agent answers (RFC 9987 §3.8.1).
fn query() -> Vec<u8> {
    Reply::to_extension(QUERY, |names| {
        for name in [SESSION_BIND, CONTENT, CARRY, ALLOWED, QUERY] {
            names.string(name);
        }
    })
}

/// The extension that a request which cannot be read is of by its first words.
fn extension_name(untrusted: &[u8]) -> Option<&str> {
    let mut reader = Reader::new(untrusted);
    let is_extension = reader.u8("number") == Ok(27);
    reader.name("name").ok().filter(|_| is_extension)
}
