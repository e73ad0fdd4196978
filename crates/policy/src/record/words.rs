//! The closed words of a record: what it is about, how it ended, who decided.

use serde::{Deserialize, Serialize};

/// What a record is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The vault began to serve.
    #[default]
    Start,
    /// The vault ended in good order.
    Stop,
    /// The policy was read again; `failed` keeps the last good one.
    Reload,
    /// A client asked for the keys.
    List,
    /// A client asked for a signature; `ok` means that it was given.
    Sign,
    /// A session-bind.
    Bind,
    /// A request of a type that is never served.
    Refusal,
    /// Bytes that are no request.
    Malformed,
    /// A bound was met: streams, rate, signatures, sizes.
    Limit,
    /// The agent behind the vault was gone, slow or wrong.
    Upstream,
    /// A question got no answer: timed out, closed, crashed, nobody to ask.
    NoAnswer,
    /// A signature was given, and its client had left.
    Undelivered,
    /// A remembered answer ended before its time. Older logs say `grant`.
    #[serde(alias = "grant")]
    Revoked,
    /// The log itself was mended after a crash or a full disk.
    Recovered,
}

/// How it ended.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum RecordOutcome {
    #[default]
    Ok,
    /// By decision of the policy, a person or a limit.
    Refused,
    /// Something broke, or a signature did not verify.
    Failed,
    /// A bind whose host key we cannot check: no proof, no accusation.
    Unverifiable,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    Policy,
    /// A person, in the dialog.
    Prompt,
    /// A person, with `split-ssh allow` or `deny`.
    Terminal,
    /// An earlier answer that a person let stand.
    Remembered,
}

impl Event {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 14] = [
        Self::Start,
        Self::Stop,
        Self::Reload,
        Self::List,
        Self::Sign,
        Self::Bind,
        Self::Refusal,
        Self::Malformed,
        Self::Limit,
        Self::Upstream,
        Self::NoAnswer,
        Self::Undelivered,
        Self::Revoked,
        Self::Recovered,
    ];

    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Reload => "reload",
            Self::List => "list",
            Self::Sign => "sign",
            Self::Bind => "bind",
            Self::Refusal => "refusal",
            Self::Malformed => "malformed",
            Self::Limit => "limit",
            Self::Upstream => "upstream",
            Self::NoAnswer => "no-answer",
            Self::Undelivered => "undelivered",
            Self::Revoked => "revoked",
            Self::Recovered => "recovered",
        }
    }
}

impl RecordOutcome {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [Self::Ok, Self::Refused, Self::Failed, Self::Unverifiable];

    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unverifiable => "unverifiable",
        }
    }
}

impl DecidedBy {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] =
        [Self::Policy, Self::Prompt, Self::Terminal, Self::Remembered];

    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Prompt => "prompt",
            Self::Terminal => "terminal",
            Self::Remembered => "remembered",
        }
    }
}
