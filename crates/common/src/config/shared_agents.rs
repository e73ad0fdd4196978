//! Agents that hold the keys of several keyrings: each of these must name its keys.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::keyring::KeyringConfig;
use crate::error::Error;

/// The keyrings of one agent, with the keys that they name.
type Keyrings<'a> = BTreeMap<&'a str, Option<&'a [String]>>;

/// `place` is the file; `own_agents` is the folder of the agents that we start ourselves.
///
/// # Errors
/// A key could be in two keyrings.
pub(super) fn check(
    all: &BTreeMap<String, KeyringConfig>,
    place: &impl Display,
    own_agents: &Path,
) -> Result<(), Error> {
    let own_agents = real(own_agents);
    let mut agents: BTreeMap<PathBuf, Keyrings<'_>> = BTreeMap::new();
    for (name, keyring) in all {
        let own = || own_agents.join(format!("{name}.sock"));
        let agent = keyring.agent.as_deref().map_or_else(own, real);
        let keyrings = agents.entry(agent).or_default();
        keyrings.insert(name, keyring.keys.as_deref());
    }
    for (agent, mut keyrings) in agents {
        // The keyring that has this agent of ours without a word in the file, today or as soon as it has a folder.
        let is_own = agent.parent() == Some(&own_agents);
        let stem = agent.file_stem().and_then(OsStr::to_str);
        if let Some(name) = stem.filter(|name| is_own && !all.contains_key(*name)) {
            keyrings.insert(name, None);
        }
        if keyrings.len() > 1 {
            check_agent(&agent, &keyrings, place)?;
        }
    }
    Ok(())
}

/// An agent of several keyrings.
fn check_agent(agent: &Path, keyrings: &Keyrings<'_>, place: &impl Display) -> Result<(), Error> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, keys) in keyrings {
        let shares = format!("{place}: [keyring.{name}] shares {}", agent.display());
        let Some(keys) = keys else {
            let what = format!("{shares} but names no keys");
            return Err(Error::new(what).hint(
                "keyrings that share an agent must each name their keys: keys = [\"SHA256:…\"]",
            ));
        };
        for key in *keys {
            if !key.starts_with("SHA256:") {
                let what = format!("{shares} but names {key:?}");
                return Err(Error::new(what).hint("keyrings that share an agent name keys by fingerprint, so that no key is in two of them"));
            }
            if let Some(other) = seen.insert(key, name) {
                let what =
                    format!("{place}: {key} is in [keyring.{other}] and in [keyring.{name}]");
                return Err(
                    Error::new(what).hint("one key of a shared agent can be in one keyring only")
                );
            }
        }
    }
    Ok(())
}

/// One path of an agent's socket, which may be spelled in several ways, and need not be there yet.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let folder = path.parent().unwrap_or(path);
    // A link to what is not there.
    let path = match fs::read_link(path) {
        Ok(target) => folder.join(target),
        Err(_) => path.to_owned(),
    };
    let folder = path
        .parent()
        .and_then(|folder| fs::canonicalize(folder).ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::super::vault::VaultConfig;
    use super::*;

    fn refused(text: &str) -> String {
        let config: VaultConfig = toml::from_str(text).expect("TOML");
        let error = config.check(Path::new("vault.toml"), Path::new("/none"));
        error.expect_err(text).to_string()
    }

    #[test]
    fn an_agent_is_the_same_however_it_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let agent = folder.path().join("agent");
        std::fs::write(&agent, "").unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::os::unix::fs::symlink(&agent, folder.path().join("link")).unwrap();
        let (agent, folder) = (agent.display(), folder.path().display());
        for other in [format!("{folder}/link"), format!("{folder}/sub/../agent")] {
            let said = refused(&format!(
                "[keyring.work]\nagent = '{agent}'\n[keyring.home]\nagent = '{other}'\nkeys = ['x']\n"
            ));
            assert!(said.contains(" shares "), "{said}");
        }
    }

    #[test]
    fn a_keyring_may_share_the_agent_of_another_one_of_ours_only_key_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("split-ssh");
        fs::create_dir(&own).unwrap();
        std::os::unix::fs::symlink(own.join("default.sock"), folder.path().join("link")).unwrap();
        let key = |letter: &str| format!("SHA256:{}", letter.repeat(43));
        let [one, other] = ["A", "E"].map(key);
        let check = |agent: &Path, rest: &str| {
            let agent = agent.display();
            let text = format!("[keyring.work]\nagent = '{agent}'\nkeys = ['{one}']\n{rest}");
            let config: VaultConfig = toml::from_str(&text).expect("TOML");
            let checked = config.check(Path::new("vault.toml"), &own);
            checked.map_err(|error| error.to_string())
        };
        let default = own.join("default.sock");
        let link = folder.path().join("link");
        let with_a_folder = own.join("home.sock");
        for agent in [&default, &link, &with_a_folder] {
            let said = check(agent, "").expect_err("all keys of the other keyring");
            assert!(said.contains("but names no keys"), "{said}");
        }
        let default_has = |key: &str| format!("[keyring.default]\nkeys = ['{key}']\n");
        assert!(check(&default, &default_has(&one)).is_err());
        assert_eq!(check(&default, &default_has(&other)), Ok(()));
        assert_eq!(check(&own.join("work.sock"), ""), Ok(()), "its own");
        assert_eq!(check(&folder.path().join("others.sock"), ""), Ok(()));
    }
}
