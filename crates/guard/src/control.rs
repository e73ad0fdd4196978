//! The control socket's side in the vault: what `split-ssh pending|allow|deny|approvals|status` ask.
//! One JSON object a line each way; for the vault's own user and root only.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::queue::AnswerError;
use policy::record::DecidedBy;

use crate::ask::asker::Asker;
use crate::ask::questions::QuestionEvent;
use crate::daemon::Daemon;
use common::clock;
use common::control::{
    Approval, ControlError, Event, MAX_LINE, Reply, Request, RequestLine, RevokedApprovals,
    VaultStatus,
};
use common::wait;

/// A person may leave `split-ssh pending --live` open; a line that is begun is written at once.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// How soon after its peer a view ends, if nothing happens that it would tell.
const PEER_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// A request is a few words.
const MAX_REQUEST: u64 = 64 * 1024;

/// Serves one peer until it closes.
pub fn serve(daemon: &Daemon, stream: &UnixStream) {
    // A peer that has left needs no answer.
    let _ = serve_lines(daemon, stream);
}

fn serve_lines(daemon: &Daemon, stream: &UnixStream) -> io::Result<()> {
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
                let reply = answer(daemon, &request);
                write(stream, &reply.unwrap_or_else(Reply::from))?;
            }
            Err(error) => write(
                stream,
                &ControlError::NotUnderstood(error.to_string()).into(),
            )?,
        }
    }
}

fn write(mut stream: &UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    debug_assert!(line.len() <= MAX_LINE);
    stream.write_all(&line)
}

fn answer(daemon: &Daemon, request: &Request) -> Result<Reply, ControlError> {
    let now = clock::now();
    let reply = match request {
        Request::Pending => {
            let pending = daemon
                .asker
                .questions
                .with(|state| state.queue.pending(now));
            Reply {
                pending: Some(pending),
                ..Reply::ok()
            }
        }
        Request::Shown { id } => {
            daemon
                .asker
                .questions
                .with(|state| state.queue.shown(*id, now));
            Reply::ok()
        }
        Request::Answer { id, answer } => {
            let answered = daemon.asker.answer(*id, answer, DecidedBy::Terminal);
            let answered = answered.map_err(|error| match error {
                AnswerError::NotWaiting => ControlError::NotWaiting(*id),
                AnswerError::Bad(why) => ControlError::BadAnswer(why),
            })?;
            Reply {
                settled: u64::try_from(answered.settled).ok(),
                trouble: answered.written.as_ref().err().cloned(),
                said: answered.written.ok().flatten(),
                ..Reply::ok()
            }
        }
        Request::Approvals => Reply {
            approvals: Some(approvals(&daemon.asker)),
            ..Reply::ok()
        },
        Request::Revoke { which } => revoke(&daemon.asker, *which)?,
        Request::Status => Reply {
            status: Some(status(daemon)),
            ..Reply::ok()
        },
        Request::Keyrings { name } => Reply {
            keyrings: Some(daemon.keys.keyring_states(name.as_deref())?),
            ..Reply::ok()
        },
        Request::Load { keyring, file } => {
            let prompter = &daemon.asker.prompter;
            daemon.keys.load_for_owner(keyring, file, prompter)?;
            Reply::ok()
        }
        Request::Host { key } => {
            let key = STANDARD.decode(key).map_err(|_| ControlError::BadHostKey)?;
            Reply {
                names: Some(daemon.policy.latest().identify(&key).names),
                ..Reply::ok()
            }
        }
        Request::Reload => {
            daemon.reload().map_err(ControlError::BrokenPolicy)?;
            Reply::ok()
        }
        Request::Sandboxes => {
            let followed = daemon.sandboxes.follow_configuration();
            followed.map_err(|error| ControlError::BrokenSandboxes(error.what().to_owned()))?;
            Reply {
                sandboxes: Some(daemon.sandboxes.states()),
                ..Reply::ok()
            }
        }
        // Answered by events, before this.
        Request::Watch => Reply::ok(),
    };
    Ok(reply)
}

fn revoke(asker: &Asker, which: RevokedApprovals) -> Result<Reply, ControlError> {
    let count = match which {
        RevokedApprovals::All => asker.revoke(None),
        RevokedApprovals::Number(number) => match asker.revoke(Some(number)) {
            0 => return Err(ControlError::NoApproval(number)),
            count => count,
        },
    };
    Ok(Reply {
        revoked: u64::try_from(count).ok(),
        ..Reply::ok()
    })
}

fn approvals(asker: &Asker) -> Vec<Approval> {
    let now = clock::now();
    asker.questions.with(|state| {
        let remembered = state.remembered.list(now).iter();
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
    daemon.recorder.changes.listen(sender.clone());
    daemon.asker.questions.tell_too(sender);
    let mut is_news = false;
    // What waited before is news to this view.
    for waiting in daemon
        .asker
        .questions
        .with(|state| state.queue.pending(clock::now()))
    {
        tell(stream, Event::Asked(Box::new(waiting)))?;
    }
    write(stream, &Reply::ok())?;
    loop {
        // Of many changes together one is told.
        let patience = if is_news {
            Duration::ZERO
        } else {
            PEER_CHECK_INTERVAL
        };
        let event = match events.recv_timeout(patience) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) if is_news => {
                is_news = false;
                tell(stream, Event::Changed)?;
                continue;
            }
            Err(RecvTimeoutError::Timeout) if wait::has_hung_up(stream) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        match event {
            QuestionEvent::Show(id) | QuestionEvent::Changed(id) => {
                let waiting = daemon
                    .asker
                    .questions
                    .with(|state| state.queue.pending(clock::now()));
                if let Some(waiting) = waiting
                    .into_iter()
                    .find(|waiting| waiting.question.id == id)
                {
                    tell(stream, Event::Asked(Box::new(waiting)))?;
                }
            }
            QuestionEvent::Ended(id) => tell(
                stream,
                Event::Settled {
                    id,
                    how: "over".to_owned(),
                },
            )?,
            QuestionEvent::Notice(text) => tell(stream, Event::Notice(text))?,
            QuestionEvent::Elsewhere => is_news = true,
        }
    }
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

fn status(daemon: &Daemon) -> VaultStatus {
    let policy = daemon.policy.latest();
    VaultStatus {
        started: daemon.started.clone(),
        streams: daemon.intake.count(),
        connected: daemon.intake.connected(),
        policy_files: policy
            .files()
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        policy_sha256: policy.digest().to_string(),
        settings_sha256: daemon.settings.clone(),
        broken: policy.broken().map(str::to_owned),
        stale: policy.stale().map(str::to_owned),
        unreadable_revocations: policy.unreadable_revocations(),
        prompt: daemon.asker.prompter.state(),
        log: daemon.recorder.log.path().display().to_string(),
        sandboxes: daemon.sandboxes.states(),
        log_trouble: daemon.recorder.log.trouble(),
        refusals: daemon.recorder.last_refusals(),
    }
}
