//! Asks the owner for a key file's passphrase, in the same dialog. Only for a key that a rule or a yes
//! has let sign: a client's call alone never gets here.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use policy::question::{Row, RowClass};
use serde::{Deserialize, Serialize};

use super::Prompter;
use super::child::Running;
use super::unit;
use crate::intake::stream::ByteStream;
use common::askpass::{MAX_PASSPHRASE, wipe};
use common::wait;

/// From the start until the window is on the screen.
const START_TIME: Duration = Duration::from_secs(20);
/// A passphrase may be all escapes in JSON, and has a few words around it.
const MAX_LINE: usize = MAX_PASSPHRASE as usize * 6 + 256;

/// What the owner is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassphrasePrompt {
    v: u8,
    id: String,
    rows: Vec<Row>,
    why: String,
    /// From 1; from 2 on the window says that the last one did not fit.
    attempt: u8,
    seconds: u64,
}

/// A secret that is overwritten when it is dropped.
pub struct Passphrase(Vec<u8>);

impl Passphrase {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl PassphrasePrompt {
    /// `file` and `fingerprint` are the vault's own; `why` says what waits for the key.
    pub fn new(file: &str, fingerprint: &str, why: String, attempt: u8, seconds: u64) -> Self {
        let row = |label: &str, text: &str| Row {
            label: label.to_owned(),
            text: text.to_owned(),
            note: None,
            class: RowClass::Name,
            stands_out: false,
        };
        Self {
            v: 1,
            id: "1".to_owned(),
            rows: vec![row("Key file", file), row("", fingerprint)],
            why,
            attempt,
            seconds,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    #[serde(default)]
    shown: bool,
    id: Option<String>,
    passphrase: Option<String>,
    #[serde(default)]
    decision: Option<String>,
    #[serde(default)]
    unanswered: bool,
}

impl Prompter {
    /// Asks; `None` is a no, by the owner, by time, or because `client` hung up.
    ///
    /// # Errors
    /// There is no window to ask in; the reason and what to do instead.
    pub fn passphrase(
        &self,
        wanted: &PassphrasePrompt,
        client: &UnixStream,
    ) -> Result<Option<Passphrase>, String> {
        if let Some(socket) = self.live_socket(unit::PASSPHRASE) {
            let stream = unit::connect(&socket)?;
            return Ok(converse(wanted, &stream, client));
        }
        let program = self
            .program
            .as_deref()
            .ok_or("split-ssh-prompt is not installed")?;
        let environment = self
            .session
            .environment()
            .ok_or("there is no session to ask in")?;
        let (_running, stream) = start(program, |command| {
            command.env_clear().envs(&environment);
        })
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        Ok(converse(wanted, &stream, client))
    }
}

fn start(
    program: &Path,
    set_up: impl FnOnce(&mut Command),
) -> std::io::Result<(Running, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    let mut command = Command::new(program);
    set_up(&mut command);
    command.arg("--passphrase").current_dir("/");
    command
        .stdin(Stdio::from(theirs.try_clone()?))
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::null());
    Ok((Running(command.spawn()?), ours))
}

fn converse(
    wanted: &PassphrasePrompt,
    mut stream: &UnixStream,
    client: &UnixStream,
) -> Option<Passphrase> {
    let mut line = serde_json::to_vec(wanted).ok()?;
    line.push(b'\n');
    stream.write_all(&line).ok()?;
    let bytes = ByteStream::new(stream.try_clone().ok()?).ok()?;
    let mut lines = PrompterLines {
        bytes,
        buffer: Vec::with_capacity(MAX_LINE),
    };
    let shown = lines.next(client, Instant::now() + START_TIME)?;
    if !shown.shown {
        return None;
    }
    let until = Instant::now() + Duration::from_secs(wanted.seconds + 3);
    let reply = lines.next(client, until)?;
    let answered =
        reply.decision.is_none() && !reply.unanswered && reply.id.as_deref() == Some(&wanted.id);
    reply
        .passphrase
        .filter(|_| answered)
        .map(|passphrase| Passphrase(passphrase.into_bytes()))
}

struct PrompterLines {
    bytes: ByteStream,
    buffer: Vec<u8>,
}

impl PrompterLines {
    /// The next line; `None` for the end, garbage, time, or a client that hung up.
    fn next(&mut self, client: &UnixStream, until: Instant) -> Option<Reply> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                let reply = serde_json::from_slice(&line).ok();
                wipe(&mut line);
                return reply;
            }
            let mut fds = [
                PollFd::new(self.bytes.as_fd(), PollFlags::POLLIN),
                PollFd::new(client.as_fd(), wait::PEER_CLOSED),
            ];
            let is_ready = wait::until(&mut fds, Some(until)).ok()?;
            if !is_ready || wait::has_peer_closed(&fds[1]) || self.buffer.len() >= MAX_LINE {
                return None;
            }
            let mut chunk = [0; 1024];
            let count = self.bytes.read_until(&mut chunk, until).ok()??;
            if count == 0 {
                return None;
            }
            self.buffer.extend(chunk.iter().take(count));
            wipe(&mut chunk);
        }
    }
}
