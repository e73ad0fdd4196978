//! What is said over `control.sock`: one JSON object a line each way, for the vault's own user and
//! root only. A request says what to `do`; a reply is `{"v":1,"ok":true,…}` or
//! `{"v":1,"ok":false,"error":"…"}`. `watch` is answered by a line for each event until either side
//! closes.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use policy::question::{Answer, Question, QuestionId};
use serde::{Deserialize, Serialize};

use crate::keyrings::KeyringState;
use crate::paths::Paths;

/// The version of this language.
pub const VERSION: u8 = 1;
/// The longest line either way, in bytes: 64 waiting questions of long rows fit many times over.
pub const MAX_LINE: usize = 4 << 20;
/// The vault answers at once.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A line to the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// The questions that wait.
    Pending { v: u8 },
    /// A terminal shows this question now: its 60 seconds begin.
    Shown { v: u8, id: QuestionId },
    /// Answers a waiting question.
    Answer {
        v: u8,
        id: QuestionId,
        answer: Answer,
    },
    /// The answers that are remembered.
    Approvals { v: u8 },
    /// Forgets remembered answers.
    Revoke {
        v: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u64>,
        #[serde(default)]
        all: bool,
    },
    /// What runs, and the last refusals.
    Status { v: u8 },
    /// The keyrings with their agents, which are started if they do not run; or only one of them.
    Keyrings {
        v: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Loads a key file into a keyring's agent. A window asks for its passphrase, so that this takes as long as a
    /// person takes.
    Load {
        v: u8,
        keyring: String,
        file: PathBuf,
    },
    /// Which names the vault gives to a host key (base64).
    Host { v: u8, key: String },
    /// Reads policy and known hosts again.
    Reload { v: u8 },
    /// Every change to the waiting questions, as it happens.
    Watch { v: u8 },
}

impl Request {
    pub fn version(&self) -> u8 {
        match self {
            Self::Pending { v }
            | Self::Shown { v, .. }
            | Self::Answer { v, .. }
            | Self::Approvals { v }
            | Self::Revoke { v, .. }
            | Self::Status { v }
            | Self::Keyrings { v, .. }
            | Self::Load { v, .. }
            | Self::Host { v, .. }
            | Self::Reload { v }
            | Self::Watch { v } => *v,
        }
    }
}

/// A line from the vault. Exactly the field that was asked for is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub v: u8,
    pub ok: bool,
    /// With `ok: false`: a sentence for the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Vec<Pending>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<Approval>>,
    /// To `revoke`: how many were forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
    /// To `answer`: how many requests the answer settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<VaultStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyrings: Option<Vec<KeyringState>>,
    /// To `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// To `watch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

impl Reply {
    pub fn ok() -> Self {
        Self {
            v: VERSION,
            ok: true,
            ..Self::default()
        }
    }

    pub fn error(sentence: impl Into<String>) -> Self {
        Self {
            v: VERSION,
            ok: false,
            error: Some(sentence.into()),
            ..Self::default()
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
    pub policy_files: Vec<String>,
    pub policy_sha256: String,
    /// Why the vault refuses everything.
    pub broken: Option<String>,
    /// Why the vault does not use the files on disk.
    pub stale: Option<String>,
    /// `@revoked` lines of known hosts that cannot be read, and what is refused for it.
    pub unreadable_revocations: Vec<String>,
    pub prompt: PromptState,
    pub log: String,
    /// Why the log cannot be written, so that everything is refused.
    pub log_trouble: Option<String>,
    /// The last ones, newest first.
    pub refusals: Vec<RefusedRequest>,
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

/// A question that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    pub question: Question,
    pub seconds_left: u64,
    /// A dialog or a live view shows it now.
    pub shown: bool,
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
    Asked(Box<Pending>),
    /// A question is over.
    Settled { id: QuestionId, how: String },
    /// Something worth telling that is no question.
    Notice(String),
}

/// Asks the vault of this machine one thing.
///
/// # Errors
/// No vault runs, or it left without an answer.
pub fn ask(paths: &Paths, request: &Request) -> io::Result<Reply> {
    ask_within(paths, request, ANSWER_TIME)
}

/// The same, for what takes the vault longer.
///
/// # Errors
/// No vault runs, or no answer came in time.
pub fn ask_within(paths: &Paths, request: &Request, time: Duration) -> io::Result<Reply> {
    let stream = UnixStream::connect(paths.control_socket())?;
    stream.set_read_timeout(Some(time))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut answer = String::new();
    let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    BufReader::new(stream).take(most).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
