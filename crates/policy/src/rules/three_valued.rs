//! The result of a matcher and of a rule has three values.

/// Ordered so that the least of a rule's matchers is the rule's own result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    No,
    /// The host is not shown well enough to say, or its name or the user's leaves it open.
    Maybe,
    Yes,
}

impl Match {
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }
}

impl From<bool> for Match {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}
