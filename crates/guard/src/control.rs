//! The control socket's side in the vault: what `split-ssh pending|allow|deny|approvals|status` ask.
//! One JSON object a line each way; for the vault's own user and root only.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::iter;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::queue::{AnswerError, PendingQuestion};
use policy::record::DecidedBy;

use crate::ask::asker::Asker;
use crate::ask::questions::QuestionEvent;
use crate::daemon::Daemon;
use common::clock;
use common::control::{
    Approval, ControlError, Event, MAX_LINE, Reply, Request, RequestLine, RevokedApprovals,
    VaultStatus,
};
use common::sync::lock;
use common::wait;

/// A person may leave `split-ssh pending --live` open; a line that is begun is written at once.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// How soon after its peer a view ends, if nothing happens that it would tell.
const PEER_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// A request is a few words.
const MAX_REQUEST: u64 = 64 * 1024;

/// Serves one peer until it closes.
///
/// # Errors
/// The peer has left.
pub fn serve(daemon: &Daemon, stream: &UnixStream) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIME))?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if (&mut lines).take(MAX_REQUEST).read_line(&mut line)? == 0 {
            return Ok(());
        }
        match serde_json::from_str(&line) {
            Ok(RequestLine {
                request: Request::Watch,
                ..
            }) => return watch(daemon, stream),
            Ok(RequestLine { request, .. }) => {
                let reply = answer(daemon, stream, &request);
                write(stream, &reply.unwrap_or_else(Reply::from))?;
            }
            Err(error) => {
                let why = format!("the vault did not understand it: {error}");
                write(stream, &ControlError::Refused(why).into())?;
            }
        }
    }
}

fn write(mut stream: &UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    debug_assert!(line.len() <= MAX_LINE);
    stream.write_all(&line)
}

fn answer(daemon: &Daemon, stream: &UnixStream, request: &Request) -> Result<Reply, ControlError> {
    let asker = &daemon.signer.asker;
    let mut reply = Reply::default();
    match request {
        Request::Pending => reply.pending = Some(waiting(daemon)),
        Request::Shown { id } => asker.questions.with(|queue| queue.shown(*id, clock::now())),
        Request::Answer { id, answer } => {
            let answered = asker.answer(*id, answer, DecidedBy::Terminal);
            let answered = answered.map_err(|error| match error {
                AnswerError::NotWaiting => ControlError::NotWaiting(*id),
                AnswerError::Bad(why) => ControlError::BadAnswer(why),
            })?;
            reply.settled = u64::try_from(answered.settled).ok();
            match answered.written {
                Ok(said) => reply.said = said,
                Err(trouble) => reply.trouble = Some(trouble),
            }
        }
        Request::Approvals => reply.approvals = Some(approvals(asker)),
        Request::Revoke { which } => {
            let count = match which {
                RevokedApprovals::All => asker.revoke(None),
                RevokedApprovals::Number(number) => match asker.revoke(Some(*number)) {
                    0 => return Err(ControlError::NoApproval(*number)),
                    count => count,
                },
            };
            reply.revoked = u64::try_from(count).ok();
        }
        Request::Status => reply.status = Some(status(daemon)),
        Request::Keyrings { name } => {
            reply.keyrings = Some(daemon.signer.keys.keyring_states(name.as_deref())?);
        }
        Request::Load { keyring, file } => {
            daemon
                .signer
                .keys
                .load_for_owner(keyring, file, &asker.prompter, stream)?;
        }
        Request::Host { key } => {
            let key = STANDARD
                .decode(key)
                .map_err(|_| ControlError::Refused("the host key is no base64".to_owned()))?;
            reply.names = Some(daemon.signer.policy.latest().identify(&key).names);
        }
        Request::Reload => daemon.reload().map_err(ControlError::Refused)?,
        Request::Sandboxes => {
            let followed = daemon.sandboxes.follow_configuration();
            followed.map_err(|error| ControlError::Refused(error.what().to_owned()))?;
            reply.sandboxes = Some(daemon.sandboxes.states());
        }
        // Answered by events, before this.
        Request::Watch => {}
    }
    Ok(reply)
}

fn waiting(daemon: &Daemon) -> Vec<PendingQuestion> {
    let questions = &daemon.signer.asker.questions;
    questions.with(|queue| queue.pending(clock::now()))
}

fn approvals(asker: &Asker) -> Vec<Approval> {
    let now = clock::now();
    asker.questions.with(|queue| {
        let remembered = queue.remembered.list(now).iter();
        remembered
            .map(|entry| Approval {
                number: entry.number,
                allows: entry.answer.is_approval(),
                qube: entry.answer.caller().to_string(),
                covers: entry.answer.what(),
                key: entry.answer.key(),
                seconds_left: entry.expiry.left(now),
                uses: entry.uses,
            })
            .collect()
    })
}

/// Tells every change to the waiting questions until the peer closes.
fn watch(daemon: &Daemon, stream: &UnixStream) -> io::Result<()> {
    let (sender, events) = mpsc::channel();
    daemon.signer.recorder.changes.listen(sender.clone());
    daemon.signer.asker.questions.tell_too(sender);
    // What waited before is news to this view.
    for waiting in waiting(daemon) {
        tell(stream, Event::Asked(Box::new(waiting)))?;
    }
    write(stream, &Reply::default())?;
    loop {
        let first = match events.recv_timeout(PEER_CHECK_INTERVAL) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) if !wait::has_hung_up(stream) => continue,
            Err(_) => return Ok(()),
        };
        // Of many changes together one is told.
        let mut has_changed = false;
        for event in iter::once(first).chain(events.try_iter()) {
            match event {
                QuestionEvent::Show(id) | QuestionEvent::Changed(id) => {
                    let mut waiting = waiting(daemon).into_iter();
                    if let Some(waiting) = waiting.find(|waiting| waiting.question.id == id) {
                        tell(stream, Event::Asked(Box::new(waiting)))?;
                    }
                }
                QuestionEvent::Ended(id) => {
                    let how = "over".to_owned();
                    tell(stream, Event::Settled { id, how })?;
                }
                QuestionEvent::Notice(text) => tell(stream, Event::Notice(text))?,
                QuestionEvent::Elsewhere => has_changed = true,
            }
        }
        if has_changed {
            tell(stream, Event::Changed)?;
        }
    }
}

fn tell(stream: &UnixStream, event: Event) -> io::Result<()> {
    let event = Some(event);
    let reply = Reply {
        event,
        ..Reply::default()
    };
    write(stream, &reply)
}

fn status(daemon: &Daemon) -> VaultStatus {
    let policy = daemon.signer.policy.latest();
    VaultStatus {
        started: daemon.started.clone(),
        streams: daemon.intake.count(),
        connected: daemon.intake.connected(),
        policy_files: policy
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        policy_sha256: policy.digest.to_string(),
        settings_sha256: daemon.settings.clone(),
        broken: policy.broken().map(str::to_owned),
        stale: policy.stale().map(str::to_owned),
        unreadable_revocations: policy.unreadable_revocations(),
        prompt: daemon.signer.asker.prompter.state(),
        log: daemon.signer.recorder.log.path().display().to_string(),
        sandboxes: daemon.sandboxes.states(),
        log_trouble: daemon.signer.recorder.log.trouble(),
        refusals: lock(&daemon.signer.recorder.refusals).0.clone().into(),
    }
}
