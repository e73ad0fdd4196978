//! The policy: rules in a file, a judgement for each request, and the reasons for it.
//!
//! [`Policy::parse`] reads the files, [`Policy::judge`] decides, [`Policy::visible`] says which keys a
//! qube may see, [`Policy::trace`] shows how every rule met a request.

mod aliases;
mod entry;
mod judge;
pub mod judgement;
pub mod matching;
mod pattern;
mod problem;
mod read;
pub mod rule;
mod shown_host;
mod tables;
#[cfg(test)]
mod tests;
mod three_valued;
mod trace;
mod tree;
mod value;
mod visible;
pub mod words;

use std::collections::{BTreeSet, HashSet};

use crate::caller::Caller;
use crate::crypto::{Crypto, Fingerprint};
use crate::judgement::{Place, Verdict};
use crate::known_hosts::{self, KnownHosts};
use crate::qube_color::QubeColor;

pub use judge::DEFAULT_REMEMBER;
pub use problem::{PolicyError, Problem, Severity, Source};
pub use rule::{Host, Label, QubeLook, Rule};
pub use trace::{JudgementTrace, RuleTrace};
pub use visible::{LoginTo, VisibilityQuery};

/// Whether `text` could name a key outside the policy: a fingerprint, or a comment with wildcards.
///
/// # Errors
/// What is wrong with it, and how to write it.
pub fn check_key(text: &str) -> Result<(), (String, String)> {
    let checked = match pattern::is_like_a_fingerprint(text) {
        true => pattern::fingerprint(text).map(drop),
        false => pattern::comment(text).map(drop),
    };
    checked.map_err(|bad| (bad.message, bad.hint))
}

/// A whole policy, ready to judge. The one that says nothing at all denies everything.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What holds where no rule fits: never an allow.
    default: Verdict,
    /// `None` for the shipped policy.
    default_place: Option<Place>,
    pub hosts: Vec<Host>,
    pub labels: Vec<Label>,
    qubes: Vec<QubeLook>,
    pub rules: Vec<Rule>,
}

impl Policy {
    /// What holds where no file was written: every login and every sshsig is asked about.
    pub fn shipped() -> Self {
        Self {
            default: Verdict::Ask,
            ..Self::default()
        }
    }

    /// What holds where no policy could be read.
    pub fn denying_all() -> Self {
        Self::default()
    }

    pub fn default_verdict(&self) -> Verdict {
        self.default
    }

    /// The name that the policy gives a key, to be listed instead of its comment.
    pub fn label(&self, fingerprint: &Fingerprint) -> Option<&str> {
        let label = self
            .labels
            .iter()
            .find(|label| label.fingerprints.contains(fingerprint))?;
        Some(&label.name)
    }

    /// The colour that the policy gives a qube.
    pub fn color_of(&self, caller: &Caller) -> Option<QubeColor> {
        let Caller::Qube(name) = caller else {
            return None;
        };
        let look = self.qubes.iter().find(|qube| qube.name == *name)?;
        Some(look.color)
    }

    /// A key that has this label.
    pub fn labelled(&self, name: &str) -> Option<&Fingerprint> {
        let label = self.labels.iter().find(|label| label.name == name)?;
        label.fingerprints.first()
    }

    /// Gives the tables that name hosts by keys or authorities what known hosts call these. A server has several
    /// keys, and a client chooses which one it meets, or the plain key instead of the certificate.
    #[must_use]
    pub fn with_known_hosts(mut self, known: &KnownHosts, crypto: &dyn Crypto) -> Self {
        let tables = self.hosts.iter();
        let keys = tables.flat_map(|host| host.keys.iter().chain(&host.ca));
        let keys: HashSet<Fingerprint> = keys.cloned().collect();
        if keys.is_empty() {
            return self;
        }
        let tries = self.literal_host_names();
        let names = known.names_by_fingerprint(&keys, &tries, crypto);
        for host in &mut self.hosts {
            let keys = host.keys.iter().chain(&host.ca);
            let called = keys.filter_map(|key| names.get(key)).flatten();
            host.known_hosts_aliases = called
                .filter_map(|name| known_hosts::to_glob(name))
                .collect();
        }
        self
    }

    /// Every host name that the policy spells out or was given by [`Policy::with_known_hosts`], in lower case, without
    /// patterns: to be tried against hashed known hosts, which tell a name only to those who know it.
    pub fn literal_host_names(&self) -> Vec<String> {
        let in_rules = self
            .rules
            .iter()
            .flat_map(|rule| rule.host.iter().flatten())
            .filter_map(|pattern| match pattern {
                rule::HostPattern::Name(glob) => Some(glob),
                _ => None,
            });
        let in_hosts = self
            .hosts
            .iter()
            .flat_map(|host| host.names.iter().chain(&host.known_hosts_aliases));
        let literal = in_hosts
            .chain(in_rules)
            .filter_map(|glob| std::str::from_utf8(glob.literal()?).ok())
            .filter(|name| *name != known_hosts::HASHED);
        let names: BTreeSet<String> = literal.map(str::to_owned).collect();
        names.into_iter().collect()
    }
}
