//! What is said over `control.sock`: one JSON object a line each way, for the vault's own user and
//! root only. A request is `{"v":1,"do":"…",…}`; a reply is `{"v":1,…}` with what was asked for, or with an `error`.
//! `watch` is answered by a line for each event until either side closes.

use std::fmt;
use std::path::PathBuf;

use policy::question::{Answer, BadAnswer, QuestionId, Version};
pub use policy::queue::PendingQuestion;
use serde::{Deserialize, Serialize};

use crate::keyrings::KeyringState;
use crate::sandbox::{Sandbox, Vsock};

/// The longest line either way, in bytes: 64 waiting questions of long rows fit many times over.
pub const MAX_LINE: usize = 4 << 20;

/// A line to the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLine {
    pub v: Version,
    #[serde(flatten)]
    pub request: Request,
}

/// What the vault is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// The questions that wait.
    Pending,
    /// A terminal shows this question now: its 60 seconds begin.
    Shown { id: QuestionId },
    /// Answers a waiting question.
    Answer { id: QuestionId, answer: Answer },
    /// The answers that are remembered.
    Approvals,
    /// Forgets remembered answers.
    Revoke { which: RevokedApprovals },
    /// What runs, and the last refusals.
    Status,
    /// The keyrings with their agents, which are started if they do not run; or only one of them.
    Keyrings {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Loads a key file into a keyring's agent. A window asks for its passphrase, so that this takes as long as a
    /// person takes.
    Load { keyring: String, file: PathBuf },
    /// Which names the vault gives to a host key (base64).
    Host { key: String },
    /// Reads policy and known hosts again.
    Reload,
    /// Serves the sandboxes that are configured now, and tells of all of them.
    Sandboxes,
    /// Every change to the waiting questions, as it happens; and that something else has changed.
    Watch,
}

/// Which remembered answers to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevokedApprovals {
    Number(u64),
    All,
}

/// A line from the vault. Exactly the field that was asked for is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub v: Version,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ControlError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Vec<PendingQuestion>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<Approval>>,
    /// To `revoke`: how many were forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
    /// To `answer`: how many requests the answer settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<u64>,
    /// To `answer`: what was kept of it, and how to undo that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// To `answer`: what was to be written with it and was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<VaultStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyrings: Option<Vec<KeyringState>>,
    /// To `sandboxes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandboxes: Option<Vec<SandboxState>>,
    /// To `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// To `watch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

impl From<ControlError> for Reply {
    fn from(error: ControlError) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }
}

/// Why the vault did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlError {
    NotWaiting(QuestionId),
    BadAnswer(BadAnswer),
    NoApproval(u64),
    /// Anything else, in a sentence.
    Refused(String),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWaiting(id) => write!(f, "no question {id} waits any more"),
            Self::BadAnswer(why) => why.fmt(f),
            Self::NoApproval(number) => write!(f, "no approval has the number {number}"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

/// The state of the running vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultStatus {
    /// RFC 3339, UTC.
    pub started: String,
    pub streams: usize,
    pub connected: Vec<Connected>,
    pub policy_files: Vec<String>,
    pub policy_sha256: String,
    /// Of the settings that it read when it started.
    pub settings_sha256: String,
    /// Why the vault refuses everything.
    pub broken: Option<String>,
    /// Why the vault does not use the files on disk.
    pub stale: Option<String>,
    /// `@revoked` lines of known hosts that cannot be read, and what is refused for it.
    pub unreadable_revocations: Vec<String>,
    pub prompt: PromptState,
    pub log: String,
    pub sandboxes: Vec<SandboxState>,
    /// Why the log cannot be written, so that everything is refused.
    pub log_trouble: Option<String>,
    /// The last ones, newest first.
    pub refusals: Vec<RefusedRequest>,
}

/// A caller that has calls open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connected {
    /// As the log has it.
    pub qube: String,
    pub calls: usize,
    /// Connections beside the first that a call carries.
    pub carried: usize,
}

/// A sandbox that the vault serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxState {
    pub name: String,
    pub socket: PathBuf,
    pub keyring: String,
    /// Who may connect.
    pub uids: Vec<u32>,
    /// All that it asks for counts as forwarded.
    pub forwarded: bool,
    /// The virtual machine that may connect, too.
    pub vsock: Option<Vsock>,
    pub connections: usize,
    /// Why the vault does not listen there.
    pub trouble: Option<String>,
}

impl SandboxState {
    pub fn of(sandbox: &Sandbox, connections: usize, trouble: Option<String>) -> Self {
        Self {
            name: sandbox.name.clone(),
            socket: sandbox.socket.clone(),
            keyring: sandbox.keyring.to_string(),
            uids: sandbox.uids.clone(),
            forwarded: sandbox.forwarded,
            vsock: sandbox.vsock,
            connections,
            trouble,
        }
    }
}

/// How the vault would ask a person now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptState {
    pub asks_by: AsksBy,
    /// `vault.toml` wants windows.
    pub wants_window: bool,
    /// split-ssh-prompt is installed, wherever it could be shown.
    pub has_program: bool,
}

/// What would show a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AsksBy {
    /// A window that the session's socket unit starts.
    SessionSocket,
    /// A window that the vault starts.
    Window,
    Terminal,
}

impl fmt::Display for AsksBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SessionSocket => "split-ssh-prompt, started by the session",
            Self::Window => "split-ssh-prompt",
            Self::Terminal => "the terminal: split-ssh pending",
        })
    }
}

/// A request that got nothing, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedRequest {
    /// RFC 3339, UTC; the last one's, if there were several.
    pub time: String,
    pub qube: Option<String>,
    pub what: String,
    pub why: String,
    /// How often, all alike.
    pub times: u64,
}

/// A remembered answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub number: u64,
    /// A yes; else a mute or a cool-down.
    pub allows: bool,
    pub qube: String,
    /// What it covers, in words for people.
    pub covers: String,
    /// The key that may sign; a no has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub seconds_left: u64,
    pub uses: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Event {
    /// A question began to wait, or one more request joined it.
    Asked(Box<PendingQuestion>),
    /// A question is over.
    Settled { id: QuestionId, how: String },
    /// Something worth telling that is no question.
    Notice(String),
    /// The log has grown, or others are connected.
    Changed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        for request in [
            Request::Watch,
            Request::Shown { id: 3 },
            Request::Revoke {
                which: RevokedApprovals::Number(2),
            },
        ] {
            let line = RequestLine {
                v: Version,
                request,
            };
            let written = serde_json::to_vec(&line).unwrap();
            let read: RequestLine = serde_json::from_slice(&written).unwrap();
            assert_eq!(read, line);
        }
        for refused in [
            r#"{"do":"watch"}"#,
            r#"{"v":2,"do":"watch"}"#,
            r#"{"v":1,"do":"shown","id":3,"extra":1}"#,
            r#"{"v":1,"do":"revoke"}"#,
            r#"{"v":1,"do":"forget"}"#,
        ] {
            assert!(
                serde_json::from_str::<RequestLine>(refused).is_err(),
                "{refused}"
            );
        }
    }
}
