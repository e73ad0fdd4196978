//! mtdcr's split SSH: a user socket unit in clients, and in the vault a folder of keys for each client.

use std::fs;
use std::path::{Path, PathBuf};

use policy::caller::{Caller, Keyring};

use super::super::doctor::{Place, read_qubesdb};
use super::change::Change;
use super::client::{INSTALL_FIRST, KEYRING_FILE, is_packaged, name_vault};
use super::plan::{Part, Plan};
use common::identities;

const SOCKET_UNIT: &str = "/etc/systemd/user/qubes-ssh-agent.socket";
const VAULT_FILE: &str = "/rw/config/ssh-vault";
/// Its vault where no file names another.
const USUAL_VAULT: &str = "ssh-vault";
const KEYS: &str = ".qubes_ssh";

pub fn find_client(place: &Place, plan: &mut Plan) {
    if !place.has(SOCKET_UNIT) && !place.has(VAULT_FILE) {
        return;
    }
    let named = place.text(VAULT_FILE).unwrap_or_default();
    let vault = match named.trim() {
        "" => USUAL_VAULT,
        named => named,
    };
    let mut part = Part::new(format!(
        "a client of mtdcr's split SSH, with the vault `{vault}`"
    ));
    if !is_packaged(place) {
        part.by_hand.push(INSTALL_FIRST.to_owned());
        return plan.add(part);
    }
    if !matches!(Caller::parse(vault), Ok(Caller::Qube(_))) {
        part.by_hand.push(format!(
            "{VAULT_FILE} names no qube; correct it, then run this again"
        ));
        return plan.add(part);
    }
    part.changes.extend(name_vault(place, vault));
    // It chose keys by the caller's name; our vault has a keyring of that name for them.
    let keyring = read_qubesdb(place, "/name").filter(|name| Keyring::from_argument(name).is_ok());
    if let Some(keyring) = keyring.as_ref().filter(|_| !place.has(KEYRING_FILE)) {
        part.changes.push(Change::Write {
            file: place.at(KEYRING_FILE),
            text: format!("{keyring}\n"),
            why: "names the keyring that holds this qube's keys".to_owned(),
        });
    }
    let mask = place
        .paths
        .home
        .join(".config/systemd/user/qubes-ssh-agent.socket");
    let is_masked = fs::read_link(&mask).is_ok_and(|target| target == Path::new("/dev/null"));
    if place.has(SOCKET_UNIT) && !is_masked {
        part.changes.push(Change::Link {
            link: mask,
            target: PathBuf::from("/dev/null"),
            why: "keeps the old client from starting".to_owned(),
        });
    }
    if !part.changes.is_empty() {
        let keyrings: Vec<String> = keyring.into_iter().collect();
        part.say_policy(place, &[vault.to_owned()], &keyrings);
    }
    plan.add(part);
}

/// Keys stay where they are; keyrings of the clients' names link to them.
pub fn find_keys(place: &Place, plan: &mut Plan) {
    let home = &place.paths.home;
    for folder in folders(&home.join(KEYS)) {
        let client = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut part = Part::new(format!("mtdcr's keys for the qube `{client}`"));
        if Keyring::from_argument(&client).is_err() || client.is_empty() {
            continue;
        }
        let keyring = identities::folder(home, &client);
        for key in identities::private_keys(&folder).unwrap_or_default() {
            let name = key.file_name().unwrap_or_default().to_os_string();
            let mut public = name.clone();
            public.push(".pub");
            for name in [name, public] {
                let (link, target) = (keyring.join(&name), folder.join(&name));
                if target.is_file() && fs::symlink_metadata(&link).is_err() {
                    part.changes.push(Change::Link {
                        link,
                        target,
                        why: format!("puts the key into keyring `{client}`"),
                    });
                }
            }
        }
        for inner in folders(&folder) {
            part.by_hand.push(format!(
                "{} is a folder of keys: put those that you use into {}",
                inner.display(),
                keyring.display()
            ));
        }
        if part.changes.is_empty() {
            continue;
        }
        let vault = read_qubesdb(place, "/name").unwrap_or_else(|| USUAL_VAULT.to_owned());
        part.by_hand.push(format!(
            "in {client}: split-ssh migrate, which names the keyring there"
        ));
        part.say_policy_for(&client, &[vault], std::slice::from_ref(&client));
        plan.add(part);
    }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}
