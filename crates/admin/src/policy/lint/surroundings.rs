//! What the warnings look at beside the policy, and how they call a rule.

use super::shared_keys::{SharedKey, shared_keys};
use crate::control_socket;
use common::config::vault::VaultConfig;
use common::control::Request;
use common::crypto::Ring;
use common::keyrings::{self, KeyringState};
use common::known_hosts_files;
use common::paths::Paths;
use common::sandbox;
use policy::crypto::Fingerprint;
use policy::facts::KeyFacts;
use policy::rules::rule::Rule;
use policy::rules::{Policy, Problem};

type KnowsHost = Box<dyn Fn(&str) -> bool>;

/// What the vault knows beside the policy. What is not known is not complained about.
#[derive(Default)]
pub struct Surroundings {
    /// Whether known hosts have a key for a name.
    pub knows_host: Option<KnowsHost>,
    /// All keys of all keyrings.
    pub keys: Option<Vec<KeyFacts>>,
    /// The names of all keyrings.
    pub keyrings: Option<Vec<String>>,
    /// The names of all sandboxes.
    pub sandboxes: Option<Vec<String>>,
    /// Host keys that have several names in known hosts.
    pub shared_keys: Option<Vec<SharedKey>>,
    /// `@revoked` lines of known hosts that cannot be read.
    pub unreadable_revocations: Vec<String>,
    /// What could not be looked at, and why.
    pub unchecked: Vec<String>,
}

impl Surroundings {
    /// What this machine knows.
    pub fn of(policy: &Policy, paths: &Paths) -> Self {
        let mut found = Self::default();
        match known_hosts_files::Files::of(paths).read() {
            Ok(hosts) => {
                let known = hosts.known;
                let revocations = known.unreadable_revocations().iter();
                found.unreadable_revocations = revocations.map(ToString::to_string).collect();
                let tries = policy.literal_host_names();
                found.shared_keys = Some(shared_keys(&known, &tries, &Ring));
                found.knows_host = Some(Box::new(move |name| known.knows(name, &Ring)));
            }
            Err(error) => found.unchecked.push(format!("hosts: {}", error.plain())),
        }
        match keys(paths) {
            Ok((keyrings, keys)) => {
                found.keyrings = Some(keyrings);
                found.keys = Some(keys);
            }
            Err(why) => found.unchecked.push(format!("keys: {why}")),
        }
        match sandbox::configured(paths) {
            Ok(all) => found.sandboxes = Some(all.into_iter().map(|it| it.name).collect()),
            Err(error) => found
                .unchecked
                .push(format!("sandboxes: {}", error.plain())),
        }
        found
    }
}

/// The names of all keyrings and their keys: as the running vault says, else as their agents do.
fn keys(paths: &Paths) -> Result<(Vec<String>, Vec<KeyFacts>), String> {
    let request = Request::Keyrings { name: None };
    let states: Vec<KeyringState> = match control_socket::ask(paths, &request) {
        Ok(reply) => reply.keyrings.unwrap_or_default(),
        Err(_) => {
            let config = VaultConfig::load(paths).map_err(|error| error.plain())?;
            let found = keyrings::find(paths, &config);
            if !found.iter().any(|place| place.socket.exists()) {
                return Err("no vault and no keyring's agent runs here".to_owned());
            }
            found.iter().map(|place| place.state()).collect()
        }
    };
    let mut keys = Vec::new();
    for state in &states {
        if let Some(trouble) = &state.trouble {
            return Err(format!("{}: {trouble}", state.socket.display()));
        }
        keys.extend(state.keys.iter().map(|key| KeyFacts {
            fingerprint: Fingerprint(key.fingerprint.clone()),
            algorithm: key.algorithm.clone(),
            comment: key.comment.clone().into_bytes(),
        }));
    }
    Ok((states.into_iter().map(|state| state.name).collect(), keys))
}

/// A warning about a rule, whose name begins the sentence; the warning's own place stands before it.
pub(super) fn warning(rule: &Rule, what: &str, hint: &str) -> Problem {
    let subject = match rule.name {
        Some(_) => rule.called(),
        None => "this rule".to_owned(),
    };
    Problem::warning(&rule.place, format!("{subject} {what}")).hint(hint)
}
