//! Whether a rule covers a request: three-valued, one matcher after the other.
//!
//! What a rule leaves unsaid never grants more: an allow or ask rule that names no kind covers login
//! and sshsig only, no SHA-1 signature, and no forwarded sshsig; a deny rule covers all of these.

use crate::caller::Caller;
use crate::facts::{ContentFacts, Facts, IntentKind, Moment, cut_user};
use crate::glob::Glob;
use crate::judgement::Verdict;
use crate::rate::{Rate, RateCounter};

use super::Policy;
use super::rule::{CallerPattern, KeyPattern, Rule};
use super::shown_host::ShownHost;

pub use super::rule::Matcher;
pub use super::three_valued::Match;

impl Rule {
    /// The kinds that this rule covers.
    pub fn covers_kind(&self, kind: IntentKind) -> bool {
        match &self.kind {
            Some(kinds) => kinds.contains(&kind),
            None => {
                self.action == Verdict::Deny
                    || matches!(kind, IntentKind::Login | IntentKind::Sshsig)
            }
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
    pub fn covers_forwarded(&self, forwarded: bool, kind: IntentKind) -> bool {
        match &self.forwarded {
            Some(list) => list.contains(&forwarded),
            None => !(forwarded && kind == IntentKind::Sshsig) || self.action == Verdict::Deny,
        }
    }
}

/// Why a rule may cover a request, but not surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Servers may cut the user's name.
    User,
    /// The author or committer is not known.
    Content,
    /// The host is shown, and its name leaves open whether it is the rule's.
    HostName,
    /// The host is not shown well enough.
    Proof,
}

/// A request as the rules of one policy meet it: what all rules would work out again is kept.
pub(super) struct Request<'a> {
    policy: &'a Policy,
    pub facts: &'a Facts,
    moment: &'a Moment,
    rates: &'a RateCounter,
    pub host: ShownHost,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        facts: &'a Facts,
        moment: &'a Moment,
        rates: &'a RateCounter,
    ) -> Self {
        Self {
            policy,
            facts,
            moment,
            rates,
            host: ShownHost::of(policy, facts),
        }
    }

    /// The rule's rate, if the caller has used it up.
    pub(super) fn used_up(&self, rule: &Rule) -> Option<Rate> {
        let (caller, now) = (&self.facts.caller, self.moment.boot);
        rule.rate
            .filter(|rate| !self.rates.has_room(rule.index, caller, *rate, now))
    }

    /// What the rule says now.
    pub(super) fn verdict_of(&self, rule: &Rule) -> Verdict {
        match self.used_up(rule) {
            Some(_) => Verdict::Deny,
            None => rule.action,
        }
    }

    /// The rule's result: the least of its matchers'.
    pub(super) fn result(&self, rule: &Rule) -> Match {
        // First, because it tells most rules for logins apart.
        match self.try_matcher(rule, Matcher::Host) {
            Match::No => Match::No,
            host => host.min(self.result_but_host(rule)),
        }
    }

    /// The rule's result, if the host were the rule's.
    pub(super) fn result_but_host(&self, rule: &Rule) -> Match {
        let mut least = Match::Yes;
        let others = Matcher::ALL.into_iter().filter(|it| *it != Matcher::Host);
        for matcher in others {
            least = least.min(self.try_matcher(rule, matcher));
            if least == Match::No {
                break;
            }
        }
        least
    }

    /// What keeps a rule that may cover this request from covering it surely.
    pub(super) fn doubt(&self, rule: &Rule) -> Doubt {
        if self.facts.kind == IntentKind::Sshsig {
            Doubt::Content
        } else if self.try_matcher(rule, Matcher::Host) != Match::Maybe {
            Doubt::User
        } else if self.host.meets_required_proof {
            Doubt::HostName
        } else {
            Doubt::Proof
        }
    }

    /// Whether only the host keeps a rule from covering this request, and the host could be the rule's.
    pub(super) fn is_possible_host_of(&self, rule: &Rule) -> bool {
        let hosts = rule.host.iter().flatten();
        self.facts.kind == IntentKind::Login
            && self.facts.host.is_some()
            && self.host.is_unnamed()
            && hosts
                .into_iter()
                .any(|pattern| self.host.possibly_is(self.policy, pattern))
            && self.result_but_host(rule) != Match::No
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
                let mut namespace = facts.namespace.iter();
                namespace.any(|name| glob.matches(name))
            }),
            Matcher::Content => any(&rule.content, |proof| {
                facts.kind == IntentKind::Sshsig && *proof == facts.content_proof()
            }),
            Matcher::Author => self.try_mail(&rule.author, |content| content.author.as_deref()),
            Matcher::Committer => {
                self.try_mail(&rule.committer, |content| content.committer.as_deref())
            }
            Matcher::Host => self.try_host(rule),
            Matcher::Forwarded => rule.covers_forwarded(facts.forwarded, facts.kind).into(),
            Matcher::Sha1 => rule.covers_sha1(facts.sha1).into(),
            Matcher::Hours => any(&rule.hours, |hours| hours.contain(self.moment.local_minute)),
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
            IntentKind::Login => is_account(glob, user),
            _ => glob.matches(user).into(),
        };
        patterns.iter().map(is).max().unwrap_or(Match::No)
    }

    /// Content that is not known, or names nobody that we know of, may or may not be a person's.
    fn try_mail(
        &self,
        patterns: &Option<Vec<Glob>>,
        mail: impl Fn(&ContentFacts) -> Option<&[u8]>,
    ) -> Match {
        let Some(patterns) = patterns else {
            return Match::Yes;
        };
        if self.facts.kind != IntentKind::Sshsig {
            return Match::No;
        }
        match self.facts.content.as_ref().and_then(mail) {
            Some(mail) => patterns.iter().any(|glob| glob.matches(mail)).into(),
            None => Match::Maybe,
        }
    }

    fn try_host(&self, rule: &Rule) -> Match {
        let Some(patterns) = &rule.host else {
            // An allow rule that says nothing of the host trusts every host, but not an unknown one.
            let needs_host = rule.action == Verdict::Allow && self.facts.kind == IntentKind::Login;
            return (!needs_host || self.host.meets_required_proof).into();
        };
        if self.facts.kind != IntentKind::Login {
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
            (Self::Qube(glob), Caller::Qube(name))
            | (Self::Sandbox(glob), Caller::Sandbox(name))
            | (Self::Ssh(glob), Caller::Ssh(name)) => glob.matches(name.as_bytes()),
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
