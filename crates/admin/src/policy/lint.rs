//! What was surely not meant: rules that can never decide, names that lead nowhere, allowances
//! without a bound. Warnings, not errors: the policy still judges.

mod bounds;
mod coverage;
mod names;
mod shared_keys;
mod surroundings;
#[cfg(test)]
mod tests;

use policy::judgement::Verdict;
use policy::rules::{Policy, Problem};

pub use surroundings::Surroundings;

/// Warnings in the order of the rules.
pub fn lint(policy: &Policy, surroundings: &Surroundings) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for host in &policy.hosts {
        warnings.extend(names::host_without_keys(host, surroundings));
        warnings.extend(bounds::any_host_bound(host));
    }
    for label in &policy.labels {
        warnings.extend(names::label_without_key(label, surroundings));
    }
    for rule in &policy.rules {
        warnings.extend(coverage::unreachable(policy, rule));
        if rule.action == Verdict::Allow {
            warnings.extend(bounds::of_allowance(rule));
        }
        warnings.extend(names::leads_nowhere(policy, rule, surroundings));
        for key in surroundings.shared_keys.iter().flatten() {
            warnings.extend(shared_keys::other_names(policy, rule, key));
        }
    }
    warnings
}
