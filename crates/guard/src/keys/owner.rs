//! What the owner asks about keyrings by the control socket: their state, and to load a key.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use policy::caller::Keyring;
use policy::crypto::Crypto as _;

use super::keyrings::Keyrings;
use super::unlock::{UNLOCK_TIME, Unlock};
use crate::ask::prompt::Prompter;
use common::control::ControlError;
use common::crypto::Ring;
use common::identities;
use common::key_loading::NotLoaded;
use common::keyrings::KeyringState;

impl Keyrings {
    /// All keyrings, or the one of this name.
    ///
    /// # Errors
    /// There can be no keyring of this name.
    pub fn keyring_states(
        &self,
        untrusted_name: Option<&str>,
    ) -> Result<Vec<KeyringState>, ControlError> {
        let names = match untrusted_name {
            None => self.names(),
            Some(name) => vec![keyring(name)?],
        };
        let states = names.iter().filter_map(|name| self.state(name));
        Ok(states.collect())
    }

    /// Loads a key file into a keyring's agent; the owner is asked for its passphrase, as long as `owner` stays.
    ///
    /// # Errors
    /// There is no such keyring, or why the key is not in its agent.
    pub fn load_for_owner(
        &self,
        untrusted_keyring: &str,
        file: &Path,
        prompter: &Prompter,
        owner: &UnixStream,
    ) -> Result<(), ControlError> {
        let keyring = keyring(untrusted_keyring)?;
        let source = self.place(&keyring);
        let source = source.ok_or_else(|| no_keyring(keyring.as_str()))?;
        match source.load_key(file, None) {
            Ok(()) => return Ok(()),
            Err(NotLoaded::Locked) => {}
            Err(why) => return Err(ControlError::Refused(why.to_string())),
        }
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
            place: &source,
        };
        let _turn = self.unlocking();
        unlock
            .unlock(owner, Instant::now() + UNLOCK_TIME)
            .map_err(ControlError::Refused)
    }
}

fn keyring(untrusted_name: &str) -> Result<Keyring, ControlError> {
    Keyring::from_argument(untrusted_name).map_err(|_| no_keyring(untrusted_name))
}

fn no_keyring(untrusted_name: &str) -> ControlError {
    ControlError::Refused(format!("there is no keyring {untrusted_name} here"))
}
