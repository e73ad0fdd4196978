//! The result of a matcher and of a rule has three values.

word_enum! {
    /// Ordered so that the least of a rule's matchers is the rule's own result.
    pub enum Match {
        No = "no",
        /// The host is not shown well enough to say, or its name or the user's leaves it open.
        Maybe = "maybe",
        Yes = "yes",
    }
}

impl From<bool> for Match {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}
