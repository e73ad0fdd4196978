//! Tells the person what happened, in notifications: never a question, never fatal. One about an approval may have a
//! button that revokes it; nothing waits for that but a thread of its own.
//! The first of its kind is shown at once; what follows within a minute is counted and told together,
//! so that 1 000 signatures are a handful of notifications and a flat memory.

mod notice_queue;

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use policy::question::protocol::{Notification, REVOKE_PRESSED};

use super::Prompter;
use super::lines::{NextLine, PrompterLines};
use super::protocol;
use super::session::Running;
use super::unit;
use common::sync::lock;
use notice_queue::NoticeQueue;

pub use notice_queue::Notice;

/// A desktop that takes longer gets no notification.
const SEND_TIME: Duration = Duration::from_secs(3);
/// While nothing is to be told.
const LONG: Duration = Duration::from_secs(3600);
/// How long a button is waited for, as docs/prompt-protocol.md says.
const BUTTON_TIME: Duration = Duration::from_secs(60);
/// Buttons waited for at a time, each by a thread; a notification beyond has none.
const MAX_WAITING: usize = 4;

/// Where notices are handed in, for notifications by our prompt program.
pub struct Notifier {
    notice_queue: Mutex<NoticeQueue>,
    told: Condvar,
    began: Instant,
    revoke: OnceLock<Box<dyn Fn(u64) + Send + Sync>>,
    prompter: Prompter,
    /// Buttons that are waited for.
    waiting: AtomicUsize,
}

impl Notifier {
    /// Starts the thread that sends; it ends with the process.
    pub fn start(prompter: &Prompter) -> Arc<Self> {
        let notifier = Arc::new(Self {
            notice_queue: Mutex::default(),
            told: Condvar::new(),
            began: Instant::now(),
            revoke: OnceLock::new(),
            prompter: prompter.clone(),
            waiting: AtomicUsize::default(),
        });
        let sending = Arc::clone(&notifier);
        thread::spawn(move || {
            loop {
                sending.send(sending.next_message());
            }
        });
        notifier
    }

    /// What a notification's "Revoke" does with the approval of this number.
    pub fn on_revoke(&self, revoke: impl Fn(u64) + Send + Sync + 'static) {
        // The first one counts, and nobody sets another.
        let _ = self.revoke.set(Box::new(revoke));
    }

    /// Takes a notice; returns at once.
    pub fn tell(&self, notice: Notice) {
        lock(&self.notice_queue).add(notice, self.began.elapsed());
        self.told.notify_one();
    }

    fn next_message(&self) -> Notification {
        let mut notice_queue = lock(&self.notice_queue);
        loop {
            let now = self.began.elapsed();
            if let Some(message) = notice_queue.take_due(now) {
                return message;
            }
            let due = notice_queue.next_due();
            let pause = due.map_or(LONG, |due| due.saturating_sub(now));
            let woken = self.told.wait_timeout(notice_queue, pause);
            (notice_queue, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Where there is no session, no daemon or no program, nothing happens. A button is waited for in a thread of its own.
    fn send(self: &Arc<Self>, mut message: Notification) {
        if self.waiting.load(Relaxed) >= MAX_WAITING {
            message.revokes = None;
        }
        let Some((running, stream)) = self.show(&message) else {
            return;
        };
        let Some(number) = message.revokes else {
            is_revoke_pressed(&stream, SEND_TIME);
            return;
        };
        self.waiting.fetch_add(1, Relaxed);
        let notifier = Arc::clone(self);
        thread::spawn(move || {
            let is_pressed = is_revoke_pressed(&stream, BUTTON_TIME);
            drop(running);
            notifier.waiting.fetch_sub(1, Relaxed);
            if let (true, Some(revoke)) = (is_pressed, notifier.revoke.get()) {
                revoke(number);
            }
        });
    }

    fn show(&self, message: &Notification) -> Option<(Option<Running>, UnixStream)> {
        let started = self.prompter.start(unit::NOTIFICATION, Some("--notify"));
        let (running, mut stream) = started.ok()?;
        stream.set_write_timeout(Some(SEND_TIME)).ok()?;
        stream.write_all(&protocol::line(message)?).ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        Some((running, stream))
    }
}

/// Waits for the end of what shows a notification, but no longer than for `time`; true if it said that the button was
/// pressed.
fn is_revoke_pressed(stream: &UnixStream, time: Duration) -> bool {
    let mut lines = PrompterLines::new(stream, REVOKE_PRESSED.len() + 1);
    let next = lines.next(None, Instant::now() + time);
    matches!(next, NextLine::Line(line) if line == REVOKE_PRESSED.as_bytes())
}
