//! All lines of all files, and the lines that speak of a key or a name.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use super::line::{BadLine, Line, Marker};
use super::names::normalise;
use super::unread::UnreadLine;
use crate::crypto::Crypto;
use crate::judgement::Place;

/// Bytes of one file: more than 50 000 hosts; a file beyond it is not read at all.
pub const MAX_FILE: usize = 16 << 20;

/// A line, and its file and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub line: Line,
    pub place: Place,
    /// Names of other lines that a hashed one turned out to hold; found once, when first asked.
    pub(super) learned: OnceLock<Vec<String>>,
}

/// All lines of all files, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownHosts {
    pub(super) entries: Vec<Entry>,
    /// Each may revoke a key.
    pub(super) unreadable: Vec<UnreadLine>,
    pub(super) by_key: HashMap<Vec<u8>, Vec<usize>>,
    /// The lines that spell a name out, of every marker.
    pub(super) by_name: HashMap<String, Vec<usize>>,
    /// Those that may speak of names that they do not spell out, or not of all that they do: hashed ones, wildcards,
    /// negations.
    open: Vec<usize>,
    /// The same by every line that ssh would find, for the names tried first: a hashed line costs an HMAC for
    /// each name, and whoever asks always tries the same ones.
    pub(super) types_by_try: OnceLock<HashMap<String, Vec<String>>>,
}

impl KnownHosts {
    /// Reads files given as (name, contents). Bad lines become warnings and are skipped, as ssh does. But what may
    /// have been meant as a revocation is kept, see [`Self::unreadable_revocations`].
    pub fn parse(sources: &[(&str, &[u8])]) -> (Self, Vec<UnreadLine>) {
        let mut known = Self::default();
        let mut warnings = Vec::new();
        for &(file, contents) in sources {
            let place = |line| Place {
                file: file.to_owned(),
                line,
            };
            if contents.len() > MAX_FILE {
                let bad = BadLine {
                    what: "as the file is larger than 16 MiB",
                    may_revoke: true,
                    names: None,
                };
                let place = place(1);
                known.unreadable.push(UnreadLine { place, bad });
                continue;
            }
            for (number, bytes) in (1..).zip(contents.split(|&byte| byte == b'\n')) {
                let place = place(number);
                match Line::parse(bytes) {
                    Ok(None) => {}
                    Ok(Some(line)) => known.push(Entry {
                        line,
                        place,
                        learned: OnceLock::new(),
                    }),
                    Err(bad) if bad.may_revoke => known.unreadable.push(UnreadLine { place, bad }),
                    Err(bad) => warnings.push(UnreadLine { place, bad }),
                }
            }
        }
        (known, warnings)
    }

    fn push(&mut self, entry: Entry) {
        let index = self.entries.len();
        self.by_key
            .entry(entry.line.key.clone())
            .or_default()
            .push(index);
        for name in entry.line.names.literals() {
            self.by_name.entry(name.to_owned()).or_default().push(index);
        }
        if !entry.line.names.is_all_spelled_out() {
            self.open.push(index);
        }
        self.entries.push(entry);
    }

    /// `@revoked` lines, or what may have been meant as such, that cannot be read.
    pub fn unreadable_revocations(&self) -> &[UnreadLine] {
        &self.unreadable
    }

    /// Whether any line revokes a key, or may: what cannot be compared with these lines cannot be trusted then.
    pub fn has_revocations(&self) -> bool {
        let mut markers = self.entries.iter().map(|entry| entry.line.marker);
        !self.unreadable.is_empty() || markers.any(|marker| marker == Marker::Revoked)
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Lines that ssh would find for `name` (`host` or `[host]:port`), of every marker, in their order.
    pub fn entries_for(&self, name: &str, crypto: &dyn Crypto) -> Vec<&Entry> {
        let name = normalise(name);
        let spelled_out = self.by_name.get(&name).into_iter().flatten();
        let candidates: BTreeSet<usize> = spelled_out.chain(&self.open).copied().collect();
        candidates
            .into_iter()
            .filter_map(|index| self.entries.get(index))
            .filter(|entry| entry.line.names.match_name(&name, crypto))
            .collect()
    }

    /// Whether some key or authority stands for `name`; a `@revoked` line does not count.
    pub fn knows(&self, name: &str, crypto: &dyn Crypto) -> bool {
        let mut entries = self.entries_for(name, crypto).into_iter();
        entries.any(|entry| entry.line.marker != Marker::Revoked)
    }

    /// Stricter than ssh, which looks at the names of a `@revoked` line too: here the key is dead under any name.
    pub fn is_revoked(&self, blob: &[u8]) -> bool {
        self.with_key(blob, Marker::Revoked).next().is_some()
    }

    pub(super) fn with_key(&self, blob: &[u8], marker: Marker) -> impl Iterator<Item = &Entry> {
        let indices = self.by_key.get(blob).map_or(&[][..], Vec::as_slice);
        let entries = indices.iter().filter_map(|&index| self.entries.get(index));
        entries.filter(move |entry| entry.line.marker == marker)
    }
}
