use std::fmt;

/// The first place where bytes are not what their format asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What the format asks for, as the end of a sentence: `a session id of 1 to 128 bytes`.
    pub what: &'static str,
    /// Where it should begin: bytes from the start of what was given to `parse`.
    pub at: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

/// What is wrong with a numbered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No message of this direction has this number.
    Unknown,
    /// The number is known, the body is not what it asks for.
    Malformed(Malformed),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown message number"),
            Self::Malformed(malformed) => malformed.fmt(f),
        }
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A message that is no proper request, reply or frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMessage {
    /// The message's number; 0 for a message of no bytes.
    pub number: u8,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {}: {}", self.number, self.problem)
    }
}

impl std::error::Error for BadMessage {}
