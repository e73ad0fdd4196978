//! The judgement: the first rule that surely covers the request, made no milder than any deny or ask
//! rule before it that might have.

use crate::caller::Caller;
use crate::facts::{Facts, IntentKind, Moment, Proof, Revocation};
use crate::judgement::{Judgement, Remember, Verdict};
use crate::rate::RateCounter;

use super::Policy;
use super::matching::{Doubt, Match, Matcher, Request};
use super::rule::{HostPattern, Rule};

/// The longest that a prompt may offer to remember where the rule, or the default, does not say.
pub const DEFAULT_REMEMBER: u64 = 15 * 60;

/// How the rules met a request, before it is put into words.
#[derive(Default)]
struct MetRules<'p> {
    /// The first that surely covers it; none: the default decides.
    decided: Option<&'p Rule>,
    /// The strictest of those before that ask or deny and might cover it, and what it says now.
    floor: Option<(&'p Rule, Verdict)>,
    /// The first that would allow it and only might cover it.
    missed: Option<&'p Rule>,
    /// The first that asks or denies for a host that this unnamed one could be.
    unnamed: Option<&'p Rule>,
}

impl Policy {
    /// Judges one request. `rates` tells which rates are used up; it is not changed: what was decided
    /// is counted by [`Policy::count`], under the same lock.
    pub fn judge(&self, facts: &Facts, moment: &Moment, rates: &RateCounter) -> Judgement {
        let revocation = facts.host.as_ref().map(|host| host.revocation);
        if let Some(denial) = revocation.and_then(by_revocation) {
            return denial;
        }
        let request = Request::new(self, facts, moment, rates);
        let met = self.meet_rules(&request);
        let judgement = match met.decided {
            Some(rule) => {
                let judgement = request.by_rule(rule);
                match self.rule_for_other_name(&request, rule, judgement.verdict) {
                    Some((other, name)) => no_milder(judgement, request.by_rule(other), |reason| {
                        format!("known hosts give the same host key to {name}, for which {reason}")
                    }),
                    None => judgement,
                }
            }
            None => self.by_default(&request, met.missed),
        };
        let judgement = match met.unnamed {
            Some(rule) if judgement.verdict != Verdict::Deny => by_unnamed(rule, judgement),
            _ => judgement,
        };
        match met.floor {
            Some((rule, _)) => no_milder(judgement, request.by_rule(rule), |reason| {
                let shown = request.what_is_open(rule);
                format!("{shown} could be one for which {reason}")
            }),
            None => judgement,
        }
    }

    fn meet_rules(&self, request: &Request<'_>) -> MetRules<'_> {
        let mut met = MetRules::default();
        for rule in &self.rules {
            match request.result(rule) {
                Match::Yes => {
                    met.decided = Some(rule);
                    break;
                }
                Match::Maybe if rule.action == Verdict::Allow => {
                    met.missed = met.missed.or(Some(rule));
                }
                Match::Maybe => {
                    let verdict = request.verdict_of(rule);
                    if met.floor.is_none_or(|(_, floor)| verdict > floor) {
                        met.floor = Some((rule, verdict));
                    }
                }
                Match::No if rule.action != Verdict::Allow && request.is_possible_host_of(rule) => {
                    met.unnamed = met.unnamed.or(Some(rule));
                }
                Match::No => {}
            }
        }
        met
    }

    /// Counts a judgement against its rule's rate.
    pub fn count(
        &self,
        judgement: &Judgement,
        caller: &Caller,
        moment: &Moment,
        rates: &mut RateCounter,
    ) {
        let rule = judgement
            .rule
            .as_ref()
            .and_then(|rule| self.rules.get(rule.index));
        if let (Some(rule), true) = (rule, judgement.verdict != Verdict::Deny) {
            if let Some(rate) = rule.rate {
                rates.count(rule.index, caller, rate, moment.boot);
            }
        }
    }

    fn by_default(&self, request: &Request<'_>, missed: Option<&Rule>) -> Judgement {
        let facts = request.facts;
        if let Some(what) = beyond_default(facts) {
            return Judgement::denial(format!(
                "no rule covers this, and the default never covers {what}"
            ));
        }
        let does = match self.default {
            Verdict::Deny => "denies",
            _ => "asks",
        };
        let reason = match missed {
            Some(rule) => {
                let doubt = match request.doubt(rule) {
                    Doubt::User => "may or may not mean the user".to_owned(),
                    Doubt::Content => "needs to know the author or committer".to_owned(),
                    Doubt::HostName => "may or may not mean the host".to_owned(),
                    Doubt::Proof => {
                        format!("would need a host that is {}", request.host.required.word())
                    }
                };
                format!("{} {doubt}, and the default {does}", rule.called())
            }
            None => format!("no rule covers this, and the default {does}"),
        };
        Judgement {
            verdict: self.default,
            remember: remember(self.default, None, request),
            ..Judgement::denial(reason)
        }
    }
}

/// What only a rule can cover, if the request is such.
pub(super) fn beyond_default(facts: &Facts) -> Option<&'static str> {
    match facts.kind {
        IntentKind::Certificate => return Some("certificates"),
        IntentKind::Sudo => return Some("sudo"),
        IntentKind::Raw => return Some("raw data"),
        IntentKind::Sshsig if facts.forwarded => return Some("forwarded sshsig"),
        IntentKind::Login | IntentKind::Sshsig => {}
    }
    facts.sha1.then_some("SHA-1 signatures")
}

/// No rule can allow what known hosts revoke, or may revoke.
fn by_revocation(revocation: Revocation) -> Option<Judgement> {
    let reason = match revocation {
        Revocation::None => return None,
        Revocation::Revoked => "the host key is marked as revoked in known hosts",
        Revocation::Unreadable => {
            "a @revoked line of known hosts that cannot be read could revoke this host; \
             `split-ssh hosts list` in the vault names it"
        }
    };
    Some(Judgement::denial(reason))
}

impl Request<'_> {
    fn by_rule(&self, rule: &Rule) -> Judgement {
        let facts = self.facts;
        let called = rule.called();
        let (verdict, reason) = match (self.used_up(rule), rule.action) {
            (Some(rate), _) => (
                Verdict::Deny,
                format!(
                    "limit: {called} gives {rate}, and {} has used it up",
                    facts.caller
                ),
            ),
            (None, Verdict::Allow) if facts.forwarded && rule.forwarded.is_none() => (
                Verdict::Ask,
                format!(
                    "{called} allows it, but does not say `forwarded`, so what comes through a forwarded agent is asked about; \
                     forwarded = [true, false] in the rule allows both"
                ),
            ),
            (None, Verdict::Allow) => (Verdict::Allow, format!("{called} allows it")),
            (None, Verdict::Ask) => (Verdict::Ask, format!("{called} asks")),
            (None, Verdict::Deny) => (Verdict::Deny, format!("{called} denies it")),
        };
        Judgement {
            verdict,
            reason,
            rule: Some(rule.to_ref()),
            remember: remember(verdict, Some(rule), self),
            notify: rule.notify,
            log_content: rule.log_content,
            signatures: rule.signatures,
        }
    }

    /// What leaves open whether a rule covers the request, as the beginning of a sentence.
    fn what_is_open(&self, rule: &Rule) -> &'static str {
        match (self.doubt(rule), self.facts.proof) {
            (Doubt::User, _) => "servers may cut the user's name at `:` or `/`; it",
            (Doubt::Content, _) => "the author or committer is not known; it",
            (Doubt::HostName, _) => "the name of the host leaves open which it is; it",
            (Doubt::Proof, Proof::Unproven) => "the host is unproven and",
            (Doubt::Proof, _) => "the host is only bound and",
        }
    }
}

/// A judgement that is no milder than `other`, the word of a rule that asks or denies and may be for this request as
/// well. It is not remembered: an approval of the one would hold for the other.
fn no_milder(
    judgement: Judgement,
    other: Judgement,
    reason: impl FnOnce(&str) -> String,
) -> Judgement {
    if other.verdict <= judgement.verdict {
        return Judgement {
            remember: Remember::Never,
            ..judgement
        };
    }
    Judgement {
        reason: reason(&other.reason),
        remember: Remember::Never,
        notify: other.notify || judgement.notify,
        signatures: other.signatures.min(judgement.signatures),
        ..other
    }
}

/// A host that shows a key of another type than is known of it, or its plain key instead of its
/// certificate, has no name here. It could be the host of a rule that denies or asks, so that nothing is
/// allowed past that rule without a person's look.
fn by_unnamed(rule: &Rule, judgement: Judgement) -> Judgement {
    Judgement {
        verdict: Verdict::Ask,
        reason: format!(
            "the host is unnamed and could be the one of {}, met by a key that known hosts do not have",
            rule.called()
        ),
        remember: Remember::Never,
        ..judgement
    }
}

/// What a prompt may offer. An approval is an allow without a question, so it needs what an
/// allow rule needs: a host that is shown, or a rule that says `host = "unproven"`.
fn remember(verdict: Verdict, rule: Option<&Rule>, request: &Request<'_>) -> Remember {
    if verdict != Verdict::Ask {
        return Remember::Never;
    }
    let facts = request.facts;
    let says_unproven = |rule: &Rule| {
        let named = rule
            .host
            .iter()
            .flatten()
            .any(|pattern| *pattern == HostPattern::Unproven);
        named && request.try_matcher(rule, Matcher::Host) == Match::Yes
    };
    if facts.kind == IntentKind::Login
        && !request.host.meets_required_proof
        && !rule.is_some_and(says_unproven)
    {
        return Remember::Never;
    }
    let unsaid = match facts.kind {
        IntentKind::Login | IntentKind::Sshsig => Remember::UpTo(DEFAULT_REMEMBER),
        // Each of these can be worth a whole machine.
        IntentKind::Certificate | IntentKind::Sudo | IntentKind::Raw => Remember::Never,
    };
    rule.and_then(|rule| rule.remember).unwrap_or(unsaid)
}
