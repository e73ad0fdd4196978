//! `split-ssh hosts import`: a client's known_hosts file is only a proposal. The client may be hostile,
//! so a name that the vault has keeps its keys, and every new name is shown with its fingerprint.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

use policy::crypto::Crypto as _;
use policy::display;
use policy::judgement::Place;
use policy::known_hosts::{Entry, KnownHosts, MAX_FILE, Marker, Names, check_name};

use super::in_force::read_by_vault;
use super::output::{CONTINUATION_INDENT, LINE_WIDTH, say_table, shown, whole, with_marker};
use crate::confirm::confirm;
use crate::fold::fit;
use crate::input::open;
use crate::output::say;
use common::crypto::Ring;
use common::error::Error;
use common::known_hosts_files::{Files, Hosts, append, read_or_empty};
use common::paths::Paths;
use common::trusted_files;

/// Characters of a name, or of a list of patterns, that can be taken: what is cut cannot be agreed to.
const SHOWN_WHOLE: usize = 128;

/// What the person wants besides plain names.
#[derive(Debug, clap::Args)]
pub struct ImportOptions {
    /// Take names with wildcards too
    #[arg(long)]
    wildcards: bool,
    /// Take @cert-authority lines too
    #[arg(long)]
    authorities: bool,
    /// Try these for hashed names: github.com,[git.example]:2222
    #[arg(long = "name", value_name = "HOST,…", value_delimiter = ',')]
    names: Vec<String>,
}

/// A name or pattern that would be taken, with its key.
#[derive(Clone, PartialEq, Eq, Hash)]
struct NewName {
    names: String,
    marker: Marker,
    algorithm: String,
    key: Vec<u8>,
}

#[derive(Default)]
struct SortedNames {
    /// In the file's order, each once.
    new: Vec<NewName>,
    seen: HashSet<NewName>,
    known: usize,
    /// Hashed names that are none of those to try.
    hashed: usize,
    refused: Vec<(Place, String)>,
}

pub fn run(
    files: &Files,
    hosts: &Hosts,
    paths: &Paths,
    path: &Path,
    also: &ImportOptions,
    yes: bool,
) -> Result<ExitCode, Error> {
    let untrusted = read(path)?;
    let name = path.display().to_string();
    let (untrusted, warnings) = KnownHosts::parse(&[(name.as_str(), &untrusted)]);
    let mut sorted = sort(hosts, &untrusted, also);
    let warnings = warnings.into_iter();
    let refused = &mut sorted.refused;
    refused.extend(warnings.map(|warning| (warning.place, warning.bad.what.to_owned())));
    let unreadable = untrusted.unreadable_revocations().iter();
    refused.extend(unreadable.map(|line| {
        let why = format!("a @revoked line that cannot be read: {}", line.bad.what);
        (line.place.clone(), why)
    }));
    refused.sort_by_key(|(place, _)| place.line);
    sorted.show(hosts);
    if sorted.new.is_empty() {
        say("no new names");
        return Ok(ExitCode::SUCCESS);
    }
    if !yes && !confirm(&format!("take the {} new?", sorted.new.len()))? {
        say("nothing was taken");
        return Ok(ExitCode::FAILURE);
    }
    // Another run may have given a name meanwhile.
    let lock = files.lock()?;
    let mut still_new = sort(&files.read()?, &untrusted, also).new;
    still_new.retain(|new| sorted.seen.contains(new));
    let mut file = read_or_empty(&files.own)?;
    for new in &still_new {
        let names = with_marker(new.marker, &new.names);
        append(&mut file, &names, &new.algorithm, &new.key);
    }
    trusted_files::replace(&files.own, &file)?;
    say(format_args!("taken: {}", still_new.len()));
    let late = sorted.new.len() - still_new.len();
    if late > 0 {
        say(format_args!("not taken, known meanwhile: {late}"));
    }
    drop(lock);
    read_by_vault(paths)?;
    Ok(ExitCode::SUCCESS)
}

/// The file is only a proposal, so whose it is does not matter.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error: io::Error| Error::io("read", path, &error);
    let mut contents = Vec::new();
    let limit = MAX_FILE as u64 + 1;
    open(path)
        .map_err(failed)?
        .take(limit)
        .read_to_end(&mut contents)
        .map_err(failed)?;
    if contents.len() > MAX_FILE {
        let what = format!("{} is larger than 16 MiB", path.display());
        return Err(Error::new(what));
    }
    Ok(contents)
}

fn sort(hosts: &Hosts, untrusted: &KnownHosts, also: &ImportOptions) -> SortedNames {
    let mut sorted = SortedNames::default();
    for entry in untrusted.entries() {
        if let Some(why) = refusal(hosts, entry, also) {
            sorted.refused.push((entry.place.clone(), why.to_owned()));
            continue;
        }
        let names = &entry.line.names;
        let is_plain = entry.line.marker == Marker::Plain;
        let as_pattern = !is_plain || is_pattern(names);
        let proposed: Vec<String> = if names.is_hashed() {
            let mut tried = also.names.iter();
            let found = tried.find(|name| is_plain && names.match_name(name, &Ring));
            sorted.hashed += usize::from(found.is_none());
            found.into_iter().cloned().collect()
        } else if as_pattern {
            vec![names.to_string()]
        } else {
            names.literals().map(str::to_owned).collect()
        };
        for name in proposed {
            let is_new = match as_pattern {
                _ if whole(&name).len() > SHOWN_WHOLE => Err(format!(
                    "{} is too long to be shown whole; add it with: split-ssh hosts add",
                    shown(&name)
                )),
                true => is_new_pattern(hosts, entry),
                false => is_new_name(hosts, entry, &name),
            };
            match is_new {
                Ok(true) => sorted.push(entry, name),
                Ok(false) => sorted.known += 1,
                Err(why) => sorted.refused.push((entry.place.clone(), why)),
            }
        }
    }
    sorted
}

/// Why a line is not looked at any further.
fn refusal(hosts: &Hosts, entry: &Entry, also: &ImportOptions) -> Option<&'static str> {
    let names = &entry.line.names;
    match entry.line.marker {
        Marker::Revoked => Some("a @revoked line is not taken from a client"),
        _ if hosts.known.is_revoked(&entry.line.key) => Some("this vault holds the key revoked"),
        _ if names.is_hashed() => None,
        Marker::Authority if !also.authorities => Some("a CA is taken only with --authorities"),
        Marker::Plain if is_pattern(names) && !also.wildcards => {
            Some("a name with wildcards or `!` is taken only with --wildcards")
        }
        _ => None,
    }
}

fn is_pattern(names: &Names) -> bool {
    matches!(names, Names::Patterns(patterns) if patterns.iter().any(|pattern| pattern.negated || !pattern.is_literal()))
}

/// False for a name that this vault knows by the same key.
///
/// # Errors
/// Why the name is not taken.
fn is_new_name(hosts: &Hosts, entry: &Entry, name: &str) -> Result<bool, String> {
    check_name(name).map_err(|rule| format!("\"{}\" cannot name a host: {rule}", shown(name)))?;
    let mut known = hosts.known.entries_for(name, &Ring);
    known.retain(|known| known.line.marker != Marker::Revoked);
    let is_same =
        |known: &&Entry| known.line.marker == Marker::Plain && known.line.key == entry.line.key;
    if known.iter().any(is_same) {
        return Ok(false);
    }
    if let Some(known) = known.first() {
        let (fingerprint, place) = (Ring.fingerprint(&known.line.key), &known.place);
        return Err(format!(
            "{name} is known already, by {fingerprint} ({place})"
        ));
    }
    match hosts.labels.knows(name, &Ring) {
        true => Err(format!(
            "{name} is a label; `split-ssh hosts trust {name}` makes it a name"
        )),
        false => Ok(true),
    }
}

/// The same for a pattern, which must not bring a key to a name that exists.
fn is_new_pattern(hosts: &Hosts, entry: &Entry) -> Result<bool, String> {
    let names = &entry.line.names;
    let pattern = shown(&names.to_string());
    let entries = hosts.known.entries().iter();
    let trusted = entries.filter(|known| known.line.marker != Marker::Revoked);
    if trusted.clone().any(|known| known.line == entry.line) {
        return Ok(false);
    }
    let existing = trusted.clone().chain(hosts.labels.entries());
    let mut existing = existing.flat_map(|known| known.line.names.literals());
    if let Some(name) = existing.find(|name| names.match_name(name, &Ring)) {
        let name = shown(name);
        Err(format!("{pattern} covers {name}, which is known already"))
    } else if trusted.clone().any(|known| known.line.names == *names) {
        Err(format!("{pattern} has another key already"))
    } else if trusted.clone().any(|known| known.line.names.is_hashed()) {
        Err(format!(
            "{pattern} may cover a name that this vault holds hashed"
        ))
    } else {
        Ok(true)
    }
}

impl SortedNames {
    fn push(&mut self, entry: &Entry, names: String) {
        let line = &entry.line;
        let new = NewName {
            names,
            marker: line.marker,
            algorithm: line.algorithm.clone(),
            key: line.key.clone(),
        };
        if self.seen.insert(new.clone()) {
            self.new.push(new);
        }
    }

    fn show(&self, hosts: &Hosts) {
        if !self.refused.is_empty() {
            say("not taken:");
        }
        for (place, why) in &self.refused {
            let line = format!("{place}: {why}");
            let line = display::ascii(line.as_bytes(), LINE_WIDTH);
            say(format_args!("  {}", fit(&line, 2, CONTINUATION_INDENT)));
        }
        let (hashed, known) = (self.hashed, self.known);
        if hashed > 0 {
            say(format_args!(
                "not taken, because they are hashed: {hashed} (try names: --name github.com,build.example)"
            ));
        }
        if known > 0 {
            say(format_args!("known already, by the same key: {known}"));
        }
        if self.new.is_empty() {
            return;
        }
        say("new:");
        // Several keys of one type are a host that changed, or two hosts.
        let mut alike: HashMap<_, usize> = HashMap::new();
        for new in &self.new {
            *alike.entry(new.what_a_host_has_once()).or_default() += 1;
        }
        let mut known: HashMap<_, Vec<String>> = HashMap::new();
        for Entry { line, .. } in hosts.known.entries() {
            let names = known.entry((line.marker, &line.key)).or_default();
            names.push(line.names.to_string());
        }
        let cells = |new: &NewName| {
            let mut remarks = Vec::new();
            let alike = alike.get(&new.what_a_host_has_once());
            if let Some(alike) = alike.filter(|alike| **alike > 1) {
                remarks.push(format!("one of {alike} keys of this type"));
            }
            // A new name for a key that the vault knows deserves a look.
            if let Some(names) = known.get(&(new.marker, &new.key)) {
                remarks.push(format!("also {}", shown(&names.join(","))));
            }
            let role = match new.marker {
                Marker::Authority => "CA",
                _ => "",
            };
            [
                whole(&new.names),
                shown(&new.algorithm),
                Ring.fingerprint(&new.key).to_string(),
                role.to_owned(),
                remarks.join(", "),
            ]
        };
        say_table(&self.new.iter().map(cells).collect::<Vec<_>>());
    }
}

impl NewName {
    fn what_a_host_has_once(&self) -> (&str, Marker, &str) {
        (&self.names, self.marker, &self.algorithm)
    }
}
