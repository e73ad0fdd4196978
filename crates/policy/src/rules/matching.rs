//! Whether a rule covers a request: three-valued, one matcher after the other.
//!
//! What a rule leaves unsaid never grants more: an allow or ask rule that names no kind covers login
//! and sshsig only, no SHA-1 signature, and no forwarded sshsig; a deny rule covers all of these.

use crate::caller::Caller;
use crate::facts::{Facts, HostIdentity, Kind, Moment, Proof, cut_user};
use crate::glob::Glob;
use crate::judgement::Verdict;
use crate::known_hosts::{ANY, HASHED, host_of_port, is_open};

use super::Policy;
use super::rule::{CallerPattern, Host, HostPattern, KeyPattern, Rule};

/// Ordered so that the least of a rule's matchers is the rule's own result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    No,
    /// The host is not shown well enough to say, or its name or the user's leaves it open.
    Maybe,
    Yes,
}

impl Match {
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }
}

impl From<bool> for Match {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// The matchers, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matcher {
    Qube,
    Keyring,
    Kind,
    Key,
    User,
    Namespace,
    Host,
    Forwarded,
    Sha1,
    Hours,
}

impl Matcher {
    pub const ALL: [Self; 10] = [
        Self::Qube,
        Self::Keyring,
        Self::Kind,
        Self::Key,
        Self::User,
        Self::Namespace,
        Self::Host,
        Self::Forwarded,
        Self::Sha1,
        Self::Hours,
    ];

    /// Comparisons of a word, the host, which tells most rules for logins apart, then the longer ones.
    const CHEAPEST_FIRST: [Self; 10] = [
        Self::Kind,
        Self::Forwarded,
        Self::Sha1,
        Self::Host,
        Self::User,
        Self::Keyring,
        Self::Namespace,
        Self::Qube,
        Self::Key,
        Self::Hours,
    ];

    /// Whether requests of a kind have the fact that this matcher looks at.
    pub fn looks_at(self, kind: Kind) -> bool {
        match self {
            Self::User => matches!(kind, Kind::Login | Kind::Sudo),
            Self::Host => kind == Kind::Login,
            Self::Namespace => kind == Kind::Sshsig,
            _ => true,
        }
    }

    /// The key in a rule.
    pub fn word(self) -> &'static str {
        match self {
            Self::Qube => "qube",
            Self::Keyring => "keyring",
            Self::Kind => "kind",
            Self::Key => "key",
            Self::User => "user",
            Self::Namespace => "namespace",
            Self::Host => "host",
            Self::Forwarded => "forwarded",
            Self::Sha1 => "sha1",
            Self::Hours => "hours",
        }
    }
}

impl Rule {
    /// Whether the rule itself has this matcher.
    pub fn says(&self, matcher: Matcher) -> bool {
        match matcher {
            Matcher::Qube => self.qube.is_some(),
            Matcher::Keyring => self.keyring.is_some(),
            Matcher::Kind => self.kind.is_some(),
            Matcher::Key => self.key.is_some(),
            Matcher::User => self.user.is_some(),
            Matcher::Namespace => self.namespace.is_some(),
            Matcher::Host => self.host.is_some(),
            Matcher::Forwarded => self.forwarded.is_some(),
            Matcher::Sha1 => self.sha1.is_some(),
            Matcher::Hours => self.hours.is_some(),
        }
    }

    /// The kinds that this rule covers.
    pub fn covers_kind(&self, kind: Kind) -> bool {
        match &self.kind {
            Some(kinds) => kinds.contains(&kind),
            None => self.action == Verdict::Deny || matches!(kind, Kind::Login | Kind::Sshsig),
        }
    }

    /// Whether it covers SHA-1 signatures (`true`), or the others (`false`).
    pub fn covers_sha1(&self, sha1: bool) -> bool {
        match &self.sha1 {
            Some(list) => list.contains(&sha1),
            None => !sha1 || self.action == Verdict::Deny,
        }
    }

    /// Whether it covers requests of this kind that come forwarded (`true`), or not.
    pub fn covers_forwarded(&self, forwarded: bool, kind: Kind) -> bool {
        match &self.forwarded {
            Some(list) => list.contains(&forwarded),
            None => !(forwarded && kind == Kind::Sshsig) || self.action == Verdict::Deny,
        }
    }
}

/// Why a rule may cover a request, but not surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Servers may cut the user's name.
    User,
    /// The host is shown, and its name leaves open whether it is the rule's.
    HostName,
    /// The host is not shown well enough.
    Proof,
}

/// A request as the rules of one policy meet it: what all rules would work out again is kept.
pub(super) struct Request<'a> {
    policy: &'a Policy,
    pub facts: &'a Facts,
    local_minute: u16,
    pub host: ShownHost,
}

/// The host of a login, against the policy's `[host.…]` tables.
pub(super) struct ShownHost {
    /// What the login must show for rules to believe its host.
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
        Self {
            open: is_open(name),
            at_a_port: host_of_port(&text).map(str::to_owned),
            text,
        }
    }

    /// A pattern without a port is surely for port 22 only. Whoever denies a host, or wants to be asked about it,
    /// will mean it at other ports as well.
    pub fn is(&self, glob: &Glob) -> Match {
        let at_a_port = || match &self.at_a_port {
            Some(host) => glob.matches(host.as_bytes()),
            None => false,
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
            true if glob.literal().is_some() => Match::No,
            true => Match::Maybe,
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
    fn of(policy: &Policy, facts: &Facts) -> Self {
        let shown = Self::owing(policy, facts.host.as_ref());
        let is_login = facts.kind == Kind::Login && facts.host.is_some();
        Self {
            meets_required_proof: is_login && facts.proof >= shown.required,
            ..shown
        }
    }

    /// What a host owes, before it is seen what it shows.
    fn owing(policy: &Policy, host: Option<&HostIdentity>) -> Self {
        let names: Vec<HostName> = host
            .iter()
            .flat_map(|host| &host.names)
            .map(|name| HostName::new(name))
            .collect();
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
        let required = said.max().unwrap_or(Proof::Proven);
        Self {
            required,
            meets_required_proof: false,
            in_table,
            names,
            possible_names: host
                .iter()
                .flat_map(|host| &host.possible_names)
                .map(|name| HostName::new(name))
                .collect(),
        }
    }

    /// Neither known hosts nor a table of the policy know its key.
    fn is_unnamed(&self) -> bool {
        self.names.is_empty() && self.in_table.iter().all(|is| *is == Match::No)
    }

    /// Whether this unnamed host could be the rule's: met by a key that known hosts do not have of it, or one that
    /// they do not have at all.
    fn possibly_is(&self, policy: &Policy, pattern: &HostPattern) -> bool {
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

    fn is(&self, pattern: &HostPattern, proof: Proof) -> Match {
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
    /// What a login to this host must show before rules believe its host.
    pub fn required_proof(&self, host: &HostIdentity) -> Proof {
        ShownHost::owing(self, Some(host)).required
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(policy: &'a Policy, facts: &'a Facts, moment: &Moment) -> Self {
        Self {
            policy,
            facts,
            local_minute: moment.local_minute,
            host: ShownHost::of(policy, facts),
        }
    }

    /// Tries a rule's matchers in order, shows each to `see`, and stops when that says so.
    /// The rule's result is the least of those seen.
    pub(super) fn try_rule(
        &self,
        rule: &Rule,
        mut see: impl FnMut(Matcher, Match) -> bool,
    ) -> Match {
        let mut least = Match::Yes;
        for matcher in Matcher::ALL {
            let result = self.try_matcher(rule, matcher);
            least = least.min(result);
            if !see(matcher, result) {
                break;
            }
        }
        least
    }

    /// The rule's result, as [`Self::try_rule`] has it for whom no single matcher matters.
    pub(super) fn result(&self, rule: &Rule) -> Match {
        let mut least = Match::Yes;
        for matcher in Matcher::CHEAPEST_FIRST {
            least = least.min(self.try_matcher(rule, matcher));
            if least == Match::No {
                break;
            }
        }
        least
    }

    /// The rule's result, if the host were the rule's.
    pub(super) fn result_but_host(&self, rule: &Rule) -> Match {
        let mut least = Match::Yes;
        for matcher in Matcher::CHEAPEST_FIRST {
            if matcher != Matcher::Host {
                least = least.min(self.try_matcher(rule, matcher));
            }
            if least == Match::No {
                break;
            }
        }
        least
    }

    /// What keeps a rule that may cover this request from covering it surely.
    pub(super) fn doubt(&self, rule: &Rule) -> Doubt {
        if self.try_matcher(rule, Matcher::Host) != Match::Maybe {
            Doubt::User
        } else if self.host.meets_required_proof {
            Doubt::HostName
        } else {
            Doubt::Proof
        }
    }

    /// Whether only the host keeps a rule from covering this request, and the host could be the rule's.
    pub(super) fn could_be_the_host_of(&self, rule: &Rule) -> bool {
        let hosts = rule.host.iter().flatten();
        self.facts.kind == Kind::Login
            && self.facts.host.is_some()
            && self.host.is_unnamed()
            && hosts
                .into_iter()
                .any(|pattern| self.host.possibly_is(self.policy, pattern))
            && Matcher::ALL.into_iter().all(|matcher| {
                matcher == Matcher::Host || self.try_matcher(rule, matcher) != Match::No
            })
    }

    pub(super) fn try_matcher(&self, rule: &Rule, matcher: Matcher) -> Match {
        let facts = self.facts;
        match matcher {
            Matcher::Qube => any(&rule.qube, |pattern| pattern.matches(&facts.caller)),
            Matcher::Keyring => any(&rule.keyring, |glob| {
                glob.matches(facts.keyring.as_str().as_bytes())
            }),
            Matcher::Kind => rule.covers_kind(facts.kind).into(),
            Matcher::Key => any(&rule.key, |pattern| self.is_key(pattern)),
            Matcher::User => self.try_user(rule),
            Matcher::Namespace => any(&rule.namespace, |glob| {
                facts
                    .namespace
                    .as_ref()
                    .is_some_and(|name| glob.matches(name))
            }),
            Matcher::Host => self.try_host(rule),
            Matcher::Forwarded => rule.covers_forwarded(facts.forwarded, facts.kind).into(),
            Matcher::Sha1 => rule.covers_sha1(facts.sha1).into(),
            Matcher::Hours => any(&rule.hours, |hours| hours.contain(self.local_minute)),
        }
    }

    fn try_user(&self, rule: &Rule) -> Match {
        let Some(patterns) = &rule.user else {
            return Match::Yes;
        };
        let Some(user) = &self.facts.user else {
            return Match::No;
        };
        let is = |glob: &Glob| match self.facts.kind {
            Kind::Login => is_account(glob, user),
            _ => glob.matches(user).into(),
        };
        patterns.iter().map(is).max().unwrap_or(Match::No)
    }

    fn try_host(&self, rule: &Rule) -> Match {
        let Some(patterns) = &rule.host else {
            // An allow rule that says nothing of the host trusts every host, but not an unknown one.
            let needs_host = rule.action == Verdict::Allow && self.facts.kind == Kind::Login;
            return (!needs_host || self.host.meets_required_proof).into();
        };
        if self.facts.kind != Kind::Login {
            return Match::No;
        }
        patterns
            .iter()
            .map(|pattern| self.host.is(pattern, self.facts.proof))
            .max()
            .unwrap_or(Match::No)
    }

    fn is_key(&self, pattern: &KeyPattern) -> bool {
        let key = &self.facts.key;
        match pattern {
            KeyPattern::Label(index) => self
                .policy
                .labels
                .get(*index)
                .is_some_and(|label| label.fingerprints.contains(&key.fingerprint)),
            KeyPattern::Fingerprint(fingerprint) => *fingerprint == key.fingerprint,
            KeyPattern::Comment(glob) => glob.matches(&key.comment),
        }
    }
}

impl CallerPattern {
    fn matches(&self, caller: &Caller) -> bool {
        match (self, caller) {
            (Self::Qube(glob), Caller::Qube(name)) | (Self::Ssh(glob), Caller::Ssh(name)) => {
                glob.matches(name.as_bytes())
            }
            (Self::Local(glob), Caller::Local(uid)) => glob.matches(uid.to_string().as_bytes()),
            _ => false,
        }
    }
}

/// Whether a pattern is for the account that a login opens, whatever the server makes of the name.
fn is_account(glob: &Glob, user: &[u8]) -> Match {
    if glob.literal() == Some(user) {
        return Match::Yes;
    }
    let mut fits = cut_user(user).chain([user]).map(|name| glob.matches(name));
    match (fits.clone().all(|fits| fits), fits.any(|fits| fits)) {
        (true, _) => Match::Yes,
        (false, true) => Match::Maybe,
        (false, false) => Match::No,
    }
}

/// A list is "one of"; a matcher that the rule leaves out is met.
fn any<T>(list: &Option<Vec<T>>, matches: impl Fn(&T) -> bool) -> Match {
    list.as_ref()
        .is_none_or(|list| list.iter().any(matches))
        .into()
}
