//! Why a request that the policy wanted to ask about gets no signature.

use std::fmt;

use crate::question::BadAnswer;
use crate::remembered::denial_counter::{COOL_DOWN_SECONDS, DENIALS_UNTIL_COOL_DOWN};

/// The person's answer, an earlier answer, or what kept the person from giving one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeniedBy {
    /// The person said no.
    Answer,
    /// Nobody answered in time.
    Nobody,
    BadAnswer(BadAnswer),
    /// The prompter ended without an answer after it had been seen.
    PrompterFailed(String),
    /// The person denied such requests for a while; the number of that answer.
    Earlier(u64),
    /// The qube is muted.
    Muted,
    /// Too many denials before.
    CooledDown,
    /// Another key of this login was denied.
    SameLogin,
    /// The approval was taken back while the request waited for a passphrase or its turn.
    Revoked,
    /// Too many requests of this qube wait already.
    TooMany,
    /// The vault stops, or its policy changed while the request waited.
    Stopped,
}

/// The reason in the log and for people.
impl fmt::Display for DeniedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "you denied it",
            Self::Nobody => "nobody answered in time",
            Self::BadAnswer(why) => return write!(f, "the answer did not count: {why}"),
            Self::PrompterFailed(why) => return write!(f, "the prompt failed: {why}"),
            Self::Earlier(number) => {
                return write!(
                    f,
                    "you denied such requests for a while; to undo it: split-ssh approvals revoke {number}"
                );
            }
            Self::Muted => "you muted this caller",
            Self::CooledDown => {
                return write!(
                    f,
                    "denied automatically after {DENIALS_UNTIL_COOL_DOWN} denials in a minute; {}-minute pause",
                    COOL_DOWN_SECONDS / 60
                );
            }
            Self::Revoked => "the approval was revoked meanwhile",
            Self::SameLogin => "another key of this login was denied",
            Self::TooMany => "too many requests of this caller wait already",
            Self::Stopped => "the question was withdrawn",
        })
    }
}
