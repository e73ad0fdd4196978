//! Which keys a qube may see. There is no rule for listing: a key is listed where some rule, or the
//! default, could let it be used, and a key that is not listed cannot sign. So an error here may show
//! a key too many, but must never hide one that could be used.

use crate::caller::{Caller, Keyring};
use crate::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof};
use crate::glob::Glob;
use crate::judgement::Verdict;
use crate::rate::RateCounter;

use super::Policy;
use super::judge::beyond_default;
use super::matching::{Match, Matcher, Request};
use super::rule::{HostPattern, Rule};

/// A connection as far as it has come, and a key that it may be shown.
#[derive(Clone, Copy, Debug)]
pub struct VisibilityQuery<'a> {
    pub caller: &'a Caller,
    pub keyring: &'a Keyring,
    pub key: &'a KeyFacts,
    /// A forwarding bind was seen. While it is not, one may still come.
    pub forwarded: bool,
    /// The bind for the connection's own login, the last that a connection can have.
    pub login_to: Option<LoginTo<'a>>,
}

/// The host of a bind that is not for forwarding.
#[derive(Clone, Copy, Debug)]
pub struct LoginTo<'a> {
    pub host: &'a HostIdentity,
    /// `false` for an unverifiable bind.
    pub verified: bool,
}

/// A hypothetical request; unset facts are wildcards.
struct HypotheticalRequest<'a> {
    request: Request<'a>,
    any_host: bool,
}

impl Policy {
    /// Whether some rule or the default could let the key be used on this connection, now or at
    /// another hour.
    pub fn visible(&self, query: &VisibilityQuery<'_>) -> bool {
        self.mildest(query, Verdict::Ask) != Verdict::Deny
    }

    /// The mildest verdict that a use of the key on this connection could have. A verdict that is as mild as `enough` ends the
    /// search.
    pub fn mildest(&self, query: &VisibilityQuery<'_>, enough: Verdict) -> Verdict {
        let mut rules: Option<Vec<&Rule>> = None;
        let (mut mildest, rates) = (Verdict::Deny, RateCounter::default());
        for (facts, any_host) in &query.hypothetical_requests() {
            let hypothetical = HypotheticalRequest {
                request: Request::new(self, facts, &ANY_MOMENT, &rates),
                any_host: *any_host,
            };
            // Who asks with which key is the same in all of them.
            let rules = rules.get_or_insert_with(|| {
                let fits = |rule: &&Rule| {
                    let mut matchers = [Matcher::Qube, Matcher::Keyring, Matcher::Key].into_iter();
                    matchers.all(|matcher| {
                        hypothetical.request.try_matcher(rule, matcher) == Match::Yes
                    })
                };
                self.rules.iter().filter(fits).collect()
            });
            let verdict = self.mildest_of(&hypothetical, rules, enough);
            mildest = mildest.min(verdict);
            if mildest <= enough {
                break;
            }
        }
        mildest
    }

    fn mildest_of(
        &self,
        hypothetical: &HypotheticalRequest<'_>,
        rules: &[&Rule],
        enough: Verdict,
    ) -> Verdict {
        let host = hypothetical.request.facts.host.as_ref();
        if host.is_some_and(|host| host.revocation.is_some()) {
            return Verdict::Deny;
        }
        let (mut floor, mut mildest) = (Verdict::Allow, Verdict::Deny);
        for rule in rules {
            let (result, surely) = hypothetical.meets(rule);
            match result {
                Match::Yes => {
                    mildest = mildest.min(rule.action.max(floor));
                    if surely || mildest <= enough {
                        return mildest;
                    }
                }
                Match::Maybe if surely => floor = floor.max(rule.action),
                _ => {}
            }
        }
        match beyond_default(hypothetical.request.facts) {
            None => mildest.min(self.default.max(floor)),
            Some(_) => mildest,
        }
    }
}

/// `hours` are left open, so the moment does not matter.
const ANY_MOMENT: Moment = Moment {
    unix: 0,
    local_minute: 0,
    boot: 0,
};

impl VisibilityQuery<'_> {
    /// Every kind of request that this connection could still make, each with whether its host is a wildcard.
    fn hypothetical_requests(&self) -> Vec<(Facts, bool)> {
        let mut requests = Vec::new();
        let mut add = |kind, proof, host: Option<&HostIdentity>, any_host| {
            let sha1_too = self.key.algorithm.contains("rsa");
            for forwarded in [self.forwarded, self.forwarded || self.login_to.is_none()] {
                for sha1 in [false, sha1_too] {
                    let facts = Facts {
                        caller: self.caller.clone(),
                        keyring: self.keyring.clone(),
                        key: self.key.clone(),
                        kind,
                        sha1,
                        user: None,
                        proof,
                        host: host.cloned(),
                        namespace: None,
                        content: None,
                        forwarded,
                    };
                    requests.push((facts, any_host));
                }
            }
        };
        match self.login_to {
            Some(LoginTo { host, verified }) => {
                add(IntentKind::Login, Proof::Proven, Some(host), false);
                match verified {
                    true => add(IntentKind::Login, Proof::Bound, Some(host), false),
                    false => add(IntentKind::Login, Proof::Unproven, None, false),
                }
            }
            None => {
                // A host that is only bound passes nothing that the same host, proven, would not.
                add(IntentKind::Login, Proof::Proven, None, true);
                add(IntentKind::Login, Proof::Unproven, None, false);
                for kind in [
                    IntentKind::Sshsig,
                    IntentKind::Certificate,
                    IntentKind::Sudo,
                    IntentKind::Raw,
                ] {
                    add(kind, Proof::Unproven, None, false);
                }
            }
        }
        requests.dedup();
        requests
    }
}

impl HypotheticalRequest<'_> {
    /// A rule's result, and whether it is the same whatever the open facts turn out to be.
    fn meets(&self, rule: &Rule) -> (Match, bool) {
        let (mut least, mut surely) = (Match::Yes, true);
        for matcher in Matcher::ALL {
            match self.is_open(rule, matcher) {
                true => surely = false,
                false => least = least.min(self.try_matcher(rule, matcher)),
            }
            if least == Match::No {
                break;
            }
        }
        (least, surely)
    }

    /// Whether the rule's matcher takes some values of a fact that is open, and not all.
    fn is_open(&self, rule: &Rule, matcher: Matcher) -> bool {
        let takes_some = |list: &Option<Vec<Glob>>| {
            let list = list.as_ref();
            list.is_some_and(|list| !list.iter().any(Glob::is_any))
        };
        match matcher {
            Matcher::Hours => rule.hours.is_some(),
            Matcher::Host => self.any_host && rule.host.iter().flatten().any(names_host),
            _ if !matcher.looks_at(self.request.facts.kind) => false,
            Matcher::User => takes_some(&rule.user),
            Matcher::Namespace => takes_some(&rule.namespace),
            Matcher::Content | Matcher::Author | Matcher::Committer => rule.says(matcher),
            _ => false,
        }
    }

    /// Of a matcher that is not open.
    fn try_matcher(&self, rule: &Rule, matcher: Matcher) -> Match {
        match matcher {
            // The rule takes any host that is shown, or only what is unproven.
            Matcher::Host if self.any_host => rule.host.is_none().into(),
            Matcher::User | Matcher::Namespace if matcher.looks_at(self.request.facts.kind) => {
                Match::Yes
            }
            _ => self.request.try_matcher(rule, matcher),
        }
    }
}

fn names_host(pattern: &HostPattern) -> bool {
    *pattern != HostPattern::Unproven
}
