//! Each keyring's agent: does it answer, and with which keys? The running vault says so.

use std::path::Path;
use std::time::Duration;

use policy::certificate_validity::ValidityState;
use policy::display;

use super::finding::Findings;
use super::keys;
use super::place::{Machine, is_same};
use super::units;
use crate::validity_words;
use common::config::vault::VaultConfig;
use common::keyrings::{self, KeyState, KeyringState, LoadState};
use common::session_agent;

/// For the vault to ask them: some may have to be started, and some may not answer for 10 s.
pub const AGENTS_TIME: Duration = Duration::from_secs(60);
/// Characters of a key's comment.
const SHOWN_COMMENT: usize = 40;
/// Keys that are named; the others are counted.
const SHOWN_KEYS: usize = 5;

/// Folders that were meant to be keyrings.
pub fn check_names(place: &Machine, config: &VaultConfig, findings: &mut Findings) {
    for (name, bad) in keyrings::find(&place.paths, config).bad_folders {
        findings.warn(
            "keyring",
            format!("~/.ssh/identities.d/{name} is no keyring: {bad}"),
            "rename the folder",
        );
    }
}

/// Whether a socket leads through a guard or another qube, where no agent of this vault is.
pub fn is_no_agent(place: &Machine, socket: &Path) -> bool {
    is_same(socket, &place.paths.qrexec_socket())
        || socket.starts_with("/run/split-ssh-client")
        || socket.starts_with(place.paths.home.join(".split-ssh"))
}

pub fn check(place: &Machine, keyring: &KeyringState, findings: &mut Findings) {
    let name = &keyring.name;
    let check = format!("keyring {name}");
    let is_own = keyring.folder.is_some();
    if is_no_agent(place, &keyring.socket) {
        return findings.bad(
            &check,
            format!(
                "{} is no agent, but leads to a guard or another qube",
                keyring.socket.display()
            ),
            format!("name the agent's own socket in vault.toml: [keyring.{name}] agent = \"…\""),
        );
    }
    if let Some(trouble) = &keyring.trouble {
        let unit = format!("split-ssh-agent@{name}.service");
        if is_own && !units::check_not_masked(&unit, place, findings) {
            return;
        }
        let remedy = match is_own {
            false if is_sessions(place, &keyring.socket) => format!(
                "start that agent; if this session has another one now: rm '{}' && pkill -f -u \"$USER\" 'split-ssh vault'; \
                 then, in this session: split-ssh vault, or split-ssh serve NAME",
                session_agent::file(&place.paths.config).display()
            ),
            false => {
                "start that agent; if its socket is elsewhere, name it in vault.toml".to_owned()
            }
            // Whoever asks for a keyring has its agent started.
            true => format!("split-ssh list {name}, which starts it or says why not"),
        };
        let socket = keyring.socket.display();
        return findings.bad(&check, format!("{socket}: {trouble}"), remedy);
    }
    let troubled_files = keyring
        .folder
        .as_ref()
        .map_or(0, |folder| keys::check(&check, folder, keyring, findings));
    check_certificates(&check, keyring, findings);
    say_keys(&check, keyring, troubled_files, findings);
}

/// Whether the agent is the one that was found in a session.
fn is_sessions(place: &Machine, socket: &Path) -> bool {
    let kept = session_agent::kept(&place.paths.config);
    kept.is_ok_and(|kept| kept.as_deref() == Some(socket))
}

fn check_certificates(check: &str, keyring: &KeyringState, findings: &mut Findings) {
    for key in &keyring.keys {
        let Some(validity) = &key.validity else {
            continue;
        };
        let what = format!("{}: {}", shown(key), validity_words::sentence(validity));
        let renew = match &keyring.folder {
            Some(folder) => format!(
                "put a new -cert.pub beside the key in {}; the vault takes it by itself",
                folder.display()
            ),
            None => "have it renewed, and add it to that agent".to_owned(),
        };
        match validity_words::state_now(validity) {
            ValidityState::Expired => findings.bad(check, what, renew),
            ValidityState::LastWeek | ValidityState::EndsSoon | ValidityState::NotYet => {
                findings.warn(check, what, renew)
            }
            ValidityState::Valid => {}
        }
    }
}

fn say_keys(check: &str, keyring: &KeyringState, troubled_files: usize, findings: &mut Findings) {
    let name = &keyring.name;
    let (loaded, locked): (Vec<&KeyState>, Vec<&KeyState>) =
        keyring.keys.iter().partition(|key| key.is_loaded());
    let waiting = match locked.len() {
        0 => String::new(),
        1 => "; 1 key waits for its passphrase".to_owned(),
        number => format!("; {number} keys wait for their passphrases"),
    };
    for key in &loaded {
        if key.state == LoadState::FileGone {
            findings.warn(
                check,
                format!(
                    "{} is still loaded, and its file is gone or holds another key",
                    shown(key)
                ),
                format!("split-ssh reload {name}"),
            );
        }
    }
    match (loaded.len(), locked.len()) {
        // Why was told of each file.
        (0, 0) if troubled_files > 0 => {}
        (0, 0) if keyring.others > 0 => findings.warn(
            check,
            format!("none of the agent's {} keys is in this keyring", keyring.others),
            format!("correct `keys` of [keyring.{name}] in vault.toml; `split-ssh list {name}` shows fingerprints"),
        ),
        (0, 0) => findings.warn(
            check,
            "its agent holds no keys",
            match &keyring.folder {
                None => "unlock the database, or add keys to that agent".to_owned(),
                Some(_) => format!(
                    "put keys into ~/.ssh/identities.d/{name} and run split-ssh reload {name}; or unlock KeePassXC"
                ),
            },
        ),
        (0, _) => findings.ok(check, format!("no key is loaded{waiting}")),
        (number, _) => {
            let named: Vec<String> = loaded.iter().take(SHOWN_KEYS).map(|key| shown(key)).collect();
            let more = match number.saturating_sub(SHOWN_KEYS) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let word = if number == 1 { "key" } else { "keys" };
            findings.ok(
                check,
                format!("{number} {word}: {}{more}{waiting}", named.join(", ")),
            );
        }
    }
}

fn shown(key: &KeyState) -> String {
    let comment = display::ascii(key.comment.as_bytes(), SHOWN_COMMENT);
    let added = match (key.state, key.algorithm.contains("-cert-")) {
        (_, true) => " (certificate)",
        (LoadState::AddedByOthers, false) => " (not from the folder)",
        _ => "",
    };
    format!("{} {comment}{added}", key.fingerprint)
}
