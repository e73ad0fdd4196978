//! Every rule's why and why not, by the same matching that judges.

use crate::display;
use crate::facts::{Facts, Kind, Moment, Proof};
use crate::judgement::{Judgement, RuleRef, Verdict};
use crate::rate::Ledger;

use super::Policy;
use super::matching::{Match, Matcher, Request};
use super::rule::{CallerPattern, HostPattern, Hours, KeyPattern, Rule};

/// Longer values say no more to a person.
const SHOWN: usize = 60;

/// A judgement, and each rule's part in it.
#[derive(Debug)]
pub struct Explanation {
    pub judgement: Judgement,
    pub rules: Vec<RuleTrace>,
}

#[derive(Clone, Debug)]
pub struct RuleTrace {
    pub rule: RuleRef,
    pub action: Verdict,
    pub result: Match,
    /// No rule before this one had decided.
    pub reached: bool,
    /// What the rule says, and what stands against it though it does not say so.
    pub matchers: Vec<MatcherTrace>,
}

#[derive(Clone, Debug)]
pub struct MatcherTrace {
    pub matcher: Matcher,
    pub result: Match,
    /// One sentence for people.
    pub why: String,
}

impl Policy {
    /// Judges a request as [`Policy::judge`] does with no rate used up, and tells of every rule how
    /// it met the request.
    pub fn explain(&self, facts: &Facts, moment: &Moment) -> Explanation {
        let request = Request::new(self, facts, moment);
        let mut reached = true;
        let rules = self.rules.iter().map(|rule| {
            let mut matchers = Vec::new();
            let result = request.try_rule(rule, |matcher, result| {
                if says(rule, matcher) || result != Match::Yes {
                    let why = self.why(rule, matcher, result, &request, moment);
                    matchers.push(MatcherTrace {
                        matcher,
                        result,
                        why,
                    });
                }
                true
            });
            let trace = RuleTrace {
                rule: rule.to_ref(),
                action: rule.action,
                result,
                reached,
                matchers,
            };
            reached &= result != Match::Yes;
            trace
        });
        Explanation {
            rules: rules.collect(),
            judgement: self.judge(facts, moment, &Ledger::default()),
        }
    }

    fn why(
        &self,
        rule: &Rule,
        matcher: Matcher,
        result: Match,
        request: &Request<'_>,
        moment: &Moment,
    ) -> String {
        let facts = request.facts;
        match matcher {
            Matcher::Qube => is(
                &facts.caller.to_string(),
                result,
                &texts(&rule.qube, CallerPattern::to_string),
            ),
            Matcher::Keyring => is(
                facts.keyring.as_str(),
                result,
                &texts(&rule.keyring, ToString::to_string),
            ),
            Matcher::Kind if rule.kind.is_none() => {
                "a rule that names no kind covers login and sshsig only".to_owned()
            }
            Matcher::Kind => is(
                facts.kind.word(),
                result,
                &texts(&rule.kind, |kind| kind.word().to_owned()),
            ),
            Matcher::Key => {
                let comment = display::ascii(&facts.key.comment, SHOWN);
                let key = format!("{comment} ({})", facts.key.fingerprint);
                is(
                    &key,
                    result,
                    &texts(&rule.key, |pattern| self.key_text(pattern)),
                )
            }
            Matcher::User => match &facts.user {
                Some(user) if result == Match::Maybe => format!(
                    "{} may or may not be {} to the server, which may cut it at `:` or `/`",
                    display::ascii(user, SHOWN),
                    or(&texts(&rule.user, ToString::to_string))
                ),
                Some(user) => is(
                    &display::ascii(user, SHOWN),
                    result,
                    &texts(&rule.user, ToString::to_string),
                ),
                None => format!("{} has no user", a_kind(facts.kind)),
            },
            Matcher::Namespace => match &facts.namespace {
                Some(name) => is(
                    &display::ascii(name, SHOWN),
                    result,
                    &texts(&rule.namespace, ToString::to_string),
                ),
                None => format!("{} has no namespace", a_kind(facts.kind)),
            },
            Matcher::Host => self.why_host(rule, result, request),
            Matcher::Forwarded if rule.forwarded.is_none() => {
                "a forwarded sshsig is covered only by a rule that says forwarded = true".to_owned()
            }
            Matcher::Forwarded => format!(
                "it is {}forwarded",
                if facts.forwarded { "" } else { "not " }
            ),
            Matcher::Sha1 if rule.sha1.is_none() => {
                "a SHA-1 signature is covered only by a rule that says sha1 = true".to_owned()
            }
            Matcher::Sha1 => format!(
                "it is {}a SHA-1 signature",
                if facts.sha1 { "" } else { "not " }
            ),
            Matcher::Hours => {
                let now = clock(moment.local_minute);
                let hours = texts(&rule.hours, Hours::to_string).join(", ");
                format!(
                    "{now} is {} {hours}",
                    if result == Match::Yes {
                        "within"
                    } else {
                        "outside"
                    }
                )
            }
        }
    }

    fn why_host(&self, rule: &Rule, result: Match, request: &Request<'_>) -> String {
        let facts = request.facts;
        if facts.kind != Kind::Login {
            return format!("{} has no host", a_kind(facts.kind));
        }
        let (proof, required) = (facts.proof.word(), request.host.required.word());
        let Some(patterns) = &rule.host else {
            return match facts.proof {
                Proof::Unproven => {
                    "the host is unproven: to allow that, a rule must say host = \"unproven\""
                        .to_owned()
                }
                _ => format!("the host is only {proof}, and an allow rule needs it {required}"),
            };
        };
        let wanted: Vec<String> = patterns
            .iter()
            .map(|pattern| self.host_text(pattern))
            .collect();
        match result {
            Match::Maybe if request.host.meets_required_proof => {
                return format!(
                    "the name of the host leaves open whether it is {}",
                    or(&wanted)
                );
            }
            Match::Maybe => {
                let only = if facts.proof == Proof::Bound {
                    "only "
                } else {
                    ""
                };
                return format!(
                    "the host is {only}{proof}, so it may or may not be {}",
                    or(&wanted)
                );
            }
            Match::No | Match::Yes => {}
        }
        let Some(host) = &facts.host else {
            return is("an unproven host", result, &wanted);
        };
        let name = match host.names.as_slice() {
            [] => "an unnamed host".to_owned(),
            names => display::ascii(names.join(", ").as_bytes(), SHOWN),
        };
        format!("{} ({proof})", is(&name, result, &wanted))
    }

    fn key_text(&self, pattern: &KeyPattern) -> String {
        match pattern {
            KeyPattern::Label(index) => self
                .labels
                .get(*index)
                .map(|label| label.name.clone())
                .unwrap_or_default(),
            KeyPattern::Fingerprint(fingerprint) => fingerprint.to_string(),
            KeyPattern::Comment(glob) => glob.to_string(),
        }
    }

    pub(super) fn host_text(&self, pattern: &HostPattern) -> String {
        match pattern {
            HostPattern::Host(index) => self
                .hosts
                .get(*index)
                .map(|host| host.name.clone())
                .unwrap_or_default(),
            HostPattern::Name(glob) => glob.to_string(),
            HostPattern::Unnamed => "unnamed".to_owned(),
            HostPattern::Unproven => "unproven".to_owned(),
        }
    }
}

/// Whether the rule itself has this matcher.
pub(super) fn says(rule: &Rule, matcher: Matcher) -> bool {
    match matcher {
        Matcher::Qube => rule.qube.is_some(),
        Matcher::Keyring => rule.keyring.is_some(),
        Matcher::Kind => rule.kind.is_some(),
        Matcher::Key => rule.key.is_some(),
        Matcher::User => rule.user.is_some(),
        Matcher::Namespace => rule.namespace.is_some(),
        Matcher::Host => rule.host.is_some(),
        Matcher::Forwarded => rule.forwarded.is_some(),
        Matcher::Sha1 => rule.sha1.is_some(),
        Matcher::Hours => rule.hours.is_some(),
    }
}

fn texts<T>(list: &Option<Vec<T>>, text: impl Fn(&T) -> String) -> Vec<String> {
    list.iter()
        .flatten()
        .map(|item| display::ascii(text(item).as_bytes(), SHOWN))
        .collect()
}

fn is(value: &str, result: Match, wanted: &[String]) -> String {
    match (result, wanted) {
        (Match::No, [one]) => format!("{value} is not {one}"),
        (Match::No, _) => format!("{value} is none of {}", wanted.join(", ")),
        (_, [one]) if one == value => value.to_owned(),
        (_, [one]) => format!("{value} is {one}"),
        _ => format!("{value} is one of {}", wanted.join(", ")),
    }
}

fn or(wanted: &[String]) -> String {
    match wanted {
        [one] => one.clone(),
        _ => format!("one of {}", wanted.join(", ")),
    }
}

fn a_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Login => "a login",
        Kind::Sshsig => "an sshsig",
        Kind::Certificate => "a certificate",
        Kind::Sudo => "sudo",
        Kind::Raw => "raw data",
    }
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", clock(self.from), clock(self.to))
    }
}

impl std::fmt::Display for CallerPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Qube(glob) => write!(f, "{glob}"),
            Self::Ssh(glob) => write!(f, "ssh:{glob}"),
            Self::Local(glob) => write!(f, "local:{glob}"),
        }
    }
}
