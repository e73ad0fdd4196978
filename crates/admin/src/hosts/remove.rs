//! `split-ssh hosts remove` and `trust`: what becomes of names that are in our own files.

use std::path::Path;

use policy::known_hosts::{Entry, Marker, Names, normalise};

use super::output::{key_cells, say_table, shown, shown_place, whole, with_marker};
use crate::output::say;
use common::crypto::Ring;
use common::error::Error;
use common::known_hosts_files::{Files, append, read_or_empty, without_lines};
use common::trusted_files::{self, quoted};

pub fn remove(files: &Files, name: &str) -> Result<(), Error> {
    let name = normalise(name);
    let _lock = files.lock()?;
    let hosts = files.read()?;
    let mut removed = Vec::new();
    for (path, known) in [(&files.own, &hosts.known), (&files.labels, &hosts.labels)] {
        let is_here =
            |entry: &&Entry| Path::new(&entry.place.file) == path && is_named(entry, &name);
        let found: Vec<&Entry> = known.entries().iter().filter(is_here).collect();
        if !found.is_empty() {
            trusted_files::replace(path, &without_name(&read_or_empty(path)?, &found, &name))?;
            removed.extend(found.into_iter().map(key_cells));
        }
    }
    let elsewhere = hosts.known.entries().iter();
    let mut elsewhere = elsewhere
        .filter(|entry| Path::new(&entry.place.file) != files.own && is_named(entry, &name));
    if removed.is_empty() {
        return Err(not_ours(&name, elsewhere.next()));
    }
    say(format_args!("{} is no longer a name of:", shown(&name)));
    say_table(&removed);
    if let Some(entry) = elsewhere.next() {
        say(format_args!("it is still in {}", shown_place(&entry.place)));
    }
    Ok(())
}

fn not_ours(name: &str, elsewhere: Option<&Entry>) -> Error {
    let error = Error::new(format!(
        "{} is not a name that split-ssh keeps",
        shown(name)
    ));
    match elsewhere {
        None => error.hint("`split-ssh hosts list` shows all names"),
        Some(entry) => {
            let place = shown_place(&entry.place);
            let file = quoted(Path::new(&entry.place.file));
            error.hint(format!(
                "it is in {place}; remove it there: `ssh-keygen -R '{}' -f {file}`",
                whole(name)
            ))
        }
    }
}

/// Makes a label a name in known hosts.
pub fn trust(files: &Files, name: &str) -> Result<(), Error> {
    let name = normalise(name);
    let _lock = files.lock()?;
    let hosts = files.read()?;
    let labels = hosts.labels.entries().iter();
    let found: Vec<&Entry> = labels.filter(|entry| is_named(entry, &name)).collect();
    let shown = shown(&name);
    if found.is_empty() {
        let what = format!("{shown} is not a label that was typed into a prompt");
        return Err(Error::new(what).hint("`split-ssh hosts list` shows all labels"));
    }
    if hosts.known.knows(&name, &Ring) {
        let what = format!("{shown} is the name of a known host meanwhile");
        let name = whole(&name);
        let hint = format!("forget the label: `split-ssh hosts remove '{name}'`");
        return Err(Error::new(what).hint(hint));
    }
    let mut file = read_or_empty(&files.own)?;
    for entry in &found {
        append(&mut file, &name, &entry.line.algorithm, &entry.line.key);
    }
    // A crash between the two leaves the name in both files, where rules see it, never in none.
    trusted_files::replace(&files.own, &file)?;
    let labels = without_name(&read_or_empty(&files.labels)?, &found, &name);
    trusted_files::replace(&files.labels, &labels)?;
    say(format_args!("rules now see {shown} as the name of:"));
    say_table(&found.into_iter().map(key_cells).collect::<Vec<_>>());
    Ok(())
}

/// Whether the line spells `name` out, as a name or as this very pattern. Revoked keys stay revoked.
fn is_named(entry: &Entry, name: &str) -> bool {
    let names = &entry.line.names;
    let is_spelled = match names {
        Names::Hashed { .. } => names.match_name(name, &Ring),
        Names::Unread => false,
        Names::Patterns(patterns) => patterns
            .iter()
            .any(|pattern| !pattern.negated && pattern.text == name),
    };
    is_spelled && entry.line.marker != Marker::Revoked
}

/// The file without `name` in the `found` lines: where other names are left, the line stays with these.
fn without_name(file: &[u8], found: &[&Entry], name: &str) -> Vec<u8> {
    let numbers: Vec<usize> = found.iter().map(|entry| entry.place.line).collect();
    let mut rest = without_lines(file, &numbers);
    for Entry { line, .. } in found {
        let Names::Patterns(patterns) = &line.names else {
            continue;
        };
        let mut others = patterns.clone();
        others.retain(|pattern| pattern.negated || pattern.text != name);
        if others.iter().any(|pattern| !pattern.negated) {
            let names = with_marker(line.marker, &Names::Patterns(others).to_string());
            append(&mut rest, &names, &line.algorithm, &line.key);
        }
    }
    rest
}
