//! `[keyring.NAME]` in `vault.toml`: where a keyring's keys are.

use std::path::PathBuf;

use policy::glob::Glob;
use serde::Deserialize;

/// Where a keyring's keys are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyringConfig {
    /// `"session"`: the agent of the owner's own session, found once; see [`crate::session_agent`].
    pub upstream: Option<Upstream>,
    /// Another agent's socket (KeePassXC's, gpg-agent's …); without it we start an ssh-agent of our own.
    pub agent: Option<PathBuf>,
    /// Only these of the agent's keys: fingerprints or comment globs. Keyrings that share an agent must
    /// name fingerprints, and no key twice: else dom0's separation of keyrings would be void.
    pub keys: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upstream {
    Session,
}

impl KeyringConfig {
    /// Whether a key of the agent belongs to this keyring.
    pub fn holds(&self, fingerprint: &str, comment: &[u8]) -> bool {
        match &self.keys {
            None => true,
            Some(keys) => keys.iter().any(|key| {
                if key.starts_with("SHA256:") {
                    key == fingerprint
                } else {
                    Glob::new(key).is_ok_and(|glob| glob.matches(comment))
                }
            }),
        }
    }
}
