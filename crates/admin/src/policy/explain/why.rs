//! Why a matcher of a rule came to its result, as a sentence.

use std::fmt::Display;

use policy::display;
use policy::facts::{Facts, IntentKind, Moment, Proof};
use policy::rules::matching::{Match, Matcher};
use policy::rules::rule::{HostPattern, KeyPattern, Rule, clock};
use policy::rules::{JudgementTrace, Policy};

/// Longer values say no more to a person.
const SHOWN: usize = 60;

/// What was asked, and how the rules met it.
pub(super) struct ExplainedRequest<'a> {
    pub policy: &'a Policy,
    pub facts: &'a Facts,
    pub moment: &'a Moment,
    pub trace: &'a JudgementTrace,
}

/// Why a rule's matcher came to its result.
pub(super) fn why(
    asked: &ExplainedRequest<'_>,
    rule: &Rule,
    matcher: Matcher,
    result: Match,
) -> String {
    let facts = asked.facts;
    if !matcher.looks_at(facts.kind) {
        return format!("{} has no {}", a_kind(facts.kind), matcher.word());
    }
    let content = facts.content.as_ref();
    let (value, wanted) = match matcher {
        Matcher::Qube => (facts.caller.to_string(), texts(&rule.qube)),
        Matcher::Keyring => (facts.keyring.to_string(), texts(&rule.keyring)),
        Matcher::Kind if rule.kind.is_none() => {
            return "a rule that names no kind covers login and sshsig only".to_owned();
        }
        Matcher::Kind => {
            let kinds = rule.kind.iter().flatten();
            let words = kinds.map(|kind| kind.word().to_owned());
            (facts.kind.word().to_owned(), words.collect())
        }
        Matcher::Key => {
            let comment = display::ascii(&facts.key.comment, SHOWN);
            let value = format!("{comment} ({})", facts.key.fingerprint);
            let patterns = rule.key.iter().flatten();
            let wanted = patterns.map(|pattern| key_text(asked.policy, pattern));
            (value, wanted.collect())
        }
        Matcher::User => (shown(facts.user.as_ref()), texts(&rule.user)),
        Matcher::Namespace => (shown(facts.namespace.as_ref()), texts(&rule.namespace)),
        Matcher::Author => {
            let author = content.and_then(|content| content.author.as_ref());
            (shown(author), texts(&rule.author))
        }
        Matcher::Committer => {
            let committer = content.and_then(|content| content.committer.as_ref());
            (shown(committer), texts(&rule.committer))
        }
        Matcher::Content => return format!("the content is {}", facts.content_proof().word()),
        Matcher::Host => return why_host(asked, rule, result),
        Matcher::Forwarded if rule.forwarded.is_none() => {
            return "a forwarded sshsig is covered only by a rule that says forwarded = true"
                .to_owned();
        }
        Matcher::Forwarded => return format!("it is {}forwarded", not_if(!facts.forwarded)),
        Matcher::Sha1 if rule.sha1.is_none() => {
            return "a SHA-1 signature is covered only by a rule that says sha1 = true".to_owned();
        }
        Matcher::Sha1 => return format!("it is {}a SHA-1 signature", not_if(!facts.sha1)),
        Matcher::Hours => {
            let now = clock(asked.moment.local_minute);
            let is_within = result == Match::Yes;
            let within = if is_within { "within" } else { "outside" };
            return format!("{now} is {within} {}", texts(&rule.hours).join(", "));
        }
    };
    if result != Match::Maybe {
        return is(&value, result, &wanted);
    }
    let (word, wanted) = (matcher.word(), or(&wanted));
    match matcher {
        Matcher::User => {
            format!(
                "{value} may or may not be {wanted} to the server, which may cut it at `:` or `/`"
            )
        }
        _ => format!("the {word} is not known, so it may or may not be {wanted}"),
    }
}

fn not_if(is_not: bool) -> &'static str {
    if is_not { "not " } else { "" }
}

fn shown(value: Option<&Vec<u8>>) -> String {
    display::ascii(value.map(Vec::as_slice).unwrap_or_default(), SHOWN)
}

fn why_host(asked: &ExplainedRequest<'_>, rule: &Rule, result: Match) -> String {
    let facts = asked.facts;
    let (proof, required) = (facts.proof.word(), asked.trace.required.word());
    let Some(patterns) = &rule.host else {
        return match facts.proof {
            Proof::Unproven => {
                "the host is unproven: to allow that, a rule must say host = \"unproven\""
                    .to_owned()
            }
            _ => format!("the host is only {proof}, and an allow rule needs it {required}"),
        };
    };
    let wanted = patterns.iter().map(|one| host_text(asked.policy, one));
    let wanted: Vec<String> = wanted.collect();
    if result == Match::Maybe {
        let only = match facts.proof {
            Proof::Bound => "only ",
            _ => "",
        };
        let wanted = or(&wanted);
        return match asked.trace.is_host_shown {
            true => format!("the name of the host leaves open whether it is {wanted}"),
            false => format!("the host is {only}{proof}, so it may or may not be {wanted}"),
        };
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

fn key_text(policy: &Policy, pattern: &KeyPattern) -> String {
    let text = match pattern {
        KeyPattern::Label(index) => {
            let label = policy.labels.get(*index);
            label.map(|label| label.name.clone()).unwrap_or_default()
        }
        KeyPattern::Fingerprint(fingerprint) => fingerprint.to_string(),
        KeyPattern::Comment(glob) => glob.to_string(),
    };
    display::ascii(text.as_bytes(), SHOWN)
}

fn host_text(policy: &Policy, pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Host(index) => {
            let host = policy.hosts.get(*index);
            host.map(|host| host.name.clone()).unwrap_or_default()
        }
        HostPattern::Name(glob) => glob.to_string(),
        HostPattern::Unnamed => "unnamed".to_owned(),
        HostPattern::Unproven => "unproven".to_owned(),
    }
}

fn texts<T: Display>(list: &Option<Vec<T>>) -> Vec<String> {
    let texts = list.iter().flatten().map(T::to_string);
    texts
        .map(|text| display::ascii(text.as_bytes(), SHOWN))
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

fn a_kind(kind: IntentKind) -> &'static str {
    match kind {
        IntentKind::Login => "a login",
        IntentKind::Sshsig => "an sshsig",
        IntentKind::Certificate => "a certificate",
        IntentKind::Sudo => "sudo",
        IntentKind::Raw => "raw data",
    }
}
