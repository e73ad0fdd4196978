//! A session-bind: checked here, answered with our own result, and passed on to the upstream on the same
//! connection so that its destination constraints keep working.

use policy::record::{Event, RecordOutcome};
use policy::session::BindOutcome;
use wire::bind::SessionBind;
use wire::reply::Reply;

use super::session::AgentSession;

/// Checks a bind and answers it; `payload` is the whole message, for the upstream.
pub fn bind(
    session: &mut AgentSession<'_>,
    untrusted: &SessionBind<'_>,
    payload: &[u8],
) -> Vec<u8> {
    let outcome = session.session.bind(untrusted, &session.signer.crypto);
    // After a failed one nothing is signed on this connection, so the upstream need not know.
    let is_taken = matches!(outcome, BindOutcome::Good | BindOutcome::Unverifiable);
    if is_taken && !session.session.bind_failed() {
        if let Some(upstream) = &mut session.upstream {
            upstream.pass_bind(payload.to_vec());
        }
    }
    let (recorded, reason) = match outcome {
        BindOutcome::Good | BindOutcome::Repeated => return Reply::Success.rebuild(),
        BindOutcome::Unverifiable => (
            RecordOutcome::Unverifiable,
            "a host key of a type or size that we cannot check",
        ),
        BindOutcome::Failed(reason) => (RecordOutcome::Failed, reason),
    };
    let mut record = session.record(Event::Bind, recorded).because(reason);
    let host = session.policy.identify(untrusted.host_key);
    record.host_key = Some(host.fingerprint.to_string());
    record.forwarded = Some(untrusted.is_forwarding);
    let is_written = session.signer.recorder.write(record);
    match recorded {
        RecordOutcome::Unverifiable if is_written => Reply::Success.rebuild(),
        _ => {
            session.session.refuse_signatures();
            Reply::ExtensionFailure.rebuild()
        }
    }
}
