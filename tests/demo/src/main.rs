//! `make demo`: vault, client and servers on this machine, with throw-away keys; what works, and what attackers
//! get. Everything that it shows has just happened; nothing of it stays.
//!
//! Two processes: the one that was started removes all traces, however the other one, which does the showing, ends.

mod contest;
mod ending;
mod programs;
mod question;
mod scene;
mod screen;
mod steps;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use scene::Demo;

const USAGE: &str = "usage: split-ssh-demo [--yes]

Shows split-ssh and attacks on this machine, with throw-away keys.

  -y, --yes  answer the question itself, as where there is no terminal
";

/// Said to ourselves: show it in this directory.
const IN: &str = "--in";

#[derive(Debug, Default)]
struct Arguments {
    yes: bool,
    directory: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Err(missing) = programs::check() {
        eprintln!("split-ssh-demo: error: {missing}");
        return ExitCode::FAILURE;
    }
    let answers_itself = arguments.yes || !io::stdin().is_terminal();
    match arguments.directory {
        Some(directory) => Demo::set_the_scene(&directory, answers_itself).show(),
        None => ending::show_and_clean_up(arguments.yes),
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--yes" | "-y" => arguments.yes = true,
            IN => arguments.directory = Some(words.next()?.into()),
            _ => return None,
        }
    }
    Some(arguments)
}
