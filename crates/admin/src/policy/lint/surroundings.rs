//! What the warnings look at beside the policy, and how they call a rule.

use super::shared_keys::SharedKey;
use policy::facts::KeyFacts;
use policy::rules::rule::Rule;

/// What the vault knows beside the policy. What is not known is not complained about.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Whether known hosts have a key for a name.
    pub knows_host: Option<&'a dyn Fn(&str) -> bool>,
    /// All keys of all keyrings.
    pub keys: Option<&'a [KeyFacts]>,
    /// The names of all keyrings.
    pub keyrings: Option<&'a [String]>,
    /// Host keys that have several names in known hosts.
    pub shared_keys: Option<&'a [SharedKey]>,
}

/// The rule that a warning is about; the warning's own place stands before it.
pub(super) fn subject(rule: &Rule) -> String {
    match rule.name {
        Some(_) => rule.called(),
        None => "this rule".to_owned(),
    }
}
