//! `split-ssh dom0-policy`: lines for dom0's /etc/qubes/policy.d, printed anywhere, with every mistake
//! found before dom0 reads them: there one bad line, or one bad file name, denies every qrexec call of
//! the system.

mod compose;
mod file_name;
mod lint;
mod old;
mod problem;
mod rule;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use compose::{Action, WantedRules};

use crate::fold::fit;
use crate::input::open;
use crate::output::{exit_code, print, say};
use common::error::Error;
use file_name::USUAL_FILE;
use lint::{Coverage, coverage, lets_nothing_through, lint};
use problem::LintProblem;

/// A policy for people is far smaller, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Print lines for dom0's /etc/qubes/policy.d, or check such a file
///
/// Run it anywhere and read the lines before you copy them to dom0.
/// Without --keyring the clients get the keyring `default`.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, next_line_help = true)]
pub struct Args {
    /// A qube that may ask: NAME, @tag:TAG, or @type:TYPE
    #[arg(
        long,
        value_name = "QUBE",
        required_unless_present = "check",
        conflicts_with = "check"
    )]
    client: Vec<String>,

    /// The qube that holds the keys
    #[arg(
        long,
        value_name = "QUBE",
        required_unless_present = "check",
        conflicts_with = "check"
    )]
    vault: Option<String>,

    /// A keyring of the vault [default: default]
    #[arg(long, value_name = "KEYRING", conflicts_with = "check")]
    keyring: Vec<String>,

    /// Every keyring that the vault has or will have
    #[arg(long, conflicts_with_all = ["check", "keyring"])]
    all_keyrings: bool,

    /// Let dom0 ask for each connection, the vault preselected: the default
    #[arg(long, conflicts_with_all = ["check", "allow"])]
    ask: bool,

    /// Let dom0 allow without a question; the vault's own policy still asks
    #[arg(long, conflicts_with = "check")]
    allow: bool,

    /// Let dom0 show a notification for each connection
    #[arg(long, conflicts_with = "check")]
    notify: bool,

    /// Do not start a vault that is off
    #[arg(long, conflicts_with = "check")]
    no_autostart: bool,

    /// The file's name in dom0
    #[arg(long, value_name = "NAME", default_value = USUAL_FILE, conflicts_with = "check")]
    file: String,

    /// Check these files instead (`-` is stdin), and translate Qubes 4.0's
    #[arg(long, value_name = "FILE", num_args = 1..)]
    check: Vec<PathBuf>,
}

/// Exit code 1 if a file that was checked would break dom0 or is not read at all, or if none of them is about our
/// service.
///
/// # Errors
/// A name that dom0 would refuse, or a file that cannot be read.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    if !args.check.is_empty() {
        return check(&args.check);
    }
    file_name::check(&args.file).map_err(|bad| LintProblem {
        what: format!("`{}`: {}", args.file.escape_debug(), bad.what),
        ..bad
    })?;
    let wanted = WantedRules {
        clients: args.client,
        vault: args.vault.unwrap_or_default(),
        keyrings: args.keyring,
        all_keyrings: args.all_keyrings,
        action: match args.allow {
            true => Action::Allow,
            false => Action::Ask,
        },
        notify: args.notify,
        autostart: !args.no_autostart,
    };
    let text = wanted.to_file(&args.file)?;
    // `split-ssh dom0-policy … | head` is no failure.
    drop(print(&text));
    Ok(ExitCode::SUCCESS)
}

fn check(files: &[PathBuf]) -> Result<ExitCode, Error> {
    let mut has_error = false;
    let mut most = Coverage::None;
    for file in files {
        let text = read(file)?;
        let covers = coverage(&text);
        most = most.max(covers);
        let problems = lint(file, &text);
        has_error |= problems.iter().any(LintProblem::is_error);
        for problem in &problems {
            say_problem(problem);
            say("");
        }
        if problems.is_empty() && covers == Coverage::LetsThrough {
            say(format_args!("{}: good", file.display()));
        }
    }
    if let Some(problem) = lets_nothing_through(most).filter(|_| !has_error) {
        let files = files.iter().map(|file| file.display().to_string());
        let files: Vec<String> = files.collect();
        has_error = problem.is_error();
        say_problem(&problem.at(files.join(", ")));
    }
    Ok(exit_code(!has_error))
}

/// Lines for dom0, which are indented, are to be copied, so they stay whole.
fn say_problem(problem: &LintProblem) {
    for line in problem.to_string().lines() {
        let words = line.trim_start();
        match line.len() - words.len() {
            3.. => say(line),
            indent => say(format_args!("{:indent$}{}", "", fit(words, indent, 3))),
        }
    }
}

fn read(file: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let read = open(file).and_then(|source| source.take(MAX_FILE).read_to_string(&mut text));
    read.map_err(|error| Error::io("read", file, &error))?;
    Ok(text)
}
