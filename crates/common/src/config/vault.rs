//! `vault.toml`: keyrings whose keys another agent holds, and the bounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use policy::caller::{Caller, Keyring};
use policy::glob::Glob;
use policy::rules::check_key;
use serde::Deserialize;

use super::keyring::KeyringConfig;
use super::sandbox::SandboxConfig;
use super::shared_agents;
use crate::error::Error;
use crate::log::line::sha256_hex;
use crate::paths::Paths;
use crate::session_agent;

/// Everything that `vault.toml` says, with what holds where it says nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// `[keyring.NAME]`
    #[serde(default)]
    pub keyring: BTreeMap<String, KeyringConfig>,
    /// `[sandbox.NAME]`; [`crate::sandbox::configured`] knows all of them.
    #[serde(default)]
    pub sandbox: BTreeMap<String, SandboxConfig>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub prompt: PromptConfig,
    #[serde(default)]
    pub carry: CarryConfig,
}

/// Bounds on streams and time.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// In all. qrexec itself allows 128 to a vault from each side, so ours is never the one that is met.
    pub streams: usize,
    /// A burst of 50 logins is normal for one qube; more leaves nothing for the others.
    pub streams_per_qube: usize,
    /// Seconds between two requests. Paramiko keeps its connection while it works.
    pub idle_seconds: u64,
    /// Seconds a stream may last in all.
    pub total_seconds: u64,
    /// Requests a stream may make in all.
    pub requests: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 320,
            streams_per_qube: 64,
            idle_seconds: 300,
            total_seconds: 3600,
            requests: 1000,
        }
    }
}

impl Limits {
    fn check(&self, place: &impl std::fmt::Display) -> Result<(), Error> {
        let bounds = [
            ("streams", self.streams == 0),
            ("streams-per-qube", self.streams_per_qube == 0),
            ("idle-seconds", self.idle_seconds == 0),
            ("total-seconds", self.total_seconds == 0),
            ("requests", self.requests == 0),
        ];
        let Some((name, _)) = bounds.into_iter().find(|(_, is_zero)| *is_zero) else {
            return Ok(());
        };
        let what = format!("{place}: [limits]: {name} = 0 would serve nobody");
        Err(Error::new(what).hint("leave it out for the usual bound, or write 1 or more"))
    }

    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    pub fn total(&self) -> Duration {
        Duration::from_secs(self.total_seconds)
    }
}

/// What callers may do beyond the agent protocol (docs/extensions.md).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CarryConfig {
    /// Patterns of qubes' names, or other callers as the log names them, whose calls may carry many connections. None: where
    /// dom0 asks for each call, one yes would cover them all.
    pub qubes: Vec<String>,
    /// Carried connections of one caller at once; 200 is a busy ansible.
    pub connections: u32,
    /// Tell carried connections that a question is open, and in a word why a request was refused.
    pub tell: bool,
    /// Clients may remember the lists of keys that they were given.
    pub remember: bool,
}

impl Default for CarryConfig {
    fn default() -> Self {
        Self {
            qubes: Vec::new(),
            connections: 1024,
            tell: true,
            remember: true,
        }
    }
}

impl CarryConfig {
    /// Whether a call of this caller may carry many connections.
    pub fn covers(&self, caller: &Caller) -> bool {
        let name = caller.to_string();
        self.qubes.iter().any(|pattern| match caller {
            Caller::Qube(_) => Glob::new(pattern).is_ok_and(|glob| glob.matches(name.as_bytes())),
            _ => *pattern == name,
        })
    }

    fn check(&self, place: &impl std::fmt::Display) -> Result<(), Error> {
        if self.connections == 0 {
            let what = format!("{place}: [carry]: connections = 0 would carry nothing");
            let hint = "leave `qubes` out, and no call carries more than one connection";
            return Err(Error::new(what).hint(hint));
        }
        for pattern in &self.qubes {
            Glob::new(pattern).map_err(|bad| {
                Error::new(format!("{place}: [carry]: qubes: {pattern:?}: {bad}"))
                    .hint("name qubes as rules do: qubes = [\"work\", \"dev-*\"]")
            })?;
        }
        Ok(())
    }
}

/// How a person is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromptConfig {
    /// `window` (the default: the best that the session has) or `terminal` (`split-ssh pending`).
    pub by: PromptBy,
    /// The dialog, if it is not where the package puts it.
    pub program: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptBy {
    #[default]
    Window,
    Terminal,
}

impl VaultConfig {
    /// Reads `vault.toml` from the user's folder, else from the system's; none is fine.
    ///
    /// # Errors
    /// A file that can't be read, has an unknown key, or mixes keyrings.
    pub fn load(paths: &Paths) -> Result<Self, Error> {
        Self::load_with_place(paths).map(|(config, _)| config)
    }

    /// The same, with the file that was read, or the user's if there is none.
    pub(crate) fn load_with_place(paths: &Paths) -> Result<(Self, PathBuf), Error> {
        let user = &paths.config;
        for dir in [user, &paths.system_config] {
            let path = dir.join("vault.toml");
            if let Some(mut config) = super::read_toml::<Self>(&path)? {
                config.find_session_agent(&path, paths)?;
                config.check(&path, &paths.agent_runtime())?;
                return Ok((config, path));
            }
        }
        Ok((Self::default(), user.join("vault.toml")))
    }

    /// Tells these settings from others, for whoever holds the file against a vault that runs. Without the sandboxes,
    /// which a running vault takes anew.
    pub fn digest(&self) -> String {
        let settings = (&self.keyring, &self.limits, &self.prompt, &self.carry);
        sha256_hex(format!("{settings:?}").as_bytes())
    }

    /// Puts the session's agent where a keyring asks for it.
    fn find_session_agent(&mut self, path: &Path, paths: &Paths) -> Result<(), Error> {
        for (name, keyring) in &mut self.keyring {
            if keyring.upstream.is_none() {
                continue;
            }
            if keyring.agent.is_some() {
                let place = path.display();
                let what = format!("{place}: [keyring.{name}] has an agent and an upstream");
                return Err(Error::new(what).hint("keep one of the two"));
            }
            keyring.agent = Some(session_agent::find(paths)?);
        }
        Ok(())
    }

    /// `own_agents` is the folder of the agents that we start ourselves.
    pub(super) fn check(&self, path: &Path, own_agents: &Path) -> Result<(), Error> {
        let place = path.display();
        self.limits.check(&place)?;
        self.carry.check(&place)?;
        for (name, keyring) in &self.keyring {
            Keyring::from_argument(name)
                .map_err(|bad| Error::new(format!("{place}: [keyring.{name:?}]: {bad}")))?;
            for key in keyring.keys.iter().flatten() {
                check_key(key).map_err(|(what, hint)| {
                    Error::new(format!("{place}: [keyring.{name}]: {what}")).hint(hint)
                })?;
            }
            let refused = |what: &str, hint: &str| {
                Err(Error::new(format!("{place}: [keyring.{name}]: {what}")).hint(hint))
            };
            if keyring.keys.as_ref().is_some_and(Vec::is_empty) {
                let hint = "leave it out to have all keys of the agent";
                return refused("`keys` is an empty list, which no key is in", hint);
            }
            if let Some(agent) = keyring.agent.as_ref().filter(|agent| !agent.is_absolute()) {
                let hint = "a freshly started vault has no working directory or environment to complete it from";
                return refused(&format!("agent = {agent:?} is no absolute path"), hint);
            }
        }
        shared_agents::check(&self.keyring, &place, own_agents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let config: VaultConfig = toml::from_str(text).expect("TOML");
        let error = config.check(Path::new("vault.toml"), Path::new("/none"));
        error.expect_err(text).to_string()
    }

    #[test]
    fn values_that_can_match_nothing_are_told_with_the_right_spelling() {
        for (keys, what) in [
            ("", "an empty list"),
            ("''", "an empty pattern"),
            ("'SHA256:abc'", "is not a fingerprint"),
            ("'MD5:aa:bb'", "MD5 fingerprints"),
            ("'ssh-ed25519 AAAA'", "a public key stands where"),
            ("'a\\'", "escapes nothing"),
        ] {
            let said = refused(&format!("[keyring.work]\nkeys = [{keys}]\n"));
            assert!(said.contains(what) && said.contains("hint: "), "{said}");
        }
        for limit in [
            "streams",
            "streams-per-qube",
            "idle-seconds",
            "total-seconds",
            "requests",
        ] {
            let said = refused(&format!("[limits]\n{limit} = 0\n"));
            assert!(
                said.contains(&format!("{limit} = 0 would serve nobody")),
                "{said}"
            );
        }
    }
}
