//! `split-ssh hosts`: which hosts the vault knows by name.

mod add;
mod import;
mod in_force;
mod output;
mod remove;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use policy::display;
use policy::known_hosts::{Entry, Marker};

use common::error::Error;
use common::known_hosts_files::{Files, Hosts};
use common::paths::Paths;

use crate::output::say;
use output::{LINE_WIDTH, key_cells, say_table, shown, shown_place};

/// Show and change the names that this vault gives to host keys
///
/// Rules speak of hosts by name. Names come from this vault's own files only, never
/// from a client: ~/.config/split-ssh/known_hosts (what these commands change), and
/// what ssh reads: ~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts, and known_hosts2
/// beside each of these.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List every known host: name, key type, fingerprint, state, place
    List,
    /// Give a host key a name
    Add {
        /// The host's name, or [host]:port; with --authority also *.example.com
        name: String,
        /// A public key file (- is stdin), or the key itself: TYPE BASE64
        #[arg(required = true, num_args = 1..=3, value_name = "KEY")]
        key: Vec<String>,
        /// The key is a CA's, which certifies keys of hosts called NAME
        #[arg(long)]
        authority: bool,
    },
    /// Add names from a client's known_hosts file, after showing them
    ///
    /// A name that this vault knows keeps its keys: none is added or replaced.
    Import {
        /// A known_hosts file, or - for standard input
        file: PathBuf,
        /// Take the new names without asking
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        also: import::ImportOptions,
    },
    /// Forget a name that was added, imported or typed into a prompt
    Remove {
        /// As `split-ssh hosts list` shows it
        #[arg(value_name = "HOST")]
        name: String,
    },
    /// Let rules see a name that was typed into a prompt
    Trust {
        /// As `split-ssh hosts list` shows it
        #[arg(value_name = "HOST")]
        name: String,
    },
}

/// # Errors
/// A file cannot be read, trusted or written, or a name or key is refused.
pub fn run(args: Args, paths: &Paths) -> Result<ExitCode, Error> {
    let files = Files::of(paths);
    let hosts = files.read()?;
    for line in hosts.known.unreadable_revocations() {
        complain("error", line);
    }
    for warning in &hosts.warnings {
        complain("warning", warning);
    }
    match args.action {
        Action::List => list(&hosts),
        Action::Add {
            name,
            key,
            authority,
        } => add::run(&files, paths, &name, &key, authority)?,
        Action::Import { file, yes, also } => {
            return import::run(&files, &hosts, paths, &file, &also, yes);
        }
        Action::Remove { name } => {
            remove::remove(&files, &name)?;
            in_force::read_by_vault(paths)?;
        }
        Action::Trust { name } => {
            remove::trust(&files, &name)?;
            in_force::read_by_vault(paths)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with a line of known hosts.
fn complain(word: &str, problem: &impl Display) {
    let shown = display::ascii(problem.to_string().as_bytes(), LINE_WIDTH);
    let _ = writeln!(io::stderr(), "split-ssh: {word}: {shown}");
}

fn list(hosts: &Hosts) {
    let row = |entry: &Entry, state: &str| {
        let [algorithm, fingerprint] = key_cells(entry);
        let (names, place) = (&entry.line.names.to_string(), &entry.place);
        let state = state.to_owned();
        [
            shown(names),
            algorithm,
            fingerprint,
            state,
            shown_place(place),
        ]
    };
    let known = hosts.known.entries().iter();
    let known = known.map(|entry| row(entry, state(entry)));
    let labels = hosts.labels.entries().iter();
    let labels = labels.map(|entry| row(entry, "label"));
    let rows: Vec<[String; 5]> = known.chain(labels).collect();
    if rows.is_empty() {
        say("no host is known by name");
        say("hint: `split-ssh hosts import FILE` adds the names of a client's known_hosts");
        return;
    }
    say_table(&rows);
    let mut known = hosts.known.entries().iter();
    if known.any(|entry| entry.line.names.is_hashed()) {
        say("hint: a (hashed) name is still found where a rule spells it out");
    }
}

fn state(entry: &Entry) -> &'static str {
    match entry.line.marker {
        Marker::Plain => "trusted",
        Marker::Authority => "authority",
        Marker::Revoked => "revoked",
    }
}
