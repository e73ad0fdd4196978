//! The window's process.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use policy::overview::Overview;

use super::input::Input;
use crate::output::json_line;
use common::error::Error;

pub(super) struct Window {
    stdin: ChildStdin,
    shown: Vec<u8>,
}

impl Window {
    /// # Errors
    /// The program cannot be started.
    pub(super) fn open(program: &Path, sender: Sender<Input>) -> Result<Self, Error> {
        let (child, stdin) = start(program, &["--ui"])?;
        thread::spawn(move || listen(child, &sender));
        Ok(Self {
            stdin,
            shown: Vec::new(),
        })
    }

    /// # Errors
    /// The window is gone.
    pub(super) fn show(&mut self, overview: &Overview) -> io::Result<()> {
        let line = json_line(overview)?;
        if line != self.shown {
            self.stdin.write_all(&line)?;
            self.shown = line;
        }
        Ok(())
    }
}

/// # Errors
/// The program cannot be started.
pub(super) fn start(program: &Path, flags: &[&str]) -> Result<(Child, ChildStdin), Error> {
    let child = Command::new(program)
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| Error::io("run", program, &error))?;
    match child.stdin.take() {
        Some(stdin) => Ok((child, stdin)),
        None => Err(Error::new("the window's program has no input")),
    }
}

/// Passes on which buttons are pressed, until the window is gone.
fn listen(mut child: Child, sender: &Sender<Input>) {
    let lines = child.stdout.take().map(BufReader::new);
    for line in lines.into_iter().flat_map(BufRead::lines) {
        let pressed = line.ok().and_then(|line| serde_json::from_str(&line).ok());
        let Some(action) = pressed else { break };
        if sender.send(Input::Pressed(action)).is_err() {
            return;
        }
    }
    // It has said on standard error why it could not be shown.
    let was_shown = child.wait().is_ok_and(|status| status.success());
    let _ = sender.send(Input::WindowClosed(was_shown));
}
