//! `split-ssh ui`: a window that shows who is connected, what waits, which answers are remembered and what was decided.
//! The window is a process of `split-ssh-prompt` that is told what to show, and tells which button was pressed.

mod answering;
mod input;
mod view;
mod window;

use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use policy::overview::Action;

use super::running_vault::{ask, watch};
use answering::Answering;
use common::config::vault::VaultConfig;
use common::control::{Event, Request, RevokedApprovals};
use common::error::Error;
use common::paths::Paths;
use common::prompt_program;
use input::Input;
use view::View;
use window::Window;

/// Show who is connected, what waits and what was decided
///
/// A window follows it. Remembered answers can be taken back there, and the
/// vault's questions be answered that have no window of their own. In a terminal,
/// `split-ssh pending --live`, `approvals` and `log --follow` show the same.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

const IN_A_TERMINAL: &str =
    "in a terminal: `split-ssh pending --live`, `split-ssh approvals`, `split-ssh log --follow`";
/// Nobody tells that a vault has come.
const RETRY: Duration = Duration::from_secs(1);
/// Of many changes within this time the window shows the last.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows the window until it is closed.
///
/// # Errors
/// There is no window program, or it cannot be started.
pub fn run(_args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let configured = VaultConfig::load(paths);
    let configured = configured.ok().and_then(|config| config.prompt.program);
    let program = configured.or_else(prompt_program::find);
    let program = program.filter(|program| program.is_file()).ok_or_else(|| {
        Error::new("split-ssh-prompt, which shows windows, is not installed").hint(format!(
            "install the package split-ssh-prompt; {IN_A_TERMINAL}"
        ))
    })?;
    let (sender, inputs) = mpsc::channel();
    let mut window = Window::open(&program, sender.clone())?;
    let mut answering = Answering::new(program, paths.clone(), sender.clone());
    let mut view = View::new(paths);
    let vault = paths.clone();
    thread::spawn(move || follow(&vault, &sender));
    loop {
        // A window that is gone has said so.
        let _ = window.show(&view.look());
        for input in next(&inputs, view.time_until_change()) {
            match input {
                Input::Changed => {}
                Input::Settled(id) => answering.withdraw(id),
                Input::Pressed(Action::Answer(id)) => {
                    let question = view.question(id);
                    view.say(question.and_then(|question| answering.open(question)));
                }
                Input::Pressed(Action::Revoke(number)) => {
                    let which = RevokedApprovals::Number(number);
                    // One that is gone by itself is no longer shown.
                    let _ = ask(&Request::Revoke { which }, paths);
                }
                Input::NameTaken(question) => {
                    answering.withdraw(question.id);
                    view.say(answering.open(*question));
                }
                Input::Answered(id, said) => {
                    answering.withdraw(id);
                    view.say(said);
                }
                Input::WindowClosed(true) => return Ok(ExitCode::SUCCESS),
                Input::WindowClosed(false) => {
                    return Err(Error::new("there is no window").hint(IN_A_TERMINAL));
                }
            }
        }
    }
}

/// Waits for inputs, at most for `time`, and returns all that have come by then.
fn next(inputs: &Receiver<Input>, time: Option<Duration>) -> Vec<Input> {
    let first = match time {
        Some(time) => inputs.recv_timeout(time).ok(),
        None => inputs.recv().ok(),
    };
    if matches!(first, Some(Input::Changed | Input::Settled(_))) {
        thread::sleep(PAUSE);
    }
    first.into_iter().chain(inputs.try_iter()).collect()
}

/// Tells of all changes in whichever vault runs.
fn follow(paths: &Paths, sender: &Sender<Input>) {
    loop {
        if let Ok(events) = watch(paths) {
            let events = events.map(|event| match event {
                Event::Settled { id, .. } => Input::Settled(id),
                Event::Asked(_) | Event::Notice(_) | Event::Changed => Input::Changed,
            });
            // It runs now, and at last it has gone.
            let events = [Input::Changed].into_iter().chain(events);
            for input in events.chain([Input::Changed]) {
                if sender.send(input).is_err() {
                    return;
                }
            }
        }
        thread::sleep(RETRY);
    }
}
