//! Each keyring's agent: does it answer, and with which keys?

use std::path::{Path, PathBuf};

use policy::caller::{DEFAULT_KEYRING, Keyring};
use policy::display;

use super::finding::Findings;
use super::keys;
use super::place::{Place, is_same};
use super::units;
use common::config::vault::{KeyringConfig, VaultConfig};
use common::crypto::Ring;
use common::identities;
use guard::keys::upstream::Upstream;
use guard::sign::listing::key_facts;

/// Characters of a key's comment.
const SHOWN_COMMENT: usize = 40;
/// Keys that are named; the others are counted.
const SHOWN_KEYS: usize = 5;

pub fn check(place: &Place, config: &VaultConfig, findings: &mut Findings) {
    for name in names(place, config) {
        if let Err(bad) = Keyring::from_argument(&name) {
            findings.warn(
                "keyring",
                format!("~/.ssh/identities.d/{name} is no keyring: {bad}"),
                "rename the folder",
            );
            continue;
        }
        let configured = config.keyring.get(&name).cloned().unwrap_or_default();
        check_one(place, &name, &configured, findings);
    }
}

/// The keyrings that this vault serves.
pub fn names(place: &Place, config: &VaultConfig) -> Vec<String> {
    let mut names = identities::keyrings(&place.paths.home);
    names.extend(config.keyring.keys().cloned());
    names.push(DEFAULT_KEYRING.to_owned());
    names.sort();
    names.dedup();
    names
}

/// Where the agent of a keyring listens.
pub fn socket(place: &Place, name: &str, configured: &KeyringConfig) -> PathBuf {
    let own = || place.paths.agent_runtime().join(format!("{name}.sock"));
    configured.agent.clone().unwrap_or_else(own)
}

/// Whether a socket leads through a guard or another qube, where no agent of this vault is.
pub fn is_no_agent(place: &Place, socket: &Path) -> bool {
    is_same(socket, &place.paths.qrexec_socket())
        || socket.starts_with("/run/split-ssh-client")
        || socket.starts_with(place.paths.home.join(".split-ssh"))
}

fn check_one(place: &Place, name: &str, configured: &KeyringConfig, findings: &mut Findings) {
    let check = format!("keyring {name}");
    let socket = socket(place, name, configured);
    if is_no_agent(place, &socket) {
        return findings.bad(
            &check,
            format!(
                "{} is no agent, but leads to a guard or another qube",
                socket.display()
            ),
            format!("name the agent's own socket in vault.toml: [keyring.{name}] agent = \"…\""),
        );
    }
    let listed = match Upstream::new(socket.clone()).list() {
        Ok(listed) => listed,
        Err(error) => {
            let unit = format!("split-ssh-agent@{name}.service");
            if configured.agent.is_none() && !units::check_not_masked(&unit, place, findings) {
                return;
            }
            let remedy = match &configured.agent {
                Some(_) => {
                    "start that agent; if its socket is elsewhere, name it in vault.toml".to_owned()
                }
                // Whoever asks for a keyring has its agent started.
                None => format!("split-ssh list {name}, which starts it or says why not"),
            };
            return findings.bad(&check, format!("{}: {error}", socket.display()), remedy);
        }
    };
    let facts: Vec<_> = listed.iter().map(|key| key_facts(key, &Ring)).collect();
    let ours: Vec<String> = facts
        .iter()
        .filter(|key| configured.holds(&key.fingerprint.to_string(), &key.comment))
        .map(|key| {
            format!(
                "{} {}",
                key.fingerprint,
                display::ascii(&key.comment, SHOWN_COMMENT)
            )
        })
        .collect();
    let mut files = keys::Files::default();
    if configured.agent.is_none() {
        let blobs: Vec<&[u8]> = listed.iter().map(|key| key.blob.as_slice()).collect();
        files = keys::check(
            &check,
            &identities::folder(&place.paths.home, name),
            &blobs,
            findings,
        );
    }
    let locked = files.locked;
    let waiting = match locked {
        0 => String::new(),
        1 => "; 1 key waits for its passphrase".to_owned(),
        number => format!("; {number} keys wait for their passphrases"),
    };
    match (ours.len(), facts.len()) {
        // Why was told of each file.
        (0, 0) if locked == 0 && files.troubled > 0 => {}
        (0, 0) if locked == 0 => findings.warn(
            &check,
            "its agent holds no keys",
            if configured.agent.is_some() {
                "unlock the database, or add keys to that agent".to_owned()
            } else {
                format!("put keys into ~/.ssh/identities.d/{name} and run split-ssh reload {name}; or unlock KeePassXC")
            },
        ),
        (0, others) if others > 0 && locked == 0 => findings.warn(
            &check,
            format!("none of the agent's {others} keys is in this keyring"),
            format!("correct `keys` of [keyring.{name}] in vault.toml; ssh-add -l shows fingerprints"),
        ),
        (0, _) => findings.ok(&check, format!("no key is loaded{waiting}")),
        (number, _) => {
            let named: Vec<_> = ours.iter().take(SHOWN_KEYS).cloned().collect();
            let more = match number.saturating_sub(SHOWN_KEYS) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let word = if number == 1 { "key" } else { "keys" };
            findings.ok(&check, format!("{number} {word}: {}{more}{waiting}", named.join(", ")));
        }
    }
}
