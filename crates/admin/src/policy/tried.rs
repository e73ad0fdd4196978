//! The policy that a command tries: a file alone, or what is in force.

use std::path::Path;

use common::crypto::Ring;
use common::error::Error;
use common::known_hosts_files;
use common::paths::Paths;
use common::policy_files::{self, BrokenPolicy, LoadedPolicy};
use policy::rules::Policy;

/// # Errors
/// It is broken, or cannot be read.
pub fn load(file: Option<&Path>, paths: &Paths) -> Result<LoadedPolicy, BrokenPolicy> {
    match file {
        Some(file) => policy_files::load_file(file),
        None => policy_files::load(&paths.config, &paths.system_config),
    }
}

/// With what known hosts add to it, as in a vault.
///
/// # Errors
/// It is broken, or a file cannot be read.
pub fn with_known_hosts(file: Option<&Path>, paths: &Paths) -> Result<Policy, Error> {
    let loaded = load(file, paths)
        .map_err(|broken| Error::new(format!("the policy is broken\n{broken}")))?;
    let hosts = known_hosts_files::Files::of(paths).read()?;
    Ok(loaded.policy.with_known_hosts(&hosts.known, &Ring))
}
