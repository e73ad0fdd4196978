//! Allowances without a bound, or with less of one than it seems.

use policy::facts::{IntentKind, Proof};
use policy::glob::Glob;
use policy::judgement::Verdict;
use policy::rules::Problem;
use policy::rules::rule::{CallerPattern, Host, HostPattern, KeyPattern, Rule};
use policy::rules::words::quoted;

use super::coverage::reach;
use super::surroundings::subject;
use crate::policy::patterns::caller_key;

/// Signatures in this namespace are what git makes, and nothing else is known to take them.
const GIT: &[u8] = b"git";

/// `proof = "bound"` is for hosts whose private key no qube can have, which nobody can say of all.
pub(super) fn any_host_bound(host: &Host) -> Option<Problem> {
    if host.proof != Some(Proof::Bound) || !host.names.iter().any(Glob::is_any) {
        return None;
    }
    let message = format!(
        "host {} takes bound logins of every host: who holds the private key of any could borrow its rules",
        quoted(&host.name)
    );
    Some(
        Problem::warning(&host.place, message)
            .hint("name the hosts that cannot prove more; `proven` is enough for all others"),
    )
}

/// An allow rule that holds neither the key nor the use of it to anything.
pub(super) fn unbounded(rule: &Rule) -> Option<Problem> {
    if rule.action != Verdict::Allow {
        return None;
    }
    if rule
        .host
        .iter()
        .flatten()
        .any(|pattern| *pattern == HostPattern::Unproven)
    {
        let message = format!(
            "{} allows logins that show no host: they could be for any server",
            subject(rule)
        );
        let hint = "keep it for keys that open nothing of worth, or let it ask";
        return Some(Problem::warning(&rule.place, message).hint(hint));
    }
    let names = |kind| rule.kind.iter().flatten().any(|named| *named == kind);
    for (kind, what) in [
        (IntentKind::Raw, "raw data"),
        (IntentKind::Certificate, "certificates"),
    ] {
        if names(kind) {
            let message = format!(
                "{} allows {what} in silence: that can be worth all that the key opens",
                subject(rule)
            );
            return Some(Problem::warning(&rule.place, message).hint("let it ask"));
        }
    }
    let any = |list: Option<&[Glob]>| list.is_none_or(|list| list.iter().any(Glob::is_any));
    let any_host = rule.host.as_ref().is_none_or(|list| {
        list.iter()
            .any(|pattern| matches!(pattern, HostPattern::Name(glob) if glob.is_any()))
    });
    let any_key = rule.key.as_ref().is_none_or(|list| {
        list.iter()
            .any(|pattern| matches!(pattern, KeyPattern::Comment(glob) if glob.is_any()))
    });
    let any_use = any_host && any(rule.user.as_deref()) && any(rule.namespace.as_deref());
    let any_caller = rule.qube.as_ref().is_none_or(|list| {
        list.iter()
            .any(|pattern| matches!(pattern, CallerPattern::Qube(glob) | CallerPattern::Sandbox(glob) if glob.is_any()))
    });
    let (one, many) = match caller_key(rule) {
        "sandbox" => ("sandbox", "sandboxes"),
        _ => ("qube", "qubes"),
    };
    let what = match (any_use, any_key, any_caller) {
        (true, true, true) => format!("every {one} to use every key for everything"),
        (true, true, false) => format!("its {many} to use every key for everything"),
        (true, false, true) => format!("every {one} to use its keys for everything"),
        _ => return None,
    };
    let message = format!("{} allows {what}, in silence", subject(rule));
    Some(Problem::warning(&rule.place, message).hint("name a key, a host, a user or a namespace"))
}

/// An SSHSIG that is given without asking, in a namespace where it can be worth more than a signature.
pub(super) fn more_than_signatures(rule: &Rule) -> Option<Problem> {
    let is_git = |list: &Vec<Glob>| list.iter().all(|glob| glob.literal() == Some(GIT));
    let covers_sshsig = reach(rule)
        .iter()
        .any(|(kind, ..)| *kind == IntentKind::Sshsig);
    if rule.action != Verdict::Allow
        || !covers_sshsig
        || rule.namespace.as_ref().is_some_and(is_git)
    {
        return None;
    }
    let message = format!(
        "{} signs data without asking in namespaces where a signature can open more: tools derive decryption keys \
         from one (`file`, `ssh-crypt`), and web sites log people in by one",
        subject(rule)
    );
    let hint = "say namespace = \"git\" if it is for commits, kind = \"login\" if it is for logins, or let it ask";
    Some(Problem::warning(&rule.place, message).hint(hint))
}

/// An allow rule that trusts what the client writes into a commit.
pub(super) fn trusts_the_author(rule: &Rule) -> Option<Problem> {
    let word = match (&rule.author, &rule.committer) {
        (Some(_), _) => "author",
        (None, Some(_)) => "committer",
        (None, None) => return None,
    };
    if rule.action != Verdict::Allow {
        return None;
    }
    let message = format!(
        "{} allows by `{word}`, which anybody can write into a commit: it limits accidents, not a hostile qube",
        subject(rule)
    );
    let hint = "let it ask where a hostile qube could use the key";
    Some(Problem::warning(&rule.place, message).hint(hint))
}

/// An allow rule that asks, as it does not say what it thinks of forwarded agents.
pub(super) fn silent_on_forwarding(rule: &Rule) -> Option<Problem> {
    let asks = reach(rule)
        .iter()
        .any(|(kind, forwarded, _)| *forwarded && *kind != IntentKind::Sshsig);
    if rule.action != Verdict::Allow || rule.forwarded.is_some() || !asks {
        return None;
    }
    let message = format!(
        "{} does not say `forwarded`, so it asks when a request comes through a forwarded agent",
        subject(rule)
    );
    let hint = "forwarded = false leaves such requests to later rules, [true, false] allows them";
    Some(Problem::warning(&rule.place, message).hint(hint))
}
