//! The control socket's side in the vault: what `split-ssh pending|allow|deny|approvals|status` ask.
//! One JSON object a line each way; for the vault's own user and root only.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Uid;
use policy::question::{Answer, Decision, QuestionId};
use policy::queue::{NotTaken, PendingQuestion};
use policy::record::DecidedBy;
use policy::remembered::Remembered;

use super::Vault;
use crate::ask::questions::QuestionEvent;
use common::clock;
use common::control::{
    Approval, DecisionWord, Event, MAX_LINE, Pending, Reply, Request, VERSION, VaultStatus,
};

/// A person may leave `split-ssh pending --live` open; a line that is begun is written at once.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// How soon after its peer a view ends, if nothing happens that it would tell.
const LOOK_AFTER_PEER: Duration = Duration::from_secs(1);
/// A request is a few words.
const MAX_REQUEST: u64 = 64 * 1024;

/// Serves one peer until it closes.
pub fn serve(vault: &Arc<Vault>, stream: UnixStream, _peer: Uid) {
    let _ = serve_lines(vault, &stream);
}

fn serve_lines(vault: &Arc<Vault>, stream: &UnixStream) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIME))?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if (&mut lines).take(MAX_REQUEST).read_line(&mut line)? == 0 {
            return Ok(());
        }
        match serde_json::from_str::<Request>(&line) {
            Ok(request) if request.version() != VERSION => {
                write(
                    stream,
                    &Reply::error(format!("this vault speaks version {VERSION}")),
                )?;
            }
            Ok(Request::Watch { .. }) => return watch(vault, stream),
            Ok(request) => write(stream, &answer(vault, &request))?,
            Err(error) => write(stream, &Reply::error(format!("not understood: {error}")))?,
        }
    }
}

fn write(mut stream: &UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    debug_assert!(line.len() <= MAX_LINE);
    stream.write_all(&line)
}

fn answer(vault: &Arc<Vault>, request: &Request) -> Reply {
    let now = clock::now();
    match request {
        Request::Pending { .. } => {
            let pending = vault.questions.with(|state| state.queue.pending(now));
            Reply {
                pending: Some(pending.into_iter().map(self::pending).collect()),
                ..Reply::ok()
            }
        }
        Request::Shown { id, .. } => {
            vault.questions.with(|state| state.queue.shown(*id, now));
            Reply::ok()
        }
        Request::Answer {
            id,
            decision,
            seconds,
            same,
            name,
            ..
        } => match decide(*decision, *seconds) {
            Some(decision) => {
                let answer = Answer {
                    decision,
                    same: *same,
                    name: name.clone(),
                };
                settle(vault, *id, &answer)
            }
            None => Reply::error("`for` needs seconds, and nothing else takes them"),
        },
        Request::Approvals { .. } => Reply {
            approvals: Some(vault.approvals()),
            ..Reply::ok()
        },
        Request::Revoke { number, all, .. } => match (number, all) {
            (None, true) => revoked(
                vault,
                &vault.questions.with(|state| state.remembered.revoke_all()),
            ),
            (Some(number), false) => {
                match vault
                    .questions
                    .with(|state| state.remembered.revoke(*number))
                {
                    Some(ended) => revoked(vault, &[ended]),
                    None => Reply::error(format!("no approval has the number {number}")),
                }
            }
            _ => Reply::error("say a number, or all"),
        },
        Request::Status { .. } => Reply {
            status: Some(status(vault)),
            ..Reply::ok()
        },
        Request::Keyrings { name, .. } => vault.keyring_states(name.as_deref()),
        Request::Load { keyring, file, .. } => vault.load_for_owner(keyring, file),
        Request::Host { key, .. } => names_of(vault, key),
        Request::Reload { .. } => match vault.reload() {
            Ok(()) => Reply::ok(),
            Err(error) => Reply::error(error),
        },
        Request::Watch { .. } => Reply::error("`watch` is answered by events"),
    }
}

fn decide(word: DecisionWord, seconds: Option<u64>) -> Option<Decision> {
    Some(match (word, seconds) {
        (DecisionWord::Deny, None) => Decision::Deny,
        (DecisionWord::Mute, None) => Decision::Mute,
        (DecisionWord::Once, None) => Decision::Once,
        (DecisionWord::For, Some(seconds)) => Decision::For(seconds),
        _ => return None,
    })
}

fn settle(vault: &Arc<Vault>, id: QuestionId, answer: &Answer) -> Reply {
    match vault.answer_question(id, answer, DecidedBy::Terminal) {
        Ok(settled) => Reply {
            settled: u64::try_from(settled).ok(),
            ..Reply::ok()
        },
        Err(NotTaken::Over) => Reply::error(format!("no question {id} waits any more")),
        Err(NotTaken::Bad(why)) => Reply::error(why.to_string()),
    }
}

fn revoked(vault: &Vault, ended: &[Remembered]) -> Reply {
    vault.record_ended(ended, "taken back by the owner");
    Reply {
        revoked: u64::try_from(ended.len()).ok(),
        ..Reply::ok()
    }
}

fn pending(waiting: PendingQuestion) -> Pending {
    Pending {
        question: waiting.question,
        seconds_left: waiting.seconds_left,
        shown: waiting.shown,
    }
}

impl Vault {
    fn approvals(&self) -> Vec<Approval> {
        let now = clock::now();
        self.questions.with(|state| {
            let remembered = state.remembered.list(now).iter();
            remembered
                .map(|entry| Approval {
                    number: entry.number,
                    allows: entry.answer.is_approval(),
                    qube: entry.answer.caller().to_string(),
                    covers: entry.answer.what(),
                    key: entry.answer.key(),
                    seconds_left: entry.ends.left(now),
                    uses: entry.uses,
                })
                .collect()
        })
    }
}

/// Tells every change to the waiting questions until the peer closes.
fn watch(vault: &Arc<Vault>, stream: &UnixStream) -> io::Result<()> {
    let events = vault.questions.listen();
    // What waited before is news to this view.
    for waiting in vault
        .questions
        .with(|state| state.queue.pending(clock::now()))
    {
        tell(stream, Event::Asked(pending(waiting)))?;
    }
    write(stream, &Reply::ok())?;
    loop {
        let event = match events.recv_timeout(LOOK_AFTER_PEER) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) if has_left(stream) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        match event {
            QuestionEvent::Show(id) | QuestionEvent::Changed(id) => {
                let waiting = vault
                    .questions
                    .with(|state| state.queue.pending(clock::now()));
                if let Some(waiting) = waiting
                    .into_iter()
                    .find(|waiting| waiting.question.id == id)
                {
                    tell(stream, Event::Asked(pending(waiting)))?;
                }
            }
            QuestionEvent::Over(id) => tell(
                stream,
                Event::Settled {
                    id,
                    how: "over".to_owned(),
                },
            )?,
            QuestionEvent::Notice(text) => tell(stream, Event::Notice(text))?,
        }
    }
}

fn has_left(peer: &UnixStream) -> bool {
    // No events asked for: hang-up and error are always told.
    let mut fds = [PollFd::new(peer.as_fd(), PollFlags::empty())];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
}

fn tell(stream: &UnixStream, event: Event) -> io::Result<()> {
    write(
        stream,
        &Reply {
            event: Some(event),
            ..Reply::ok()
        },
    )
}

fn status(vault: &Arc<Vault>) -> VaultStatus {
    let policy = vault.policy();
    VaultStatus {
        started: vault.started.clone(),
        streams: vault.streams.count(),
        policy_files: policy
            .files()
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        policy_sha256: policy.digest().to_string(),
        broken: policy.broken().map(str::to_owned),
        stale: policy.stale().map(str::to_owned),
        unreadable_revocations: policy.unreadable_revocations(),
        prompt: vault.prompter.state(),
        log: vault.log.path().display().to_string(),
        log_trouble: vault.log.trouble(),
        refusals: vault.last_refusals(),
    }
}

/// The names of a host key in the known hosts that hold.
fn names_of(vault: &Vault, encoded: &str) -> Reply {
    match STANDARD.decode(encoded) {
        Ok(key) => Reply {
            names: Some(vault.policy().identify(&key).names),
            ..Reply::ok()
        },
        Err(error) => Reply::error(format!("the key is no base64: {error}")),
    }
}
