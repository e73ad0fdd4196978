//! `split-ssh-prompt` asks the person at the screen one question of the vault's and ends.
//! What is said on stdin and stdout is in `docs/prompt-protocol.md`.
//!
//! The story of a question: [`lines`] → [`question`] → [`question_window`] on its [`prompt_window`], which
//! lets input through the [`gate`] → [`answer`].

#![forbid(unsafe_code)]

mod advice;
mod answer;
mod answers;
mod bus;
mod buttons;
mod ending;
mod fact_grid;
mod frame;
mod gate;
mod icons;
mod lines;
mod lock_watch;
mod look;
mod name_fields;
mod notify;
mod overview;
mod overview_list;
mod overview_window;
mod passphrase_window;
mod prompt_window;
mod question;
mod question_window;
mod reading;
mod reminder;
mod server;
mod to_read;
mod wording;

use std::fmt::Display;
use std::io::{self, Stdin, Write};
use std::process::ExitCode;

use gtk::{gdk, glib};
use policy::question::protocol::REVOKE_PRESSED;

use ending::{EXIT_BAD_QUESTION, EXIT_NO_SCREEN, Opened, fail};
use lines::{LineReader, MAX_LINE};

const USAGE: &str = "\
Usage: split-ssh-prompt [--passphrase | --notify | --watch-lock | --ui]

Shows one question of split-ssh's vault and ends. The vault starts it; there is no need to run it
by hand. It reads one line of JSON from stdin and answers on stdout.

  (nothing)      ask for a yes or a no
  --passphrase   ask for the passphrase of a key file
  --notify       show a notification
  --watch-lock   ask nothing; tell when the screen is locked, until stdin ends
  --ui           show what `split-ssh ui` tells, until it is closed
  --help         show this text
  --version      show the version
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => ask(question::parse, question_window::open),
        ["--passphrase"] => ask(question::parse_passphrase, passphrase_window::open),
        ["--notify"] => notify(),
        ["--ui"] => show(overview::MAX_LINE, overview::parse, overview_window::open),
        ["--watch-lock"] => lock_watch::run(),
        ["--help"] => print!("{USAGE}"),
        ["--version"] => println!("split-ssh-prompt {}", env!("CARGO_PKG_VERSION")),
        _ => fail(
            EXIT_BAD_QUESTION,
            "these arguments mean nothing\nhint: split-ssh-prompt --help",
        ),
    }
    ExitCode::SUCCESS
}

fn ask<Q, B: Display>(parse: fn(&[u8]) -> Result<Q, B>, open: fn(Q, LineReader<Stdin>) -> Opened) {
    gdk::set_allowed_backends("x11"); // the gate lives on the X server's time
    show(MAX_LINE, parse, open);
}

fn show<Q, B: Display>(
    most: usize,
    parse: fn(&[u8]) -> Result<Q, B>,
    open: fn(Q, LineReader<Stdin>) -> Opened,
) {
    let mut asker = LineReader::new(io::stdin(), most);
    let first = asker.parse_next(parse);
    glib::set_prgname(Some("split-ssh-prompt"));
    if gtk::init().is_err() {
        fail(
            EXIT_NO_SCREEN,
            "no screen to show a window on\nhint: is DISPLAY set, and XAUTHORITY?",
        );
    }
    look::limit_scale();
    if let Err(error) = open(first, asker) {
        fail(EXIT_NO_SCREEN, error);
    }
    gtk::main();
}

fn notify() {
    let mut asker = LineReader::new(io::stdin(), MAX_LINE);
    if notify::show(&asker.parse_next(question::parse_notification)) {
        // The vault may have stopped waiting.
        let _ = writeln!(io::stdout(), "{REVOKE_PRESSED}");
    }
}
