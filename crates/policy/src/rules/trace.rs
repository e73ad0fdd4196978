//! How every rule met a request, by the same matching that judges. The sentences are the tools'.

use crate::facts::{Facts, Moment, Proof};
use crate::judgement::{Judgement, RuleRef, Verdict};
use crate::rate::RateCounter;

use super::Policy;
use super::matching::{Match, Matcher, Request};

/// A judgement, and each rule's part in it.
#[derive(Debug)]
pub struct JudgementTrace {
    pub judgement: Judgement,
    pub rules: Vec<RuleTrace>,
    /// What a login to this host must show before rules believe the host.
    pub required: Proof,
    /// It shows that much.
    pub is_host_shown: bool,
}

#[derive(Clone, Debug)]
pub struct RuleTrace {
    pub rule: RuleRef,
    pub action: Verdict,
    pub result: Match,
    /// No rule before this one had decided.
    pub reached: bool,
    /// What the rule says, and what stands against it though it does not say so.
    pub matchers: Vec<(Matcher, Match)>,
}

impl Policy {
    /// Judges a request as [`Policy::judge`] does with no rate used up, and tells of every rule how
    /// it met the request.
    pub fn trace(&self, facts: &Facts, moment: &Moment) -> JudgementTrace {
        let rates = RateCounter::default();
        let request = Request::new(self, facts, moment, &rates);
        let mut reached = true;
        let rules = self.rules.iter().map(|rule| {
            let result = request.result(rule);
            let matchers =
                Matcher::ALL.map(|matcher| (matcher, request.try_matcher(rule, matcher)));
            let is_told = |(matcher, result): &_| rule.says(*matcher) || *result != Match::Yes;
            let trace = RuleTrace {
                rule: rule.to_ref(),
                action: rule.action,
                result,
                reached,
                matchers: matchers.into_iter().filter(is_told).collect(),
            };
            reached &= result != Match::Yes;
            trace
        });
        JudgementTrace {
            rules: rules.collect(),
            judgement: self.judge(facts, moment, &rates),
            required: request.host.required,
            is_host_shown: request.host.meets_required_proof,
        }
    }
}
