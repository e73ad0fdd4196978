//! Allowances without a bound, or with less of one than it seems.

use policy::facts::{IntentKind, Proof};
use policy::glob::Glob;
use policy::rules::Problem;
use policy::rules::rule::{CallerPattern, Host, HostPattern, KeyPattern, Rule};
use policy::rules::words::quoted;

use super::coverage::reach;
use super::surroundings::warning;
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

/// What is wrong with an allow rule.
pub(super) fn of_allowance(rule: &Rule) -> Vec<Problem> {
    let bound = unbounded(rule).or_else(|| more_than_signatures(rule));
    let all = [bound, trusts_the_author(rule), silent_on_forwarding(rule)];
    all.into_iter().flatten().collect()
}

/// A rule that holds neither the key nor the use of it to anything.
fn unbounded(rule: &Rule) -> Option<Problem> {
    let mut hosts = rule.host.iter().flatten();
    if hosts.any(|pattern| *pattern == HostPattern::Unproven) {
        let what = "allows logins that show no host: they could be for any server";
        let hint = "keep it for keys that open nothing of worth, or let it ask";
        return Some(warning(rule, what, hint));
    }
    for (kind, what) in [
        (IntentKind::Raw, "raw data"),
        (IntentKind::Certificate, "certificates"),
    ] {
        if rule.kind.iter().flatten().any(|named| *named == kind) {
            let what =
                format!("allows {what} in silence: that can be worth all that the key opens");
            return Some(warning(rule, &what, "let it ask"));
        }
    }
    let is_any_host = |one: &HostPattern| matches!(one, HostPattern::Name(glob) if glob.is_any());
    let is_any_key = |one: &KeyPattern| matches!(one, KeyPattern::Comment(glob) if glob.is_any());
    let is_any_caller = |one: &CallerPattern| match one {
        CallerPattern::Qube(glob) | CallerPattern::Sandbox(glob) => glob.is_any(),
        CallerPattern::Ssh(_) | CallerPattern::Local(_) => false,
    };
    let any_key = leaves_open(&rule.key, is_any_key);
    let any_caller = leaves_open(&rule.qube, is_any_caller);
    let any_use = leaves_open(&rule.host, is_any_host)
        && leaves_open(&rule.user, Glob::is_any)
        && leaves_open(&rule.namespace, Glob::is_any);
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
    let hint = "name a key, a host, a user or a namespace";
    Some(warning(rule, &format!("allows {what}, in silence"), hint))
}

/// Whether the rule does not say it, or one of its patterns fits anything.
fn leaves_open<T>(list: &Option<Vec<T>>, is_any: impl Fn(&T) -> bool) -> bool {
    list.as_ref().is_none_or(|list| list.iter().any(is_any))
}

/// An SSHSIG that is given without asking, in a namespace where it can be worth more than a signature.
fn more_than_signatures(rule: &Rule) -> Option<Problem> {
    let is_git = |list: &Vec<Glob>| list.iter().all(|glob| glob.literal() == Some(GIT));
    let mut reach = reach(rule).into_iter();
    let covers_sshsig = reach.any(|(kind, ..)| kind == IntentKind::Sshsig);
    if !covers_sshsig || rule.namespace.as_ref().is_some_and(is_git) {
        return None;
    }
    let what = "signs data without asking in namespaces where a signature can open more: tools derive decryption keys \
                from one (`file`, `ssh-crypt`), and web sites log people in by one";
    let hint = "say namespace = \"git\" if it is for commits, kind = \"login\" if it is for logins, or let it ask";
    Some(warning(rule, what, hint))
}

/// A rule that trusts what the client writes into a commit.
fn trusts_the_author(rule: &Rule) -> Option<Problem> {
    let word = match (&rule.author, &rule.committer) {
        (Some(_), _) => "author",
        (None, Some(_)) => "committer",
        (None, None) => return None,
    };
    let what = format!(
        "allows by `{word}`, which anybody can write into a commit: it limits accidents, not a hostile qube"
    );
    let hint = "let it ask where a hostile qube could use the key";
    Some(warning(rule, &what, hint))
}

/// A rule that asks, as it does not say what it thinks of forwarded agents.
fn silent_on_forwarding(rule: &Rule) -> Option<Problem> {
    let mut reach = reach(rule).into_iter();
    let asks = reach.any(|(kind, forwarded, _)| forwarded && kind != IntentKind::Sshsig);
    if rule.forwarded.is_some() || !asks {
        return None;
    }
    let what =
        "does not say `forwarded`, so it asks when a request comes through a forwarded agent";
    let hint = "forwarded = false leaves such requests to later rules, [true, false] allows them";
    Some(warning(rule, what, hint))
}
