//! `split-ssh hosts`: which hosts the vault knows by name.

mod import;

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use policy::crypto::{Crypto as _, Fingerprint};
use policy::display;
use policy::known_hosts::{self, Entry, KnownHosts, Marker, Names, check_name};

use crate::crypto::Ring;
use crate::error::Error;
use crate::known_hosts_files::{Files, Hosts, append, bad_name, read_or_empty, without_lines};
use crate::paths::Paths;
use crate::trusted_files;

/// Characters of a name, or of a list of names, on the screen.
const NAME_WIDTH: usize = 64;

/// Show and change the names that this vault gives to host keys
///
/// Rules speak of hosts by name. Names come from this vault's own files only, never from a client:
/// ~/.ssh/known_hosts, ~/.config/split-ssh/known_hosts (what these commands change) and
/// /etc/ssh/ssh_known_hosts.
#[derive(Debug, clap::Args)]
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
        /// The host's name, or [host]:port; a pattern such as *.example.com with --authority
        name: String,
        /// A public key file, or the key itself: TYPE BASE64
        #[arg(required = true, num_args = 1..=3, value_name = "KEY")]
        key: Vec<String>,
        /// The key is a CA's, which certifies the host keys that NAME matches
        #[arg(long)]
        authority: bool,
    },
    /// Take over names from a known_hosts file that was brought from a client, after showing them
    ///
    /// A name that this vault knows already keeps its keys: nothing is added or replaced for it.
    Import {
        /// A known_hosts file; hashed names cannot be shown and are refused
        file: PathBuf,
        /// Take the new names without asking
        #[arg(long)]
        yes: bool,
        /// Take names with wildcards too
        #[arg(long)]
        wildcards: bool,
        /// Take @cert-authority lines too
        #[arg(long)]
        authorities: bool,
    },
    /// Forget a name that was added, imported or typed into a prompt
    Remove {
        /// The name as `split-ssh hosts list` shows it
        name: String,
    },
    /// Let rules see a name that was typed into a prompt
    Trust {
        /// The name as `split-ssh hosts list` shows it
        name: String,
    },
}

/// # Errors
/// A file cannot be read, trusted or written, or a name or key is refused.
pub fn run(args: Args, paths: &Paths) -> Result<ExitCode, Error> {
    let files = Files::of(paths);
    let hosts = files.read()?;
    for warning in &hosts.warnings {
        eprintln!("split-ssh: warning: {}", display::ascii(warning.to_string().as_bytes(), 200));
    }
    match args.action {
        Action::List => list(&hosts),
        Action::Add { name, key, authority } => add(&files, &hosts, &name, &key, authority)?,
        Action::Import { file, yes, wildcards, authorities } => {
            let also = import::Also { wildcards, authorities };
            return import::run(&files, &hosts, &file, also, yes);
        }
        Action::Remove { name } => remove(&files, &hosts, &name)?,
        Action::Trust { name } => trust(&files, &hosts, &name)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(hosts: &Hosts) {
    let known = hosts.known.entries().iter().map(|entry| (entry, state(entry)));
    let labels = hosts.labels.entries().iter().map(|entry| (entry, "label"));
    let row = |(entry, state): (&Entry, &str)| {
        let place = display::ascii(entry.place.to_string().as_bytes(), 120);
        [shown_names(&entry.line.names), entry.line.algorithm.clone(), key_fingerprint(entry), state.to_owned(), place]
    };
    let rows: Vec<[String; 5]> = known.chain(labels).map(row).collect();
    if rows.is_empty() {
        println!("no host is known by name");
        println!("hint: split-ssh hosts import FILE takes names over from a client's known_hosts");
        return;
    }
    print_table(&rows);
    if hosts.known.entries().iter().any(|entry| entry.line.names.is_hashed()) {
        println!("hint: a (hashed) name is still found where a rule spells it out");
    }
}

fn state(entry: &Entry) -> &'static str {
    match entry.line.marker {
        Marker::Plain => "trusted",
        Marker::Authority => "authority",
        Marker::Revoked => "revoked",
    }
}

/// Prints rows with their columns aligned; cells must have passed the display door.
fn print_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    for row in rows {
        let mut text = String::from("  ");
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
            text.push_str(&format!("{cell:width$}  "));
        }
        println!("{}", text.trim_end());
    }
}

fn shown(untrusted: &str) -> String {
    display::ascii(untrusted.as_bytes(), NAME_WIDTH)
}

fn shown_names(names: &Names) -> String {
    shown(&names.to_string())
}

fn key_fingerprint(entry: &Entry) -> String {
    Ring.fingerprint(&entry.line.key).to_string()
}

fn add(files: &Files, hosts: &Hosts, name: &str, key: &[String], authority: bool) -> Result<(), Error> {
    let (algorithm, blob) = read_key(key)?;
    let fingerprint = Ring.fingerprint(&blob);
    if hosts.known.is_revoked(&blob) {
        return Err(Error::new(format!("the key {fingerprint} is revoked in known hosts")));
    }
    let names = if authority {
        let names = Names::parse(name.as_bytes()).map_err(|rule| bad_name(name, rule))?;
        if names.is_hashed() || name.starts_with(['@', '#', '-']) || name.contains([' ', '\t']) {
            return Err(bad_name(name, "a name or pattern such as *.example.com is expected"));
        }
        names.to_string()
    } else {
        let name = check_name(name).map_err(|rule| bad_name(name, rule))?;
        refuse_label(&hosts.labels, &name)?;
        refuse_other_key(&hosts.known, &name, &algorithm, &blob)?;
        name
    };
    let mut file = read_or_empty(&files.own)?;
    let marked = if authority { format!("@cert-authority {names}") } else { names.clone() };
    append(&mut file, &marked, &algorithm, &blob);
    trusted_files::replace(&files.own, &file)?;
    let role = if authority { "certified by" } else { "known by" };
    println!("{} is now {role} this key:", shown(&names));
    print_table(&[[algorithm, fingerprint.to_string()]]);
    Ok(())
}

fn read_key(key: &[String]) -> Result<(String, Vec<u8>), Error> {
    let joined = key.join(" ");
    let (text, source) = match fs::read(&joined) {
        Ok(contents) if contents.len() <= known_hosts::MAX_LINE => (contents, shown(&joined)),
        Ok(_) => return Err(Error::new(format!("{} is too large for a public key", shown(&joined)))),
        Err(_) => (joined.clone().into_bytes(), "the key given".to_owned()),
    };
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (algorithm, encoded) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    known_hosts::parse_key(algorithm, encoded).map_err(|what| {
        Error::new(format!("{source}: {what}"))
            .hint("give a file such as ssh_host_ed25519_key.pub, or: ssh-ed25519 AAAA…")
    })
}

fn refuse_label(labels: &KnownHosts, name: &str) -> Result<(), Error> {
    if !labels.knows(name, &Ring) {
        return Ok(());
    }
    Err(Error::new(format!("{name} is a label already, typed into a prompt"))
        .hint(format!("split-ssh hosts trust {name}, or: split-ssh hosts remove {name}")))
}

/// A second key of another type is usual; a second one of the same type is a host that changed, or another host.
fn refuse_other_key(known: &KnownHosts, name: &str, algorithm: &str, blob: &[u8]) -> Result<(), Error> {
    let plain = known.keys_for(name, &Ring).into_iter().filter(|key| key.marker == Marker::Plain);
    for key in plain.filter(|key| key.algorithm == algorithm) {
        let place = display::ascii(key.place.to_string().as_bytes(), 120);
        if key.blob == blob {
            return Err(Error::new(format!("{name} is known by this key already, see {place}")));
        }
        return Err(Error::new(format!("{name} is known by another key of this type, {} in {place}", key.fingerprint))
            .hint(format!("if the host has a new key: split-ssh hosts remove {name}, then add it again")));
    }
    Ok(())
}

fn remove(files: &Files, hosts: &Hosts, name: &str) -> Result<(), Error> {
    let name = known_hosts::normalise(name);
    let mut removed = Vec::new();
    for (path, known) in [(&files.own, &hosts.known), (&files.labels, &hosts.labels)] {
        let here = |entry: &&Entry| Path::new(&entry.place.file) == path && is_named(entry, &name);
        let found: Vec<&Entry> = known.entries().iter().filter(here).collect();
        if !found.is_empty() {
            trusted_files::replace(path, &without_name(&read_or_empty(path)?, &found, &name))?;
            removed.extend(found.iter().map(|entry| [entry.line.algorithm.clone(), key_fingerprint(entry)]));
        }
    }
    if !removed.is_empty() {
        println!("{} is no longer a name of:", shown(&name));
        print_table(&removed);
        return Ok(());
    }
    let elsewhere = hosts.known.entries().iter().find(|entry| is_named(entry, &name));
    let unknown = Error::new(format!("{} is not a name that split-ssh added", shown(&name)));
    Err(match elsewhere {
        None => unknown.hint("split-ssh hosts list shows all names"),
        Some(entry) => unknown.hint(format!(
            "it is in {}; to remove it there: ssh-keygen -R '{}' -f '{}'",
            display::ascii(entry.place.to_string().as_bytes(), 120),
            shown(&name),
            display::ascii(entry.place.file.as_bytes(), 120),
        )),
    })
}

/// Whether the line spells `name` out, as a name or as the very pattern. Revoked keys stay revoked.
fn is_named(entry: &Entry, name: &str) -> bool {
    let names = &entry.line.names;
    let spelled = match names {
        Names::Hashed { .. } => names.match_name(name, &Ring),
        Names::Patterns(patterns) => patterns.iter().any(|pattern| !pattern.negated && pattern.text == name),
    };
    spelled && entry.line.marker != Marker::Revoked
}

/// The file without `name` in the `found` lines: a line goes if it has no other name, else only the name does.
fn without_name(file: &[u8], found: &[&Entry], name: &str) -> Vec<u8> {
    let numbers: Vec<usize> = found.iter().map(|entry| entry.place.line).collect();
    let mut rest = without_lines(file, &numbers);
    for entry in found {
        let Names::Patterns(patterns) = &entry.line.names else { continue };
        let others = patterns.iter().filter(|pattern| pattern.negated || pattern.text != name);
        let others = Names::Patterns(others.cloned().collect());
        if others.literals().next().is_some() || others.has_wildcards() {
            let marker = if entry.line.marker == Marker::Authority { "@cert-authority " } else { "" };
            append(&mut rest, &format!("{marker}{others}"), &entry.line.algorithm, &entry.line.key);
        }
    }
    rest
}

fn trust(files: &Files, hosts: &Hosts, name: &str) -> Result<(), Error> {
    let name = known_hosts::normalise(name);
    let here = |entry: &&Entry| is_named(entry, &name);
    let found: Vec<&Entry> = hosts.labels.entries().iter().filter(here).collect();
    if found.is_empty() {
        return Err(Error::new(format!("no label {} was typed into a prompt", shown(&name)))
            .hint("split-ssh hosts list shows all labels"));
    }
    if hosts.known.knows(&name, &Ring) {
        return Err(Error::new(format!("{} is the name of another host meanwhile", shown(&name)))
            .hint(format!("split-ssh hosts remove {}", shown(&name))));
    }
    let mut file = read_or_empty(&files.own)?;
    for entry in &found {
        append(&mut file, &name, &entry.line.algorithm, &entry.line.key);
    }
    // In this order a crash leaves the name in both files, which rules read as trusted, never in none.
    trusted_files::replace(&files.own, &file)?;
    trusted_files::replace(&files.labels, &without_name(&read_or_empty(&files.labels)?, &found, &name))?;
    println!("rules now see {} as the name of:", shown(&name));
    let rows: Vec<_> = found.iter().map(|entry| [entry.line.algorithm.clone(), key_fingerprint(entry)]).collect();
    print_table(&rows);
    Ok(())
}

/// Asks on the terminal; only a spelled-out yes is one.
fn confirm(question: &str) -> Result<bool, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::new("there is no terminal to ask on").hint("--yes takes the new names without asking"));
    }
    print!("{question} [yes/no] ");
    let failed = |error: io::Error| Error::new(format!("cannot ask: {error}"));
    io::stdout().flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "yes" | "y"))
}
