//! How the patterns of two rules stand to each other, and by which key a rule names its callers.

use policy::glob::Glob;
use policy::rules::rule::{CallerPattern, Rule};

/// Whether `one` surely matches all that `other` matches; `false` may mean "not seen".
pub(super) fn covers(one: &Glob, other: &Glob) -> bool {
    one.is_any() || one == other || other.literal().is_some_and(|text| one.matches(text))
}

/// What both name, if they are patterns for the same kind of caller.
pub(super) fn of_one_kind<'a>(
    one: &'a CallerPattern,
    other: &'a CallerPattern,
) -> Option<(&'a Glob, &'a Glob)> {
    match (one, other) {
        (CallerPattern::Qube(a), CallerPattern::Qube(b))
        | (CallerPattern::Sandbox(a), CallerPattern::Sandbox(b))
        | (CallerPattern::Ssh(a), CallerPattern::Ssh(b))
        | (CallerPattern::Local(a), CallerPattern::Local(b)) => Some((a, b)),
        _ => None,
    }
}

/// The key by which a rule names its callers.
pub(super) fn caller_key(rule: &Rule) -> &'static str {
    match rule.qube.as_deref() {
        Some([CallerPattern::Sandbox(_), ..]) => "sandbox",
        _ => "qube",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covering_is_never_claimed_wrongly() {
        let covers = |a: &str, b: &str| covers(&Glob::new(a).unwrap(), &Glob::new(b).unwrap());
        assert!(covers("*", "work-*") && covers("work-*", "work-dev") && covers("a?", "a?"));
        assert!(!covers("work-*", "*") && !covers("a", "a*") && !covers("\\*", "x"));
    }
}
