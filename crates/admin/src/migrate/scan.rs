//! Finds by meaning what an earlier split SSH left, whatever form it has: every line of the stated places that has to
//! do with the service, with an agent's socket or with `SSH_AUTH_SOCK`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use policy::display;

use super::super::doctor::Machine;
use super::meaning::{self, Context, known_part, listens_at, service_in};
use super::places::{self, MTDCR_KEYS, ReadFile};

/// Characters of a line that are shown.
const SHOWN: usize = 160;
/// What a program that is a service of ours contains.
pub const OUR_SERVICE: &str = "split-ssh vault --stdio";

/// Settings of units and desktop entries that only people read.
const WORDS_ONLY: [&str; 5] = [
    "Description=",
    "Documentation=",
    "Name",
    "Comment",
    "Keywords",
];

/// One line, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub file: PathBuf,
    /// From 1; 0 for a folder.
    pub line: usize,
    pub does: String,
    /// It starts a client, or is one.
    pub calls_vault: bool,
    /// As it stands there.
    pub text: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        let (does, text) = (&self.does, display::ascii(self.text.as_bytes(), SHOWN));
        match self.line {
            0 => write!(f, "{file}: {does}"),
            line => write!(f, "{file}:{line}: {does}: `{text}`"),
        }
    }
}

pub fn find(place: &Machine) -> Vec<Found> {
    let files: Vec<File> = places::read(place).into_iter().map(File::read).collect();
    let mut sockets = BTreeSet::new();
    for file in &files {
        let listens = file.lines.iter().filter_map(|line| {
            let calls = line.full.contains("qrexec-client-vm") && file.names_service;
            let socket = listens_at(&line.full)?;
            (calls || file.socket_of(&files).is_some()).then(|| known_part(&socket).to_owned())
        });
        sockets.extend(listens);
    }
    let found = files.iter().flat_map(|file| file.find(&sockets, &files));
    let mut found: Vec<Found> = found.collect();
    let keys = place.paths.home.join(MTDCR_KEYS);
    if keys.is_dir() {
        found.push(Found {
            file: keys,
            line: 0,
            does:
                "holds a folder of keys for each client: copy each into ~/.ssh/identities.d/CLIENT"
                    .to_owned(),
            calls_vault: false,
            text: String::new(),
        });
    }
    found
}

struct File {
    read: ReadFile,
    lines: Vec<Line>,
    names_service: bool,
}

struct Line {
    number: usize,
    /// As it stands there, continued lines joined.
    text: String,
    /// The same with the file's own variables filled in.
    full: String,
}

impl File {
    fn read(read: ReadFile) -> Self {
        let mut lines = Vec::new();
        let mut variables = BTreeMap::new();
        let mut begun: Option<(usize, String)> = None;
        for (number, line) in (1..).zip(read.text.lines()) {
            let (number, text) = match begun.take() {
                Some((first, text)) => (first, text + " " + line.trim()),
                None => (number, line.trim().to_owned()),
            };
            if let Some(text) = text.strip_suffix('\\') {
                begun = Some((number, text.trim_end().to_owned()));
                continue;
            }
            let is_remark =
                text.starts_with(['#', ';']) || WORDS_ONLY.iter().any(|key| text.starts_with(key));
            if text.is_empty() || is_remark {
                continue;
            }
            let full = filled_in(&text, &variables);
            variables.extend(assignment(&full));
            lines.push(Line { number, text, full });
        }
        let names = |line: &str| !line.trim_start().starts_with('#') && service_in(line).is_some();
        let names_service = read.text.lines().any(names);
        Self {
            read,
            lines,
            names_service,
        }
    }

    fn find(&self, sockets: &BTreeSet<String>, files: &[Self]) -> Vec<Found> {
        if self.read.text.contains(OUR_SERVICE) {
            return Vec::new();
        }
        let context = Context {
            names_service: self.names_service,
            is_own: self.read.is_own,
            sockets,
            socket_of: self.socket_of(files),
        };
        let found = self.lines.iter().filter_map(|line| {
            let does = meaning::of(&line.full, &context)?;
            Some(Found {
                file: self.read.path.clone(),
                line: line.number,
                calls_vault: does.starts_with("listens at") || does.starts_with("calls "),
                does,
                text: line.text.clone(),
            })
        });
        found.collect()
    }

    /// The service unit that this socket unit starts, if that calls a vault.
    fn socket_of<'f>(&self, files: &'f [Self]) -> Option<&'f str> {
        let stem = self.name().strip_suffix(".socket")?;
        let is_its = |file: &&Self| {
            let name = file.name();
            let service = name.strip_suffix(".service");
            file.names_service && service.is_some_and(|name| name.trim_end_matches('@') == stem)
        };
        files.iter().find(is_its).map(Self::name)
    }

    fn name(&self) -> &str {
        let name = self.read.path.file_name();
        name.and_then(|name| name.to_str()).unwrap_or_default()
    }
}

/// `NAME=VALUE` of a shell, with `export` or `local` before it; the value without its quotes.
fn assignment(line: &str) -> Option<(String, String)> {
    let declared = line.strip_prefix("export ").or(line.strip_prefix("local "));
    let line = declared.unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = value.trim().trim_matches(['"', '\'']);
    (is_name && !value.contains(char::is_whitespace)).then(|| (name.to_owned(), value.to_owned()))
}

fn filled_in(line: &str, variables: &BTreeMap<String, String>) -> String {
    let mut full = line.to_owned();
    // The longest names first, so that $SOCK does not eat $SOCKET.
    let mut names: Vec<&String> = variables.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in names {
        let value = variables.get(name).map_or("", String::as_str);
        full = full.replace(&format!("${{{name}}}"), value);
        full = full.replace(&format!("${name}"), value);
    }
    full
}
