//! The value that alone opens the way to the upstream: for one exact request, consumed by use.

use wire::request::{Request, SignRequest};

use crate::judgement::{Judgement, Verdict};
use crate::question::Yes;

/// Leave to sign one exact request. There is no other way to make one than from a judgement that allows
/// or from a person's yes, and sending it upstream consumes it.
#[derive(Debug)]
pub struct Permit {
    payload: Vec<u8>,
}

impl Permit {
    /// A permit by the policy alone; `None` unless it says allow.
    pub fn by_judgement(judgement: &Judgement, request: &SignRequest<'_>) -> Option<Self> {
        (judgement.verdict == Verdict::Allow).then(|| Self::for_request(request))
    }

    /// A permit by a person whom the policy had asked; `None` if the policy asks nobody.
    pub fn by_answer(judgement: &Judgement, _yes: Yes, request: &SignRequest<'_>) -> Option<Self> {
        (judgement.verdict == Verdict::Ask).then(|| Self::for_request(request))
    }

    fn for_request(request: &SignRequest<'_>) -> Self {
        Self {
            payload: Request::Sign(*request).rebuild(),
        }
    }

    /// The message for the upstream: rebuilt from what was parsed and judged, never relayed.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }
}
