//! One host key with several names: aliases of one machine, or cloned machines that share a key.
//!
//! A login to such a key is a login to every name that the key has. The rule that decides may name only
//! some of them. A rule that asks or denies for one of the others then still counts.

use crate::crypto::Fingerprint;
use crate::facts::IntentKind;
use crate::glob::Glob;
use crate::judgement::Verdict;

use super::Policy;
use super::matching::{Match, Request};
use super::rule::{Host, HostPattern, Rule};
use super::shown_host::HostName;

/// What a host key is called: by known hosts, and by tables of the policy that hold the key itself.
struct KeyNames<'a> {
    names: &'a [HostName],
    tables: &'a [Host],
    /// The authority of the host's certificate.
    ca: Option<&'a Fingerprint>,
    /// Of each name, then of each table: whether no rule has decided for it yet.
    open: Vec<bool>,
}

impl Policy {
    /// The rule below `decided` that asks or denies for a name that `decided` does not have, and that name, if the
    /// answer would otherwise be `verdict`. For each such name the first rule that names it decides; of these the strictest.
    pub(super) fn rule_for_other_name<'a>(
        &'a self,
        request: &'a Request<'_>,
        decided: &Rule,
        verdict: Verdict,
    ) -> Option<(&'a Rule, String)> {
        if verdict == Verdict::Deny || !request.host.meets_required_proof {
            return None;
        }
        let mut key = KeyNames::of(self, request)?;
        key.close(decided);
        let (mut found, mut strictest) = (None, None);
        for rule in self.rules.iter().skip(decided.index + 1) {
            if !key.is_open() || strictest == Some(Verdict::Deny) {
                break;
            }
            let others = request.result_but_host(rule);
            if others == Match::No {
                continue;
            }
            let verdict = request.verdict_of(rule);
            if rule.action != Verdict::Allow && Some(verdict) > strictest {
                if let Some(name) = key.open_name(rule) {
                    strictest = Some(verdict);
                    found = Some((rule, name));
                }
            }
            // What is left behind a rule that denies every host must not become milder by that rule.
            if others == Match::Yes && rule.action != Verdict::Deny {
                key.close(rule);
            }
        }
        found
    }
}

impl<'a> KeyNames<'a> {
    fn of(policy: &'a Policy, request: &'a Request<'_>) -> Option<Self> {
        let host = request.facts.host.as_ref()?;
        if request.facts.kind != IntentKind::Login {
            return None;
        }
        let names = request.host.names.as_slice();
        let holds_key = |table: &Host| table.keys.contains(&host.fingerprint);
        let open = names.iter().map(|_| true);
        Some(Self {
            names,
            tables: &policy.hosts,
            ca: host.ca.as_ref(),
            open: open.chain(policy.hosts.iter().map(holds_key)).collect(),
        })
    }

    fn is_open(&self) -> bool {
        self.open.contains(&true)
    }

    /// A table that holds the authority means every name that the authority certifies.
    fn is_certified_for(&self, table: &Host) -> bool {
        self.ca.is_some_and(|ca| table.ca.contains(ca))
    }

    /// Closes what this rule surely names. Without `host`, or with `*`, a rule names every host.
    fn close(&mut self, rule: &Rule) {
        let Some(patterns) = &rule.host else {
            self.open.fill(false);
            return;
        };
        for pattern in patterns {
            match pattern {
                HostPattern::Name(glob) => self.close_names(glob),
                HostPattern::Host(index) => self.close_table(*index),
                HostPattern::Unnamed | HostPattern::Unproven => {}
            }
        }
    }

    fn close_names(&mut self, glob: &Glob) {
        for (open, name) in self.open.iter_mut().zip(self.names) {
            *open &= name.is(glob) != Match::Yes;
        }
        if glob.is_any() {
            self.open.fill(false);
        }
    }

    fn close_table(&mut self, index: usize) {
        let Some(table) = self.tables.get(index) else {
            return;
        };
        if let Some(open) = self.open.get_mut(self.names.len() + index) {
            *open = false;
        }
        if self.is_certified_for(table) {
            self.open.fill(false);
        }
        for glob in &table.names {
            self.close_names(glob);
        }
    }

    /// An open name that this rule has, or may have. Without `host`, or with `*`, a rule means no name in particular.
    fn open_name(&self, rule: &Rule) -> Option<String> {
        rule.host
            .iter()
            .flatten()
            .find_map(|pattern| match pattern {
                HostPattern::Name(glob) => self.open_name_like(glob),
                HostPattern::Host(index) => {
                    let table = self.tables.get(*index)?;
                    let holds_key = self.open.get(self.names.len() + index) == Some(&true);
                    let mut globs = table.names.iter().chain(&table.known_hosts_aliases);
                    if holds_key {
                        return Some(table.name.clone());
                    }
                    if self.is_certified_for(table) {
                        return self.first_open_name(|_| true);
                    }
                    globs.find_map(|glob| self.open_name_like(glob))
                }
                HostPattern::Unnamed | HostPattern::Unproven => None,
            })
    }

    fn open_name_like(&self, glob: &Glob) -> Option<String> {
        if glob.is_any() {
            return None;
        }
        self.first_open_name(|name| name.is(glob) != Match::No)
    }

    fn first_open_name(&self, fits: impl Fn(&HostName) -> bool) -> Option<String> {
        let mut names = self.names.iter().zip(&self.open);
        let (name, _) = names.find(|(name, open)| **open && fits(name))?;
        Some(name.text.clone())
    }
}
