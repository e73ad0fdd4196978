//! The host of a login, as rules meet it: its names in known hosts, and whether it is shown well enough.

use crate::facts::{Facts, HostIdentity, IntentKind, Proof};
use crate::glob::Glob;
use crate::known_hosts::{ANY, HASHED, host_of_any_port, host_of_port, is_open, to_glob};

use super::Policy;
use super::rule::{Host, HostPattern};
use super::three_valued::Match;

/// The host of a login, against the policy's `[host.…]` tables.
pub(super) struct ShownHost {
    /// What the login must show for rules to believe its host, if a table says it.
    said: Option<Proof>,
    /// The same; where no table says it, a proof.
    pub required: Proof,
    /// The login shows that much.
    pub meets_required_proof: bool,
    /// Of each table, whether the host is one of its.
    in_table: Vec<Match>,
    pub names: Vec<HostName>,
    /// Names of others that it could have, see [`HostIdentity::possible_names`].
    possible_names: Vec<HostName>,
}

/// A name in known hosts.
pub(super) struct HostName {
    /// In lower case.
    pub text: String,
    /// A hashed name or a pattern, which leaves open which name it is. Names without wildcards were
    /// tried on it, see [`Policy::literal_host_names`]: they stand beside it if they fit.
    open: bool,
    /// Without its port, if it has one.
    at_a_port: Option<String>,
}

impl HostName {
    fn new(name: &str) -> Self {
        let text = name.to_ascii_lowercase();
        let at_a_port = match is_open(name) {
            true => host_of_any_port(&text),
            false => host_of_port(&text),
        };
        Self {
            open: is_open(name),
            at_a_port: at_a_port.map(str::to_owned),
            text,
        }
    }

    /// A pattern without a port is surely for port 22 only. Whoever denies a host, or wants to be asked about it,
    /// will mean it at other ports as well.
    pub fn is(&self, glob: &Glob) -> Match {
        let at_a_port = || {
            let mut host = self.at_a_port.iter();
            host.any(|host| glob.matches(host.as_bytes()))
        };
        // What was tried has no port.
        let may_be_at_a_port = |name: &[u8]| {
            let host = self.at_a_port.as_ref().and_then(|host| to_glob(host));
            host.is_some_and(|host| host.matches(name))
        };
        match self.open {
            false if glob.matches(self.text.as_bytes()) => Match::Yes,
            false if at_a_port() => Match::Maybe,
            false => Match::No,
            true if glob.is_any() => Match::Yes,
            // Two hashes hide two names; a pattern is itself.
            true if glob.as_str() == self.text => match self.text == HASHED {
                true => Match::Maybe,
                false => Match::Yes,
            },
            true => match glob.literal() {
                Some(name) if !may_be_at_a_port(name) => Match::No,
                _ => Match::Maybe,
            },
        }
    }
}

impl Host {
    fn has(&self, host: &HostIdentity, names: &[HostName]) -> Match {
        if self.keys.contains(&host.fingerprint)
            || host.ca.as_ref().is_some_and(|ca| self.ca.contains(ca))
        {
            return Match::Yes;
        }
        let named = self.names.iter().map(|glob| any_named(glob, names));
        let aliases = self
            .known_hosts_aliases
            .iter()
            .map(|glob| any_named(glob, names).min(Match::Maybe));
        named.chain(aliases).max().unwrap_or(Match::No)
    }
}

impl ShownHost {
    pub fn of(policy: &Policy, facts: &Facts) -> Self {
        let shown = Self::before_proof(policy, facts.host.as_ref());
        let is_login = facts.kind == IntentKind::Login && facts.host.is_some();
        Self {
            meets_required_proof: is_login && facts.proof >= shown.required,
            ..shown
        }
    }

    /// What a host owes, before it is seen what it shows.
    fn before_proof(policy: &Policy, host: Option<&HostIdentity>) -> Self {
        let read = |names: &Vec<String>| names.iter().map(|name| HostName::new(name)).collect();
        let names: Vec<HostName> = host.map(|host| read(&host.names)).unwrap_or_default();
        let in_table: Vec<Match> = policy
            .hosts
            .iter()
            .map(|table| host.map_or(Match::No, |host| table.has(host, &names)))
            .collect();
        // A host that two tables name owes the stricter of what they say; what may not be a table's
        // host owes no less for it.
        let said = policy
            .hosts
            .iter()
            .zip(&in_table)
            .filter_map(|(table, is)| match is {
                Match::Yes => table.proof,
                Match::Maybe => table.proof.filter(|proof| *proof == Proof::Proven),
                Match::No => None,
            });
        let said = said.max();
        Self {
            said,
            required: said.unwrap_or(Proof::Proven),
            meets_required_proof: false,
            in_table,
            names,
            possible_names: host
                .map(|host| read(&host.possible_names))
                .unwrap_or_default(),
        }
    }

    /// Neither known hosts nor a table of the policy know its key.
    pub fn is_unnamed(&self) -> bool {
        self.names.is_empty() && self.in_table.iter().all(|is| *is == Match::No)
    }

    /// Whether this unnamed host could be the rule's: met by a key that known hosts do not have of it, or one that
    /// they do not have at all.
    pub fn possibly_is(&self, policy: &Policy, pattern: &HostPattern) -> bool {
        let any = self.possible_names.iter().any(|name| name.text == ANY);
        // `*` is for hosts with a name; another pattern may mean any number of hosts that nobody has noted.
        let open = |glob: &Glob| glob.literal().is_none() && !glob.is_any();
        let fits =
            |glob: &Glob| any || open(glob) || any_named(glob, &self.possible_names) != Match::No;
        match pattern {
            HostPattern::Name(glob) => fits(glob),
            // A fingerprint does not tell the other keys of its host.
            HostPattern::Host(index) => policy.hosts.get(*index).is_some_and(|table| {
                table.names.iter().any(fits) || !table.keys.is_empty() || !table.ca.is_empty()
            }),
            HostPattern::Unproven | HostPattern::Unnamed => false,
        }
    }

    pub fn is(&self, pattern: &HostPattern, proof: Proof) -> Match {
        match pattern {
            HostPattern::Unproven => (proof == Proof::Unproven).into(),
            _ if !self.meets_required_proof => Match::Maybe,
            HostPattern::Host(index) => self.in_table.get(*index).copied().unwrap_or(Match::No),
            HostPattern::Name(glob) => any_named(glob, &self.names),
            HostPattern::Unnamed => self.is_unnamed().into(),
        }
    }
}

fn any_named(glob: &Glob, names: &[HostName]) -> Match {
    names
        .iter()
        .map(|name| name.is(glob))
        .max()
        .unwrap_or(Match::No)
}

impl Policy {
    /// What a login to this host must show before rules believe its host, if a table says it; else a proof.
    pub fn said_proof(&self, host: &HostIdentity) -> Option<Proof> {
        ShownHost::before_proof(self, Some(host)).said
    }
}
