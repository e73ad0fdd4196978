//! `split-ssh complete -- WORD…`: what can stand where the last word is typed, one candidate a line with its
//! meaning behind a tab. The shells' completions run it, so that they know as much as the program does.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Arg, Command};
use common::paths::Paths;

/// List what can complete the last word
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The words after the program's name
    #[arg(last = true)]
    words: Vec<String>,
}

pub fn run(args: &Args, mut command: Command, paths: &Paths) -> ExitCode {
    // What every command inherits.
    command.build();
    let mut text = String::new();
    for (value, meaning) in candidates(&args.words, &command, |name| {
        admin::complete::values(name, paths)
    }) {
        text += &format!("{value}\t{meaning}\n");
    }
    // A shell that does not wait for the end is no failure.
    drop(io::stdout().write_all(text.as_bytes()));
    ExitCode::SUCCESS
}

type Candidate = (String, String);

/// `values` knows what can stand for the name of a value, such as `KEYRING`.
fn candidates(
    words: &[String],
    command: &Command,
    values: impl Fn(&str) -> Vec<Candidate>,
) -> Vec<Candidate> {
    let Some((last, before)) = words.split_last() else {
        return Vec::new();
    };
    if let Some((_, topic)) = before.split_first().filter(|(first, _)| *first == HELP) {
        return topics(topic, last, command);
    }
    let mut command = command;
    let mut positionals = 0;
    // The flag whose value comes next.
    let mut open = None;
    for word in before {
        if open.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            open = flag(command, word).filter(|arg| arg.get_action().takes_values());
        } else if let Some(below) = command.find_subcommand(word) {
            command = below;
            positionals = 0;
        } else {
            positionals += 1;
        }
    }
    let mut found = match open {
        Some(arg) => values_of(arg, &values),
        None if last.starts_with('-') => flags(command),
        None if command.has_subcommands() && positionals == 0 => commands(command),
        None => {
            let args: Vec<&Arg> = command.get_positionals().collect();
            let takes_more = |arg: &&&Arg| {
                let number = arg.get_num_args();
                number.is_some_and(|number| number.max_values() > 1)
            };
            let arg = args.get(positionals);
            let arg = arg.or_else(|| args.last().filter(takes_more));
            arg.map(|arg| values_of(arg, &values)).unwrap_or_default()
        }
    };
    found.retain(|(value, _)| value.starts_with(last.as_str()));
    found
}

const HELP: &str = "help";

/// What there is help on: commands, those below one, and files.
fn topics(before: &[String], last: &str, command: &Command) -> Vec<Candidate> {
    let mut found = Some(command);
    for word in before {
        found = found.and_then(|command| command.find_subcommand(word));
    }
    let mut topics = found.map(commands).unwrap_or_default();
    if before.is_empty() {
        topics.push(("files".to_owned(), "Where files are".to_owned()));
    }
    topics.retain(|(topic, _)| topic.starts_with(last));
    topics
}

fn flag<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        let is_long = arg
            .get_long()
            .is_some_and(|long| word.strip_prefix("--") == Some(long));
        let is_short = arg
            .get_short()
            .is_some_and(|short| word == format!("-{short}"));
        is_long || is_short
    })
}

fn flags(command: &Command) -> Vec<Candidate> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown
        .filter_map(|arg| Some((format!("--{}", arg.get_long()?), help(arg.get_help()))))
        .collect()
}

fn commands(command: &Command) -> Vec<Candidate> {
    let shown = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    shown
        .map(|below| (below.get_name().to_owned(), help(below.get_about())))
        .collect()
}

fn values_of(arg: &Arg, values: impl Fn(&str) -> Vec<Candidate>) -> Vec<Candidate> {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let words = possible
            .iter()
            .map(|value| (value.get_name().to_owned(), help(value.get_help())));
        return words.collect();
    }
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map(|name| values(name)).unwrap_or_default()
}

fn help(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}
