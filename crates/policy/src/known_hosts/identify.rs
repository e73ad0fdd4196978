//! What the lines call a host key, and what they say of a host that has no name by this key.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::index::{Entry, KnownHosts};
use super::line::{Line, Marker};
use super::names::{self, ANY, HASHED, Names, is_open, normalise};
use crate::crypto::{Crypto, Fingerprint};
use crate::facts::{HostIdentity, Revocation};
use crate::glob::{Glob, MAX_PATTERN};
use crate::host_certificate;

use wire::key::PublicKey;

/// Names that an unnamed host could have, kept in each of its records: a line of the log stays short.
const MAX_POSSIBLE_NAMES: usize = 32;

impl KnownHosts {
    /// Names a host key: by names, by the patterns of wildcard lines, or as [`HASHED`]. `tries` are names that the policy mentions, `host` or `[host]:port`; `unix` is now.
    ///
    /// A certificate gives the names that its authority is trusted for. The plain key inside it is looked
    /// up as well, whatever became of the certificate, because ssh falls back to it (`sshkey_drop_cert`),
    /// and because the bind's signature proves that key, not the certificate. `ca` says who signed a good
    /// certificate, known here or not.
    pub fn identify(
        &self,
        host_key: &PublicKey<'_>,
        tries: &[String],
        crypto: &dyn Crypto,
        unix: u64,
    ) -> HostIdentity {
        let literal = tries.iter().filter(|name| !name.contains(['*', '?']));
        let tries: Vec<String> = literal.map(|name| normalise(name)).collect();
        let blob = host_key.plain_blob();
        let mut names = self.names_of_key(&blob, &tries, crypto);
        let mut ca = None;
        let certificate = host_key.certificate();
        if let Some(good) = certificate.and_then(|it| host_certificate::check(it, crypto, unix)) {
            ca = Some(crypto.fingerprint(good.authority));
            names.extend(self.names_by_authority(good.authority, &good.principals, &tries, crypto));
        }
        let possible_names = match names.is_empty() {
            true => self.without_key_of(host_key.plain().algorithm(), &tries, crypto),
            false => Vec::new(),
        };
        let (open, full): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_open(name));
        let names = [full, open].concat();
        HostIdentity {
            fingerprint: crypto.fingerprint(&blob),
            algorithm: host_key.plain().algorithm().to_owned(),
            ca,
            possible_names,
            revocation: self.revocation(host_key, &blob, &names, crypto),
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
        let certified = principals.iter().filter_map(|name| names::glob(name));
        let certified: Vec<Glob> = certified.collect();
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
            for host in principals.iter().filter(|name| is_host_name(name)) {
                ask(host);
                let ports = line.names.ports();
                ports.for_each(|port| ask(&format!("[{host}]:{port}")));
            }
            line.names.literals().for_each(&mut ask);
            tries.iter().map(String::as_str).for_each(&mut ask);
        }
        found
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
        let lines = self.entries_for(name, crypto).into_iter();
        lines
            .map(|entry| &entry.line)
            .filter(|line| line.marker == Marker::Plain)
            .map(|line| line.algorithm.clone())
            .collect()
    }

    /// What the `@revoked` lines say of a host that showed this key, whose plain blob is `plain`, and has these names.
    fn revocation(
        &self,
        host_key: &PublicKey<'_>,
        plain: &[u8],
        names: &[String],
        crypto: &dyn Crypto,
    ) -> Revocation {
        let certificate = host_key.certificate();
        if self.is_revoked(plain)
            || certificate.is_some_and(|shown| self.is_revoked(shown.signature_key))
        {
            return Revocation::Revoked;
        }
        let mut unreadable = self.unreadable.iter();
        if unreadable.any(|line| line.may_be_about(names, crypto))
            || (host_key.is_unread_certificate() && self.has_revocations())
        {
            return Revocation::Unreadable;
        }
        Revocation::None
    }
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
