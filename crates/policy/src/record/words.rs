//! The closed words of a record: what it is about, how it ended, who decided.

word_enum! {
    /// What a record is about.
    #[derive(Default)]
    pub enum Event {
        /// The vault began to serve.
        #[default]
        Start = "start",
        /// The vault ended in good order.
        Stop = "stop",
        /// The policy was read again; `failed` keeps the last good one.
        Reload = "reload",
        /// A client asked for the keys.
        List = "list",
        /// A client asked for a signature; `ok` means that it was given.
        Sign = "sign",
        /// A session-bind.
        Bind = "bind",
        /// A request of a type that is never served.
        Refusal = "refusal",
        /// Bytes that are no request.
        Malformed = "malformed",
        /// A bound was met: streams, rate, signatures, sizes.
        Limit = "limit",
        /// The agent behind the vault was gone, slow or wrong.
        Upstream = "upstream",
        /// A question got no answer: timed out, closed, crashed, nobody to ask.
        NoAnswer = "no-answer",
        /// A signature was given, and its client had left.
        Undelivered = "undelivered",
        /// A remembered answer ended before its time. Older logs say `grant`.
        #[serde(alias = "grant")]
        Revoked = "revoked",
        /// The log itself was repaired after a crash or a full disk.
        Recovered = "recovered",
    }
}

word_enum! {
    /// How it ended.
    #[derive(Default)]
    pub enum RecordOutcome {
        #[default]
        Ok = "ok",
        /// By decision of the policy, a person or a limit.
        Refused = "refused",
        /// Something broke, or a signature did not verify.
        Failed = "failed",
        /// A bind whose host key we cannot check: no proof, no accusation.
        Unverifiable = "unverifiable",
    }
}

word_enum! {
    /// Who decided.
    pub enum DecidedBy {
        Policy = "policy",
        /// A person, in the dialog.
        Prompt = "prompt",
        /// A person, with `split-ssh allow` or `deny`.
        Terminal = "terminal",
        /// An earlier answer that a person let stand.
        Remembered = "remembered",
    }
}
