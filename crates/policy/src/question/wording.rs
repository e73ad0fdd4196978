//! Sentences of a question that windows and terminals say alike.

use super::Risk;
use crate::facts::Proof;

impl Risk {
    pub fn word(self) -> &'static str {
        match self {
            Self::Routine => "Routine",
            Self::Unusual => "Unusual",
            Self::Dangerous => "Dangerous",
        }
    }
}

/// How sure the destination of a login is; one sentence for the whole question.
pub fn proof_sentence(proof: Proof) -> &'static str {
    match proof {
        Proof::Proven => "The server proved this destination.",
        Proof::Bound => {
            "The server vouched for this session. Whoever holds its host key could use the signature too."
        }
        Proof::Unproven => "Nothing shows which server this is for.",
    }
}
