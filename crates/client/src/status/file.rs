//! The file in which a client records how its streams ended, one for each vault.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::TransportKind;
use super::outcome::CallOutcome;
use common::clock;
use common::sync::lock;
use common::trusted_files;

/// Failed streams that are kept, the last ones.
pub const MAX_RECENT: usize = 20;
/// Characters kept of what the carrying program said.
const MAX_MESSAGE: usize = 200;

/// Clients of one user whose vaults have the same name; each client has a file of its own.
const MAX_SAME_NAME: usize = 16;

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub v: u32,
    pub vault: String,
    pub kind: TransportKind,
    /// The transport in words.
    pub transport: String,
    pub socket: PathBuf,
    /// Of the merged agent, if there is one.
    pub merged: Option<PathBuf>,
    pub pid: u32,
    /// Times are seconds since 1970-01-01T00:00:00Z.
    pub since: u64,
    /// Calls that ended well.
    pub served: u64,
    pub last_served: Option<u64>,
    /// Calls, or attempts at one, that failed.
    pub troubles: u64,
    pub live: Live,
    /// Requests that waited in vain for their turn; they are no troubles.
    pub waited_in_vain: u64,
    /// The last refusals of which the vault told the reason.
    pub refusals: VecDeque<Refusal>,
    /// The last call failed.
    pub is_failing: bool,
    pub recent: VecDeque<Trouble>,
}

/// A request that the vault refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub at: u64,
    pub reason: RefusalReason,
}

/// All that a vault tells of a refusal (docs/extensions.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
    Policy,
    Denied,
    NoAnswer,
    Limit,
    Broken,
}

impl RefusalReason {
    pub fn words(self) -> &'static str {
        match self {
            Self::Policy => "the vault's policy refuses it",
            Self::Denied => "denied in the vault",
            Self::NoAnswer => "nobody answered in the vault",
            Self::Limit => "a limit of the vault was met",
            Self::Broken => "something in the vault does not work; `split-ssh status` there tells",
        }
    }
}

/// What there is at present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Connections of programs that have asked something.
    pub connections: usize,
    /// Of them, those that share one call.
    pub carried: usize,
    /// Keys that the vault listed last.
    pub keys: usize,
    /// Questions that are open in the vault, as far as it tells.
    pub asking: usize,
    /// The vault did not answer a list in time; lists go on without it.
    pub late: Option<Late>,
    /// Open calls, in set-up too.
    pub calls: usize,
    /// Connections whose request waits until a call may be made.
    pub waiting: usize,
}

/// Times of a vault that did not answer a list, in seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    pub since: u64,
    /// The first list after this time asks it again.
    pub ask_again_at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub at: u64,
    pub outcome: CallOutcome,
    /// The client was owed a FAILURE and is sent it; otherwise its connection is closed.
    pub answered: bool,
    /// The last line of the carrying program's stderr, perhaps from the other side.
    pub untrusted_said: String,
}

/// The file of one vault.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    status: Mutex<Status>,
    /// Something has changed that is not in the file yet.
    is_stale: AtomicBool,
}

impl StatusFile {
    /// `status` says what this vault is. Removes the files of clients that have ended: one that is started for another keyring
    /// would never overwrite them. Two clients whose vaults have the same name have a file each.
    pub fn new(folder: &Path, status: Status) -> Self {
        for (path, status) in read_files(folder).unwrap_or_default() {
            if !status.is_running() {
                let _ = fs::remove_file(path);
            }
        }
        let mut paths = (1..=MAX_SAME_NAME).map(|number| path_of(folder, &status.vault, number));
        let free = paths.find(|path| !path.exists());
        Self {
            path: free.unwrap_or_else(|| path_of(folder, &status.vault, 1)),
            status: Mutex::new(Status {
                v: 1,
                pid: std::process::id(),
                since: now(),
                ..status
            }),
            is_stale: AtomicBool::new(false),
        }
    }

    /// Writes the first version.
    ///
    /// # Errors
    /// The folder cannot be made or written to. Streams are served without the file as well.
    pub fn start(&self) -> io::Result<()> {
        self.write(&lock(&self.status))
    }

    /// Notes how a call ended. A failure is in the file when this returns, anything else soon.
    pub fn note(&self, outcome: &CallOutcome, answered: bool, untrusted_said: &str) {
        let mut status = lock(&self.status);
        if *outcome == CallOutcome::Served {
            status.served += 1;
            status.last_served = Some(now());
            status.is_failing = false;
        } else if *outcome == CallOutcome::WaitedInVain {
            status.waited_in_vain += 1;
        } else if outcome.is_trouble() {
            status.troubles += 1;
            status.is_failing = true;
            let untrusted_said = untrusted_said.chars().take(MAX_MESSAGE).collect();
            let trouble = Trouble {
                at: now(),
                outcome: outcome.clone(),
                answered,
                untrusted_said,
            };
            push(&mut status.recent, trouble);
            // A record that cannot be written is lost; nobody waits for it.
            let _ = self.write(&status);
            return;
        }
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// Notes why the vault refused a request.
    pub fn note_refusal(&self, reason: RefusalReason) {
        let mut status = lock(&self.status);
        push(&mut status.refusals, Refusal { at: now(), reason });
        // The program is told no after this: who asks then finds the reason.
        let _ = self.write(&status);
    }

    /// Brings the file up to date, if it is not.
    pub fn refresh(&self, live: Live) {
        let mut status = lock(&self.status);
        let is_stale = self.is_stale.swap(false, Ordering::Relaxed) || status.live != live;
        if is_stale {
            status.live = live;
            let _ = self.write(&status); // as above
        }
    }

    fn write(&self, status: &Status) -> io::Result<()> {
        let mut text = serde_json::to_vec(status)?;
        text.push(b'\n');
        trusted_files::replace_unsynced(&self.path, &text)
    }
}

/// Bytes of a status file that we would read; ours are far smaller.
const MAX_FILE: u64 = 256 * 1024;

impl Status {
    /// The process that listens at the client's socket, if any does: the client, or pid 1 for systemd.
    pub fn listener(&self) -> Option<i32> {
        let stream = UnixStream::connect(&self.socket).ok()?;
        Some(getsockopt(&stream, PeerCredentials).ok()?.pid())
    }

    /// Whether the client that wrote this is still there.
    pub fn is_running(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().filter(|pid| *pid > 0);
        pid.is_some_and(|pid| kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
    }
}

fn push<T>(recent: &mut VecDeque<T>, one: T) {
    recent.push_back(one);
    let surplus = recent.len().saturating_sub(MAX_RECENT);
    recent.drain(..surplus);
}

/// `VAULT.json`, `VAULT-2.json` and so on.
fn path_of(folder: &Path, vault: &str, number: usize) -> PathBuf {
    folder.join(match number {
        1 => format!("{vault}.json"),
        number => format!("{vault}-{number}.json"),
    })
}

/// The vaults' files in `folder`, by name; what is not one is passed over.
///
/// # Errors
/// The folder is there but cannot be read.
pub fn read_all(folder: &Path) -> io::Result<Vec<Status>> {
    let files = read_files(folder)?;
    Ok(files.into_iter().map(|(_, status)| status).collect())
}

fn read_files(folder: &Path) -> io::Result<Vec<(PathBuf, Status)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<(PathBuf, Status)> = paths
        .filter_map(|path| Some((path.clone(), read_one(&path)?)))
        .collect();
    found.sort_by(|a, b| (&a.1.vault, &a.0).cmp(&(&b.1.vault, &b.0)));
    Ok(found)
}

fn read_one(path: &Path) -> Option<Status> {
    let is_status = path.extension()? == "json";
    if !is_status || fs::metadata(path).ok()?.len() > MAX_FILE {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

pub fn now() -> u64 {
    clock::since_1970().as_secs()
}
