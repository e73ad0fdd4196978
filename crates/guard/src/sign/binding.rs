//! A session-bind: checked here, answered with our own result, and passed on to the upstream on the same
//! connection so that its destination constraints keep working.

use policy::record::{Event, Outcome};
use policy::session::BindOutcome;
use wire::bind::SessionBind;
use wire::reply::Reply;

use crate::intake::connection::Connection;

impl Connection<'_> {
    pub(crate) fn bind(&mut self, untrusted: &SessionBind<'_>, payload: &[u8]) -> Vec<u8> {
        let outcome = self.session.bind(untrusted, &self.vault.crypto);
        // After a failed one nothing is signed on this connection, so the upstream need not know.
        let is_taken = matches!(outcome, BindOutcome::Good | BindOutcome::Unverifiable);
        if is_taken && !self.session.bind_failed() {
            if let Some(upstream) = &mut self.upstream {
                upstream.pass_bind(payload.to_vec());
            }
        }
        let (said, reason) = match outcome {
            BindOutcome::Good | BindOutcome::Repeated => return Reply::Success.rebuild(),
            BindOutcome::Unverifiable => (
                Outcome::Unverifiable,
                "a host key of a type or size that we cannot check",
            ),
            BindOutcome::Failed(reason) => (Outcome::Failed, reason),
        };
        let mut record = self.record(Event::Bind, said);
        record.reason = Some(reason.to_owned());
        record.host_key = Some(
            self.policy
                .identify(untrusted.host_key)
                .fingerprint
                .to_string(),
        );
        record.forwarded = Some(untrusted.is_forwarding);
        let written = self.write(record);
        match said {
            Outcome::Unverifiable if written => Reply::Success.rebuild(),
            _ => {
                self.session.refuse_logins();
                Reply::ExtensionFailure.rebuild()
            }
        }
    }
}
