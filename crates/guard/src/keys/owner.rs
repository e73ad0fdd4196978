//! What the owner asks about keyrings by the control socket: their state, and to load a key.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use policy::caller::Keyring;
use policy::crypto::Crypto as _;

use super::registry::{Keys, warn};
use super::unlock::Unlock;
use crate::ask::prompt::Prompter;
use common::control::Reply;
use common::crypto::Ring;
use common::identities::{self, NotLoaded};

impl Keys {
    /// All keyrings, or the one of this name.
    pub fn keyring_states(&self, untrusted_name: Option<&str>) -> Reply {
        let names = match untrusted_name {
            None => self.keyrings().names(),
            Some(name) => match Keyring::from_argument(name) {
                Ok(keyring) => vec![keyring],
                Err(bad) => return Reply::error(bad.to_string()),
            },
        };
        let mut said = Vec::new();
        let states = names
            .iter()
            .filter_map(|name| self.keyrings().state(name, &mut said));
        let keyrings = Some(states.collect());
        warn(said);
        Reply {
            keyrings,
            ..Reply::ok()
        }
    }

    /// Loads a key file into a keyring's agent; the owner is asked for its passphrase.
    pub fn load_for_owner(
        &self,
        untrusted_keyring: &str,
        file: &Path,
        prompter: &Prompter,
    ) -> Reply {
        let keyring = match Keyring::from_argument(untrusted_keyring) {
            Ok(keyring) => keyring,
            Err(bad) => return Reply::error(bad.to_string()),
        };
        let Some(source) = self.place(&keyring) else {
            return Reply::error(format!("there is no keyring {keyring} here"));
        };
        let record = source.record();
        match identities::load_key(file, &source.socket, None, record.as_ref()) {
            Ok(()) => return Reply::ok(),
            Err(NotLoaded::Locked) => {}
            Err(why) => return Reply::error(why.to_string()),
        }
        // Nobody can hang up: who asks waits for the reply.
        let Ok((_here, client)) = UnixStream::pair() else {
            return Reply::error("the system has no sockets left");
        };
        let public = identities::read_public(file, ".pub");
        let fingerprint = public.map_or_else(
            || "no .pub file beside it".to_owned(),
            |key| Ring.fingerprint(&key.blob).0,
        );
        let by_hand = format!("split-ssh add {keyring}");
        let unlock = Unlock {
            prompter,
            private: file,
            fingerprint: &fingerprint,
            why: format!("Asked by {by_hand}."),
            by_hand,
            record,
        };
        let _turn = self.unlocking();
        match unlock.unlock(&source.socket, &client, Instant::now() + Unlock::time()) {
            Ok(()) => Reply::ok(),
            Err(why) => Reply::error(why),
        }
    }
}
