//! Tells the person what happened, in notifications: never a question, never waited for, never fatal.
//! The first of its kind is shown at once; what follows within a minute is counted and told together,
//! so that 1 000 signatures are a handful of notifications and a flat memory.

mod notice_queue;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use policy::question::protocol::Notification;

use super::Prompter;
use super::protocol;
use super::running::Running;
use super::session::{Environment, Session};
use super::unit;
use common::sync::lock;
use notice_queue::NoticeQueue;

pub use notice_queue::Notice;

const NOTIFY_SEND: &str = "/usr/bin/notify-send";
/// A desktop that takes longer gets no notification.
const SEND_TIME: Duration = Duration::from_secs(3);

/// Where notices are handed in. Cloned, it is the same one.
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
}

struct Shared {
    notice_queue: Mutex<NoticeQueue>,
    told: Condvar,
    began: Instant,
}

impl Notifier {
    /// Starts the thread that sends; it ends with the process.
    pub fn start(prompter: &Prompter) -> Self {
        let shared = Shared {
            notice_queue: Mutex::default(),
            told: Condvar::new(),
            began: Instant::now(),
        };
        let notifier = Self {
            shared: Arc::new(shared),
        };
        let sockets = prompter.sockets.as_ref();
        let sender = Sender {
            socket: sockets.map(|folder| folder.join(unit::NOTIFICATION)),
            program: prompter.program.clone(),
            notify_send: Some(PathBuf::from(NOTIFY_SEND)).filter(|path| path.is_file()),
            session: prompter.session.clone(),
        };
        let shared = Arc::clone(&notifier.shared);
        thread::spawn(move || shared.send_all(&sender));
        notifier
    }

    /// Takes a notice; returns at once.
    pub fn tell(&self, notice: Notice) {
        lock(&self.shared.notice_queue).add(notice, self.shared.began.elapsed());
        self.shared.told.notify_one();
    }
}

impl Shared {
    fn send_all(&self, sender: &Sender) {
        loop {
            sender.send(&self.next_message());
        }
    }

    fn next_message(&self) -> Notification {
        let mut notice_queue = lock(&self.notice_queue);
        loop {
            let now = self.began.elapsed();
            if let Some(message) = notice_queue.take_due(now) {
                return message;
            }
            notice_queue = match notice_queue.next_due() {
                Some(due) => {
                    let pause = due.saturating_sub(now);
                    let woken = self.told.wait_timeout(notice_queue, pause);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .told
                    .wait(notice_queue)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// How notifications reach the desktop: our prompt program, by the session's socket unit or as our
/// child, or `notify-send`.
struct Sender {
    socket: Option<PathBuf>,
    program: Option<PathBuf>,
    notify_send: Option<PathBuf>,
    session: Session,
}

impl Sender {
    /// Where there is no session, no daemon or no program, nothing happens.
    fn send(&self, message: &Notification) {
        if self.by_socket(message).is_some() {
            return;
        }
        let Some(environment) = self.session.environment() else {
            return;
        };
        let sent = self.by_prompt(message, &environment);
        if sent.is_none() {
            let _ = self.by_notify_send(message, &environment);
        }
    }

    fn by_socket(&self, message: &Notification) -> Option<()> {
        let mut stream = unit::connect(self.socket.as_ref()?).ok()?;
        stream.set_write_timeout(Some(SEND_TIME)).ok()?;
        stream.write_all(&protocol::line(message)?).ok()
    }

    fn by_prompt(&self, message: &Notification, environment: &Environment) -> Option<()> {
        let program = self.program.as_ref()?;
        let line = protocol::line(message)?;
        let mut command = Command::new(program);
        command.arg("--notify");
        run(command, environment, &line)
    }

    fn by_notify_send(&self, message: &Notification, environment: &Environment) -> Option<()> {
        let mut command = Command::new(self.notify_send.as_ref()?);
        command
            .arg("--app-name=Split SSH")
            .arg(format!("--urgency={}", message.urgency.word()));
        // Daemons read markup in the body.
        let body = message
            .body
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        command.args(["--", &message.summary, &body]);
        run(command, environment, b"")
    }
}

/// Runs a program to its end, but not for long; `None` if it could not be run.
fn run(mut command: Command, environment: &Environment, input: &[u8]) -> Option<()> {
    command.env_clear().envs(environment).current_dir("/");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = Running(command.spawn().ok()?);
    // A line fits into the pipe's buffer.
    running.0.stdin.take()?.write_all(input).ok()?;
    running.wait_until(Instant::now() + SEND_TIME);
    Some(())
}
