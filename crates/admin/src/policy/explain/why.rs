//! Why a matcher of a rule came to its result, as a sentence.

use policy::display;
use policy::facts::{Facts, IntentKind, Moment, Proof};
use policy::rules::matching::{Match, Matcher};
use policy::rules::rule::{CallerPattern, HostPattern, Hours, KeyPattern, Rule, clock};
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
                &texts(&rule.key, |pattern| key_text(asked.policy, pattern)),
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
        Matcher::Content | Matcher::Author | Matcher::Committer
            if facts.kind != IntentKind::Sshsig =>
        {
            format!("{} has no {}", a_kind(facts.kind), matcher.word())
        }
        Matcher::Content => format!("the content is {}", facts.content_proof().word()),
        Matcher::Author | Matcher::Committer => {
            let (mail, wanted) = match (matcher, &facts.content) {
                (Matcher::Author, content) => (content.as_ref().map(|c| &c.author), &rule.author),
                (_, content) => (content.as_ref().map(|c| &c.committer), &rule.committer),
            };
            let wanted = texts(wanted, ToString::to_string);
            match mail.and_then(Option::as_ref) {
                Some(mail) => is(&display::ascii(mail, SHOWN), result, &wanted),
                None => format!(
                    "the {} is not known, so it may or may not be {}",
                    matcher.word(),
                    or(&wanted)
                ),
            }
        }
        Matcher::Host => why_host(asked, rule, result),
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
            let now = clock(asked.moment.local_minute);
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

fn why_host(asked: &ExplainedRequest<'_>, rule: &Rule, result: Match) -> String {
    let facts = asked.facts;
    if facts.kind != IntentKind::Login {
        return format!("{} has no host", a_kind(facts.kind));
    }
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
    let wanted: Vec<String> = patterns
        .iter()
        .map(|pattern| host_text(asked.policy, pattern))
        .collect();
    match result {
        Match::Maybe if asked.trace.is_host_shown => {
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

fn key_text(policy: &Policy, pattern: &KeyPattern) -> String {
    match pattern {
        KeyPattern::Label(index) => policy
            .labels()
            .get(*index)
            .map(|label| label.name.clone())
            .unwrap_or_default(),
        KeyPattern::Fingerprint(fingerprint) => fingerprint.to_string(),
        KeyPattern::Comment(glob) => glob.to_string(),
    }
}

fn host_text(policy: &Policy, pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Host(index) => policy
            .hosts()
            .get(*index)
            .map(|host| host.name.clone())
            .unwrap_or_default(),
        HostPattern::Name(glob) => glob.to_string(),
        HostPattern::Unnamed => "unnamed".to_owned(),
        HostPattern::Unproven => "unproven".to_owned(),
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

fn a_kind(kind: IntentKind) -> &'static str {
    match kind {
        IntentKind::Login => "a login",
        IntentKind::Sshsig => "an sshsig",
        IntentKind::Certificate => "a certificate",
        IntentKind::Sudo => "sudo",
        IntentKind::Raw => "raw data",
    }
}
