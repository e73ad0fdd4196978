//! Names for host keys, from the vault's own known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
//!
//! ssh asks "is this the key of that name?"; the guard asks "which names does this key have?". So names
//! come from the lines that spell them out, and from *tries*: names that the policy mentions, which
//! hashed and wildcard lines are asked about.

mod host_key;
mod line;
mod names;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::OnceLock;

pub use host_key::HostKey;
pub use line::{BadLine, Line, MAX_LINE, Marker, key as parse_key};
pub use names::{Names, Pattern, check_name, is_port_without_brackets, normalise};

use crate::crypto::{Crypto, Fingerprint};
use crate::facts::{HostIdentity, Revocation};
use crate::glob::{Glob, MAX_PATTERN};
use crate::host_certificate::{self, CertificateCheck};
use crate::judgement::Place;

/// Bytes of one file: more than 50 000 hosts; a file beyond it is not read at all.
pub const MAX_FILE: usize = 16 << 20;

/// Names that an unnamed host could have, kept in each of its records: a line of the log stays short.
const MAX_POSSIBLE_NAMES: usize = 32;

/// Stands for a hashed name that none of the names tried is.
pub const HASHED: &str = "(hashed)";

/// Stands for names, more than are listed, of which any could be meant.
pub const ANY: &str = "(any)";

/// A line that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub place: Place,
    pub what: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; the line is ignored", self.place, self.what)
    }
}

/// A `@revoked` line that cannot be read. What it could revoke is refused until somebody corrects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRevocation {
    pub place: Place,
    pub what: &'static str,
    /// The hosts that the line speaks of, if that much can be read; else it could be any.
    pub names: Option<Names>,
}

impl fmt::Display for UnreadableRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: a @revoked line cannot be read, {}; ",
            self.place, self.what
        )?;
        match &self.names {
            Some(names @ Names::Patterns(_)) => {
                write!(
                    f,
                    "logins at {names} and at hosts without a name are refused"
                )
            }
            _ => f.write_str("logins at every host that is shown are refused"),
        }
    }
}

impl UnreadableRevocation {
    /// Whether the line could be about a host with these names. A name that leaves open which it is could be any.
    fn may_revoke(&self, names: &[String], crypto: &dyn Crypto) -> bool {
        let Some(about) = &self.names else {
            return true;
        };
        let is_about = |name: &String| {
            let host = host_of_port(name).unwrap_or(name);
            is_open(name) || about.match_name(name, crypto) || about.match_name(host, crypto)
        };
        names.is_empty() || about.is_hashed() || names.iter().any(is_about)
    }
}

/// A line and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub line: Line,
    pub place: Place,
    /// Names of other lines that a hashed one turned out to hold; found once, when first asked.
    learned: OnceLock<Vec<String>>,
}

/// A key that a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    pub marker: Marker,
    pub algorithm: String,
    pub blob: Vec<u8>,
    pub fingerprint: Fingerprint,
    pub place: Place,
}

/// All lines of all files, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    unreadable: Vec<UnreadableRevocation>,
    by_key: HashMap<Vec<u8>, Vec<usize>>,
    /// The lines that spell a name out, of every marker.
    by_name: HashMap<String, Vec<usize>>,
    /// Those that may speak of names that they do not spell out, or not of all that they do: hashed ones, wildcards,
    /// negations.
    open: Vec<usize>,
    /// The same by every line that ssh would find, for the names tried first: a hashed line costs an HMAC for
    /// each name, and whoever asks always tries the same ones.
    types_by_try: OnceLock<HashMap<String, Vec<String>>>,
}

impl KnownHosts {
    /// Reads files given as (name, contents). Bad lines become warnings and are skipped, as ssh does. But what may
    /// have been meant as a revocation is kept, see [`Self::unreadable_revocations`].
    pub fn parse(sources: &[(&str, &[u8])]) -> (Self, Vec<Warning>) {
        let mut known = Self::default();
        let mut warnings = Vec::new();
        for &(file, contents) in sources {
            let place = |line| Place {
                file: file.to_owned(),
                line,
            };
            if contents.len() > MAX_FILE {
                known.unreadable.push(UnreadableRevocation {
                    place: place(1),
                    what: "as the file is larger than 16 MiB",
                    names: None,
                });
                continue;
            }
            for (number, bytes) in (1..).zip(contents.split(|&byte| byte == b'\n')) {
                match Line::parse(bytes) {
                    Ok(None) => {}
                    Ok(Some(line)) => known.push(Entry {
                        line,
                        place: place(number),
                        learned: OnceLock::new(),
                    }),
                    Err(bad) if bad.may_revoke => known.unreadable.push(UnreadableRevocation {
                        place: place(number),
                        what: bad.what,
                        names: bad.names,
                    }),
                    Err(bad) => warnings.push(Warning {
                        place: place(number),
                        what: bad.what,
                    }),
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

    /// Whose key of this type an unnamed one could be: the names and patterns for which known hosts have no
    /// key of the type, and the tries that they do not have at all. Of more than [`MAX_POSSIBLE_NAMES`] only the
    /// tries are listed, and [`ANY`] alone where these are too many.
    ///
    /// A client chooses which of a server's keys it meets, or the plain key in place of a certificate, and
    /// sshd has one key of a type. Where a name is hashed, or given by a pattern, it is listed rather than
    /// worked out.
    fn without_key_of(
        &self,
        algorithm: &str,
        tries: &[String],
        crypto: &dyn Crypto,
    ) -> Vec<String> {
        let has_type = |line: &Line| line.marker == Marker::Plain && line.algorithm == algorithm;
        let mut found = BTreeSet::new();
        let others = self.entries.iter().map(|entry| &entry.line);
        for line in others.filter(|line| line.marker != Marker::Revoked && !has_type(line)) {
            let names = &line.names;
            found.extend(names.wildcards());
            found.extend(names.literals().filter(|name| {
                let spelled_out = self.by_name.get(*name).into_iter().flatten();
                let mut entries = spelled_out.filter_map(|&index| self.entries.get(index));
                !entries.any(|entry| has_type(&entry.line))
            }));
            let tried = |name: &String| names.match_name(name, crypto);
            if names.is_hashed() && !found.contains(HASHED) && !tries.iter().any(tried) {
                found.insert(HASHED);
            }
        }
        let types = |name: &String| (name.clone(), self.types_of_keys_for(name, crypto));
        let tried = self
            .types_by_try
            .get_or_init(|| tries.iter().map(types).collect());
        found.extend(tries.iter().map(String::as_str).filter(|name| {
            let has = |types: &[String]| types.iter().any(|has| has == algorithm);
            !match tried.get(*name) {
                Some(types) => has(types),
                None => has(&self.types_of_keys_for(name, crypto)),
            }
        }));
        if found.len() > MAX_POSSIBLE_NAMES {
            // `*` is for the patterns of rules; the names that they spell out are among the tries.
            let tried: BTreeSet<&str> = tries.iter().map(String::as_str).collect();
            found.retain(|name| tried.contains(name));
            found.insert("*");
        }
        if found.len() > MAX_POSSIBLE_NAMES {
            return vec![ANY.to_owned()];
        }
        found.into_iter().map(str::to_owned).collect()
    }

    fn types_of_keys_for(&self, name: &str, crypto: &dyn Crypto) -> Vec<String> {
        let keys = self.keys_for(name, crypto).into_iter();
        keys.filter(|key| key.marker == Marker::Plain)
            .map(|key| key.algorithm)
            .collect()
    }

    /// `@revoked` lines, or what may have been meant as such, that cannot be read.
    pub fn unreadable_revocations(&self) -> &[UnreadableRevocation] {
        &self.unreadable
    }

    /// Whether any line revokes a key, or may: what cannot be compared with these lines cannot be trusted then.
    pub fn has_revocations(&self) -> bool {
        let mut markers = self.entries.iter().map(|entry| entry.line.marker);
        !self.unreadable.is_empty() || markers.any(|marker| marker == Marker::Revoked)
    }

    /// What the `@revoked` lines say of a host that showed this key and has these names.
    fn revocation(
        &self,
        host_key: &HostKey<'_>,
        names: &[String],
        crypto: &dyn Crypto,
    ) -> Revocation {
        let authority = host_key.certificate().map(|shown| shown.signature_key);
        let mut keys = authority.into_iter().chain([host_key.plain_blob()]);
        if keys.any(|blob| self.is_revoked(blob)) {
            return Revocation::Revoked;
        }
        let mut unreadable = self.unreadable.iter();
        if unreadable.any(|line| line.may_revoke(names, crypto))
            || (host_key.is_unread_certificate() && self.has_revocations())
        {
            return Revocation::Unreadable;
        }
        Revocation::None
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names a host key: by names, by the patterns of wildcard lines, or as [`HASHED`]. `tries` are names that the policy mentions, `host` or `[host]:port`; `unix` is now.
    ///
    /// A certificate gives the names that its authority is trusted for. The plain key inside it is looked
    /// up as well, whatever became of the certificate, because ssh falls back to it (`sshkey_drop_cert`),
    /// and because the bind's signature proves that key, not the certificate. `ca` says who signed a good
    /// certificate, known here or not.
    pub fn identify(
        &self,
        host_key: &HostKey<'_>,
        tries: &[String],
        crypto: &dyn Crypto,
        unix: u64,
    ) -> HostIdentity {
        let literal = |name: &&String| !name.contains(['*', '?']);
        let tries: Vec<String> = tries
            .iter()
            .filter(literal)
            .map(|name| normalise(name))
            .collect();
        let mut names = self.names_of_key(host_key.plain_blob(), &tries, crypto);
        let mut ca = None;
        if let Some(certificate) = host_key.certificate() {
            if let CertificateCheck::Good {
                authority,
                principals,
            } = host_certificate::check(certificate, crypto, unix)
            {
                ca = Some(crypto.fingerprint(authority));
                names.extend(self.names_by_authority(authority, &principals, &tries, crypto));
            }
        }
        let possible_names = match names.is_empty() {
            true => self.without_key_of(host_key.plain().algorithm(), &tries, crypto),
            false => Vec::new(),
        };
        let (open, full): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_open(name));
        let names = [full, open].concat();
        HostIdentity {
            fingerprint: crypto.fingerprint(host_key.plain_blob()),
            algorithm: host_key.plain().algorithm().to_owned(),
            ca,
            possible_names,
            revocation: self.revocation(host_key, &names, crypto),
            names,
            label: None,
        }
    }

    /// The names and patterns that lines give a key, or an authority, of each of these fingerprints; [`HASHED`] for
    /// names that only their hash tells.
    pub fn names_by_fingerprint(
        &self,
        wanted: &HashSet<Fingerprint>,
        tries: &[String],
        crypto: &dyn Crypto,
    ) -> HashMap<Fingerprint, BTreeSet<String>> {
        let keys = self.by_key.keys();
        let keys = keys.map(|blob| (crypto.fingerprint(blob), blob));
        keys.filter(|(fingerprint, _)| wanted.contains(fingerprint))
            .map(|(fingerprint, blob)| {
                let mut names = self.names_of_key(blob, tries, crypto);
                for entry in self.with_key(blob, Marker::Authority) {
                    let line = &entry.line.names;
                    names.extend(line.literals().chain(line.wildcards()).map(str::to_owned));
                }
                (fingerprint, names)
            })
            .collect()
    }

    /// Lines that ssh would find for `name` (`host` or `[host]:port`), of every marker.
    pub fn keys_for(&self, name: &str, crypto: &dyn Crypto) -> Vec<KnownKey> {
        let name = normalise(name);
        let found = self.entries_naming(&name, crypto);
        found.map(|entry| entry.known_key(crypto)).collect()
    }

    /// The lines that speak of `name` (normalised), in their order.
    fn entries_naming<'a>(
        &'a self,
        name: &'a str,
        crypto: &'a dyn Crypto,
    ) -> impl Iterator<Item = &'a Entry> {
        let spelled_out = self.by_name.get(name).into_iter().flatten();
        let candidates: BTreeSet<usize> = spelled_out.chain(&self.open).copied().collect();
        candidates
            .into_iter()
            .filter_map(|index| self.entries.get(index))
            .filter(move |entry| entry.line.names.match_name(name, crypto))
    }

    /// Whether some key or authority stands for `name`; a `@revoked` line does not count.
    pub fn knows(&self, name: &str, crypto: &dyn Crypto) -> bool {
        let name = normalise(name);
        self.entries_naming(&name, crypto)
            .any(|entry| entry.line.marker != Marker::Revoked)
    }

    /// Stricter than ssh, which looks at the names of a `@revoked` line too: here the key is dead under any name.
    pub fn is_revoked(&self, blob: &[u8]) -> bool {
        self.with_key(blob, Marker::Revoked).next().is_some()
    }

    fn with_key(&self, blob: &[u8], marker: Marker) -> impl Iterator<Item = &Entry> {
        let indices = self.by_key.get(blob).map_or(&[][..], Vec::as_slice);
        let entries = indices.iter().filter_map(|&index| self.entries.get(index));
        entries.filter(move |entry| entry.line.marker == marker)
    }

    fn names_of_key(&self, blob: &[u8], tries: &[String], crypto: &dyn Crypto) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for entry in self.with_key(blob, Marker::Plain) {
            let names = &entry.line.names;
            let asked = names.literals().chain(tries.iter().map(String::as_str));
            let mut told: BTreeSet<String> = asked
                .filter(|name| names.match_name(name, crypto))
                .map(str::to_owned)
                .collect();
            if names.is_hashed() {
                let learned = entry.learned.get_or_init(|| self.learn(names, crypto));
                told.extend(learned.iter().cloned());
                // Another line may name the key as well, and not tell what this one hides.
                if told.is_empty() {
                    told.insert(HASHED.to_owned());
                }
            }
            found.extend(told);
            found.extend(names.wildcards().map(str::to_owned));
        }
        found
    }

    /// The names of other lines that a hashed field holds.
    fn learn(&self, hashed: &Names, crypto: &dyn Crypto) -> Vec<String> {
        let told = self
            .entries
            .iter()
            .flat_map(|entry| entry.line.names.literals());
        told.filter(|name| hashed.match_name(name, crypto))
            .map(str::to_owned)
            .collect()
    }

    /// Names that a checked certificate's principals give under the `@cert-authority` lines of `authority`.
    /// A principal is a host without port; the line's own ports and the tries add theirs.
    fn names_by_authority(
        &self,
        authority: &[u8],
        principals: &[&str],
        tries: &[String],
        crypto: &dyn Crypto,
    ) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let certified: Vec<Glob> = principals
            .iter()
            .filter_map(|name| names::glob(name))
            .collect();
        for Entry { line, .. } in self.with_key(authority, Marker::Authority) {
            let mut ask = |name: &str| {
                let host = names::split_port(name).map_or(name, |(host, _)| host);
                let certified = certified.iter().any(|glob| glob.matches(host.as_bytes()));
                // To ssh, too, an authority for a host without a port is one for all its ports.
                let trusted = [name, host].map(|name| line.names.match_name(name, crypto));
                if certified && trusted.contains(&true) {
                    found.insert(name.to_owned());
                }
            };
            for host in principals
                .iter()
                .filter(|principal| is_host_name(principal))
            {
                ask(host);
                line.names
                    .ports()
                    .for_each(|port| ask(&format!("[{host}]:{port}")));
            }
            line.names.literals().for_each(&mut ask);
            tries.iter().map(String::as_str).for_each(&mut ask);
        }
        found
    }
}

/// A name or pattern of known hosts as a pattern; `None` if it is empty or too long to be one.
pub fn to_glob(name: &str) -> Option<Glob> {
    names::glob(name)
}

/// The host of a name with a port, `[host]:port`.
pub fn host_of_port(name: &str) -> Option<&str> {
    Some(names::split_port(name)?.0)
}

/// Whether a name of an identity is a hashed one or a pattern, which leaves open which name it is.
pub fn is_open(name: &str) -> bool {
    name == HASHED || name.contains(['*', '?'])
}

/// A principal that can stand as a name: no wildcard, no port, nothing that a known_hosts line could not
/// hold, no upper case (ssh looks for lower case, so such a principal is nobody's name).
fn is_host_name(principal: &str) -> bool {
    let bad = |c: char| {
        let is_syntax = matches!(c, '*' | '?' | ',' | '!' | '|' | '[' | ']');
        is_syntax || c.is_control() || c.is_whitespace() || c.is_ascii_uppercase()
    };
    !principal.is_empty() && principal.len() <= MAX_PATTERN && !principal.contains(bad)
}

impl Entry {
    pub fn known_key(&self, crypto: &dyn Crypto) -> KnownKey {
        KnownKey {
            marker: self.line.marker,
            algorithm: self.line.algorithm.clone(),
            blob: self.line.key.clone(),
            fingerprint: crypto.fingerprint(&self.line.key),
            place: self.place.clone(),
        }
    }
}
