//! Tells the person in this qube that a vault waits for an answer: a program that waits for it says nothing.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::status::file::RefusalReason;
use common::sync::lock;

/// Who answers within this time needs no notification.
const BEFORE_TELLING: Duration = Duration::from_secs(1);
/// Notifications at most so often; questions in between share the last one.
const BETWEEN: Duration = Duration::from_secs(10);
const NOTIFY_SEND: &str = "notify-send";

/// The questions that are open in one vault for this client.
#[derive(Debug, Default)]
pub struct Asking(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: usize,
    /// When the oldest of those that nobody was told of was opened.
    untold_since: Option<Instant>,
    last_told: Option<Instant>,
    /// The person was told of a question that is open.
    has_told: bool,
    /// Why such a question's request was refused; nobody was told yet.
    refusal: Option<RefusalReason>,
    last_refusal: Option<(RefusalReason, Instant)>,
    shown: Option<Child>,
}

impl Asking {
    pub fn begin(&self) {
        let mut state = lock(&self.0);
        state.open += 1;
        state.untold_since.get_or_insert_with(Instant::now);
    }

    pub fn end(&self) {
        let mut state = lock(&self.0);
        state.open = state.open.saturating_sub(1);
        if state.open == 0 {
            state.untold_since = None;
            state.has_told = false;
        }
    }

    /// The vault has refused a request about which it had asked. Who waited for it is told why.
    pub fn refused(&self, reason: RefusalReason) {
        let mut state = lock(&self.0);
        let last = state.last_refusal;
        let is_news = last.is_none_or(|(last, at)| last != reason || at.elapsed() >= BETWEEN);
        if state.has_told && is_news {
            state.refusal = Some(reason);
        }
    }

    pub fn open(&self) -> usize {
        lock(&self.0).open
    }

    /// When [`Asking::tell`] has something to do. While a notification is on its way, its end wakes us.
    pub fn due(&self) -> Option<Instant> {
        lock(&self.0).due()
    }

    /// Shows a notification, if one is due.
    pub fn tell(&self, vault: &str) {
        let has_ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        let mut state = lock(&self.0);
        state.shown.take_if(has_ended);
        if state.due().is_none_or(|due| Instant::now() < due) {
            return;
        }
        let (summary, body) = if let Some(reason) = state.refusal.take() {
            state.last_refusal = Some((reason, Instant::now()));
            let body = format!("Vault {vault}: {}.", reason.words());
            ("The signature was refused", body)
        } else {
            state.untold_since = None;
            state.last_told = Some(Instant::now());
            state.has_told = true;
            let body = format!("A program here wants a signature by vault {vault}.");
            ("Waiting for your answer in the vault", body)
        };
        state.shown = notify(summary, &body);
    }
}

impl State {
    fn due(&self) -> Option<Instant> {
        if self.shown.is_some() {
            return None;
        }
        if self.refusal.is_some() {
            return Some(Instant::now());
        }
        let due = self.untold_since? + BEFORE_TELLING;
        Some(self.last_told.map_or(due, |last| due.max(last + BETWEEN)))
    }
}

/// `None`: there is nothing to show it with.
fn notify(summary: &str, body: &str) -> Option<Child> {
    let mut notify = Command::new(NOTIFY_SEND);
    let has_bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some();
    let bus = format!("/run/user/{}/bus", nix::unistd::getuid());
    if !has_bus && Path::new(&bus).exists() {
        notify.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={bus}"));
    }
    notify
        .args(["--app-name=Split SSH", "--icon=dialog-password"])
        .arg("--urgency=normal")
        .args([summary, body])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What shows notifications may hang; its end wakes whoever waits.
    #[test]
    fn nothing_is_due_while_a_notification_is_on_its_way() {
        let asking = Asking::default();
        asking.begin();
        assert!(asking.due().is_some());
        let shown = Command::new("true").spawn().unwrap();
        lock(&asking.0).shown = Some(shown);
        assert_eq!(asking.due(), None);
        lock(&asking.0).shown.take().unwrap().wait().unwrap();
        assert!(asking.due().is_some());
    }
}
