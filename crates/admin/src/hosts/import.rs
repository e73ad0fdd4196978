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
use super::input::open;
use super::output::{LINE_WIDTH, say, say_folded, say_table, shown};
use crate::confirm::confirm;
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
    sorted.refused.extend(
        warnings
            .into_iter()
            .map(|warning| (warning.place, warning.what.to_owned())),
    );
    let unreadable = untrusted.unreadable_revocations().iter();
    sorted.refused.extend(unreadable.map(|line| {
        let why = format!("a @revoked line that cannot be read: {}", line.what);
        (line.place.clone(), why)
    }));
    sorted.refused.sort_by_key(|(place, _)| place.line);
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
        let marker = if new.marker == Marker::Authority {
            "@cert-authority "
        } else {
            ""
        };
        append(
            &mut file,
            &format!("{marker}{}", new.names),
            &new.algorithm,
            &new.key,
        );
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
        return Err(Error::new(format!(
            "{} is larger than 16 MiB",
            path.display()
        )));
    }
    Ok(contents)
}

fn sort(hosts: &Hosts, untrusted: &KnownHosts, also: &ImportOptions) -> SortedNames {
    let mut sorted = SortedNames::default();
    for entry in untrusted.entries() {
        let mut refuse = |why: &str| sorted.refused.push((entry.place.clone(), why.to_owned()));
        let (marker, names) = (entry.line.marker, &entry.line.names);
        if marker == Marker::Revoked {
            refuse("a @revoked line is not taken from a client");
        } else if hosts.known.is_revoked(&entry.line.key) {
            refuse("this vault holds the key revoked");
        } else if names.is_hashed() {
            let mut found = also
                .names
                .iter()
                .filter(|name| names.match_name(name, &Ring));
            match (marker, found.next()) {
                (Marker::Plain, Some(name)) => sort_name(hosts, entry, name, &mut sorted),
                _ => sorted.hashed += 1,
            }
        } else if marker == Marker::Authority && !also.authorities {
            refuse("a CA is taken only with --authorities");
        } else if marker == Marker::Plain && is_pattern(names) && !also.wildcards {
            refuse("a name with wildcards or `!` is taken only with --wildcards");
        } else if marker == Marker::Authority || is_pattern(names) {
            sort_pattern(hosts, entry, &mut sorted);
        } else {
            sort_names(hosts, entry, &mut sorted);
        }
    }
    sorted
}

fn is_pattern(names: &Names) -> bool {
    matches!(names, Names::Patterns(patterns) if patterns.iter().any(|pattern| pattern.negated || !pattern.is_literal()))
}

fn sort_names(hosts: &Hosts, entry: &Entry, sorted: &mut SortedNames) {
    for name in entry.line.names.literals() {
        sort_name(hosts, entry, name, sorted);
    }
}

fn sort_name(hosts: &Hosts, entry: &Entry, name: &str, sorted: &mut SortedNames) {
    let mut refuse = |why: String| sorted.refused.push((entry.place.clone(), why));
    if let Err(rule) = check_name(name) {
        refuse(format!("\"{}\" cannot name a host: {rule}", shown(name)));
    } else if whole(name).is_none() {
        refuse(too_long(name));
    } else {
        let mut known = hosts.known.entries_for(name, &Ring);
        known.retain(|known| known.line.marker != Marker::Revoked);
        if known
            .iter()
            .any(|known| known.line.marker == Marker::Plain && known.line.key == entry.line.key)
        {
            sorted.known += 1;
        } else if let Some(known) = known.first() {
            refuse(format!(
                "{name} is known already, by {} ({})",
                Ring.fingerprint(&known.line.key),
                known.place
            ));
        } else if hosts.labels.knows(name, &Ring) {
            refuse(format!(
                "{name} is a label; `split-ssh hosts trust {name}` makes it a name"
            ));
        } else {
            push(sorted, entry, name.to_owned());
        }
    }
}

/// A pattern must not bring a key to a name that exists.
fn sort_pattern(hosts: &Hosts, entry: &Entry, sorted: &mut SortedNames) {
    let mut refuse = |why: String| sorted.refused.push((entry.place.clone(), why));
    let names = &entry.line.names;
    if whole(&names.to_string()).is_none() {
        refuse(too_long(&names.to_string()));
        return;
    }
    let trusted = || {
        hosts
            .known
            .entries()
            .iter()
            .filter(|known| known.line.marker != Marker::Revoked)
    };
    if trusted().any(|known| known.line == entry.line) {
        sorted.known += 1;
        return;
    }
    let labels = hosts.labels.entries().iter();
    let mut existing = trusted()
        .chain(labels)
        .flat_map(|known| known.line.names.literals());
    if let Some(name) = existing.find(|name| names.match_name(name, &Ring)) {
        refuse(format!(
            "{} covers {}, which is known already",
            shown(&names.to_string()),
            shown(name)
        ));
    } else if trusted().any(|known| known.line.names == *names) {
        refuse(format!(
            "{} has another key already",
            shown(&names.to_string())
        ));
    } else if trusted().any(|known| known.line.names.is_hashed()) {
        refuse(format!(
            "{} may cover a name that this vault holds hashed",
            shown(&names.to_string())
        ));
    } else {
        push(sorted, entry, names.to_string());
    }
}

/// The name as the screen shows it, with nothing left out.
fn whole(name: &str) -> Option<String> {
    let shown = display::ascii(name.as_bytes(), usize::MAX);
    (shown.len() <= SHOWN_WHOLE).then_some(shown)
}

fn too_long(name: &str) -> String {
    format!(
        "{} is too long to be shown whole; add it with: split-ssh hosts add",
        shown(name)
    )
}

fn push(sorted: &mut SortedNames, entry: &Entry, names: String) {
    let line = &entry.line;
    let new = NewName {
        names,
        marker: line.marker,
        algorithm: line.algorithm.clone(),
        key: line.key.clone(),
    };
    if sorted.seen.insert(new.clone()) {
        sorted.new.push(new);
    }
}

impl SortedNames {
    fn show(&self, hosts: &Hosts) {
        if !self.refused.is_empty() {
            say("not taken:");
        }
        for (place, why) in &self.refused {
            let line = format!("{place}: {why}");
            say_folded(2, &display::ascii(line.as_bytes(), LINE_WIDTH));
        }
        if self.hashed > 0 {
            say(format_args!(
                "not taken, because they are hashed: {} (try names: --name github.com,build.example)",
                self.hashed
            ));
        }
        if self.known > 0 {
            say(format_args!(
                "known already, by the same key: {}",
                self.known
            ));
        }
        if !self.new.is_empty() {
            say("new:");
            // Several keys of one type are a host that changed, or two hosts.
            let mut alike: HashMap<_, usize> = HashMap::new();
            for new in &self.new {
                *alike.entry(new.what_a_host_has_once()).or_default() += 1;
            }
            let known = names_by_key(hosts);
            let cells = |new: &NewName| {
                let alike = alike.get(&new.what_a_host_has_once()).copied();
                new.cells(&known, alike.unwrap_or(1))
            };
            say_table(&self.new.iter().map(cells).collect::<Vec<_>>());
        }
    }
}

/// What known hosts call each key.
type NamesByKey<'a> = HashMap<(Marker, &'a [u8]), Vec<String>>;

fn names_by_key(hosts: &Hosts) -> NamesByKey<'_> {
    let mut names = NamesByKey::new();
    for Entry { line, .. } in hosts.known.entries() {
        let of_key = names.entry((line.marker, &line.key)).or_default();
        of_key.push(line.names.to_string());
    }
    names
}

impl NewName {
    fn what_a_host_has_once(&self) -> (&str, Marker, &str) {
        (&self.names, self.marker, &self.algorithm)
    }

    fn cells(&self, known: &NamesByKey<'_>, alike: usize) -> [String; 5] {
        let fingerprint = Ring.fingerprint(&self.key).to_string();
        let role = if self.marker == Marker::Authority {
            "CA"
        } else {
            ""
        };
        [
            whole(&self.names).unwrap_or_default(),
            shown(&self.algorithm),
            fingerprint,
            role.to_owned(),
            self.remarks(known, alike),
        ]
    }

    fn remarks(&self, known: &NamesByKey<'_>, alike: usize) -> String {
        let also = self.other_names(known);
        match (alike, also.is_empty()) {
            (..=1, _) => also,
            (_, true) => format!("one of {alike} keys of this type"),
            (_, false) => format!("one of {alike} keys of this type, {also}"),
        }
    }

    /// A new name for a key that the vault knows deserves a look.
    fn other_names(&self, known: &NamesByKey<'_>) -> String {
        match known.get(&(self.marker, self.key.as_slice())) {
            Some(names) => format!("also {}", shown(&names.join(","))),
            None => String::new(),
        }
    }
}
