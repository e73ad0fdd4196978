//! Each keyring's agent: does it answer, and with which keys? The running vault says so.

use std::path::Path;
use std::time::Duration;

use policy::certificate_validity::ValidityState;
use policy::display;

use super::finding::{Check, Findings};
use super::keys;
use super::place::{Machine, is_same};
use super::units;
use crate::output::counted;
use crate::validity_words;
use common::keyrings::{self, KeyState, KeyringState, LoadState};
use common::session_agent;

/// For the vault to ask them: some may have to be started, and some may not answer for 10 s.
pub const AGENTS_TIME: Duration = Duration::from_secs(60);
/// Characters of a key's comment.
const SHOWN_COMMENT: usize = 40;
/// Keys that are named; the others are counted.
const SHOWN_KEYS: usize = 5;

/// Folders that were meant to be keyrings.
pub fn check_names(place: &Machine, findings: &mut Findings) {
    for (name, bad) in keyrings::bad_folders(&place.paths) {
        findings.check("keyring").warn(
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
    let socket = keyring.socket.display();
    let is_own = keyring.folder.is_some();
    if is_no_agent(place, &keyring.socket) {
        return findings.check(format!("keyring {name}")).bad(
            format!("{socket} is no agent, but leads to a guard or another qube"),
            format!(
                "name the agent's own socket in vault.toml: [keyring.{name}] agent = \"/PATH\""
            ),
        );
    }
    if let Some(trouble) = &keyring.trouble {
        let unit = format!("split-ssh-agent@{name}.service");
        if is_own && !units::check_not_masked(&unit, place, findings) {
            return;
        }
        let what = format!("{socket}: {trouble}");
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
        return findings.check(format!("keyring {name}")).bad(what, remedy);
    }
    let mut check = findings.check(format!("keyring {name}"));
    let folder = keyring.folder.as_ref();
    let troubled_files = folder.map_or(0, |folder| keys::check(folder, keyring, &mut check));
    check_certificates(keyring, &mut check);
    say_keys(keyring, troubled_files, &mut check);
}

/// Whether the agent is the one that was found in a session.
fn is_sessions(place: &Machine, socket: &Path) -> bool {
    let kept = session_agent::kept(&place.paths.config);
    kept.is_ok_and(|kept| kept.as_deref() == Some(socket))
}

fn check_certificates(keyring: &KeyringState, check: &mut Check<'_>) {
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
            ValidityState::Expired => check.bad(what, renew),
            ValidityState::LastWeek | ValidityState::EndsSoon | ValidityState::NotYet => {
                check.warn(what, renew)
            }
            ValidityState::Valid => {}
        }
    }
}

fn say_keys(keyring: &KeyringState, troubled_files: usize, check: &mut Check<'_>) {
    let name = &keyring.name;
    let is_locked = |key: &&KeyState| key.state == LoadState::Locked;
    let (locked, loaded): (Vec<_>, Vec<_>) = keyring.keys.iter().partition(is_locked);
    let waiting = match locked.len() {
        0 => String::new(),
        1 => "; 1 key waits for its passphrase".to_owned(),
        number => format!("; {number} keys wait for their passphrases"),
    };
    for key in &loaded {
        if key.state == LoadState::FileGone {
            let key = shown(key);
            check.warn(
                format!("{key} is still loaded, and its file is gone or holds another key"),
                format!("split-ssh reload {name}"),
            );
        }
    }
    match (loaded.len(), locked.len()) {
        // Why was told of each file.
        (0, 0) if troubled_files > 0 => {}
        (0, 0) if keyring.others > 0 => check.warn(
            format!("none of the agent's {} keys is in this keyring", keyring.others),
            format!("correct `keys` of [keyring.{name}] in vault.toml; `split-ssh list {name}` shows fingerprints"),
        ),
        (0, 0) => check.warn(
            "its agent holds no keys",
            match &keyring.folder {
                None => "unlock the database, or add keys to that agent".to_owned(),
                Some(_) => format!(
                    "put keys into ~/.ssh/identities.d/{name} and run split-ssh reload {name}; or unlock KeePassXC"
                ),
            },
        ),
        (0, _) => check.ok(format!("no key is loaded{waiting}")),
        (number, _) => {
            let named: Vec<String> = loaded.iter().take(SHOWN_KEYS).map(|key| shown(key)).collect();
            let more = match number.saturating_sub(SHOWN_KEYS) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let (number, named) = (counted(number, "key", "keys"), named.join(", "));
            check.ok(format!("{number}: {named}{more}{waiting}"));
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
