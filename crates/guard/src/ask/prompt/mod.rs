//! Runs prompters: one process for each question, `split-ssh-prompt`, through the session's socket unit if there is one,
//! else as our child. While nobody has seen the question, it waits for a terminal (`split-ssh pending`), or for a session
//! to come up; after that, anything but a good answer is a no.

mod child;
mod conversation;
mod dialog;
mod lines;
mod notify;
mod passphrase;
mod protocol;
mod session;
mod unit;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use policy::question::Question;

use common::config::vault::{PromptBy, PromptConfig};
use common::control::{AsksBy, PromptState};
use common::paths::Paths;
use common::prompt_program;

pub use dialog::Dialog;
pub use lines::{NextLine, PrompterLines};
pub use notify::{Notice, Notifier};
pub use protocol::PromptOutcome;
pub use session::Running;
use session::Session;
pub use unit::LOCK;

/// How often a question without a window looks for a session that has come up or gone.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// After a prompter that did not start: it is not called again and again.
const RETRY_DELAY: Duration = Duration::from_secs(10);

/// Who shows questions.
#[derive(Clone, Debug)]
pub struct Prompter {
    /// Where the session's socket units listen; each connection is one prompter.
    sockets: Option<PathBuf>,
    /// Our dialog, as the configuration names it; else the package's places are looked through.
    program: Option<PathBuf>,
    session: Session,
}

impl Prompter {
    /// Looks for the programs that can show a window; the configuration's own comes before those that
    /// packages bring.
    pub fn new(config: &PromptConfig, paths: &Paths) -> Self {
        let windows = config.by == PromptBy::Window;
        let dialog = || config.program.clone().or_else(prompt_program::find);
        Self {
            sockets: windows.then(|| paths.xdg_runtime().to_owned()),
            program: windows.then(dialog).flatten(),
            session: Session::new(&paths.home, paths.xdg_runtime()),
        }
    }

    /// How a person would be asked now.
    pub fn state(&self) -> PromptState {
        PromptState {
            asks_by: self.asks_by(),
            wants_window: self.sockets.is_some(),
            has_program: self.program.is_some(),
        }
    }

    fn asks_by(&self) -> AsksBy {
        if self.live_socket(unit::QUESTION).is_some() {
            AsksBy::SessionSocket
        } else if self.program.is_some() && self.session.environment().is_some() {
            AsksBy::Window
        } else {
            AsksBy::Terminal
        }
    }

    /// Shows a question until it is answered or withdrawn. `question` gives it as it stands now, `None`
    /// when it is over; `shown` is called when it is seen, `unseen` with the reason when no window can
    /// show it for now.
    pub fn ask(
        &self,
        question: &dyn Fn() -> Option<Question>,
        dialog: &Dialog,
        shown: &dyn Fn(),
        unseen: &dyn Fn(&str),
    ) -> PromptOutcome {
        let mut said = None;
        loop {
            let Some(question) = question() else {
                return PromptOutcome::Withdrawn;
            };
            let by = self.asks_by();
            let asked = self
                .start(unit::QUESTION, None)
                .and_then(|(_running, stream)| {
                    conversation::converse(&question, dialog, shown, &stream)
                });
            let why = match asked {
                Ok(outcome) => return outcome,
                Err(why) => why,
            };
            if said.as_ref() != Some(&why) {
                unseen(&why);
                said = Some(why);
            }
            let until = Instant::now() + RETRY_DELAY;
            while Instant::now() < until && self.asks_by() == by {
                if dialog.wait_for_withdrawal(POLL_INTERVAL) {
                    return PromptOutcome::Withdrawn;
                }
            }
        }
    }

    /// Starts our program: by the session's socket unit, else as our child. Closing the stream ends it.
    ///
    /// # Errors
    /// There is none, or no session; why.
    pub fn start(
        &self,
        unit: &str,
        flag: Option<&str>,
    ) -> Result<(Option<Running>, UnixStream), String> {
        if let Some(socket) = self.live_socket(unit) {
            return Ok((None, unit::connect(&socket)?));
        }
        let program = self.program.as_deref();
        let program = program.ok_or("split-ssh-prompt is not installed")?;
        let environment = self.session.environment();
        let environment = environment.ok_or("there is no session to show a window in")?;
        let (running, stream) = child::start(program, flag, &environment)
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        Ok((Some(running), stream))
    }

    fn live_socket(&self, name: &str) -> Option<PathBuf> {
        let socket = self.sockets.as_ref()?.join(name);
        socket.exists().then_some(socket)
    }
}

#[cfg(test)]
mod tests;
