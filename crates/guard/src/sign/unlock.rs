//! Key files with a passphrase that a keyring's agent does not hold: they are listed, and loaded when a
//! rule or a person has let them sign. Only then is the owner asked for the passphrase.

use std::time::Instant;

use policy::facts::KeyFacts;

use super::listing;
use super::session::AgentSession;
use crate::keys::unlock::Unlock;
use crate::keys::upstream::UpstreamError;
use common::identities::KeyFile;

/// Brings the key into the agent.
pub fn unlock(
    session: &mut AgentSession<'_>,
    file: &KeyFile,
    key: &KeyFacts,
) -> Result<(), UpstreamError> {
    let until = Instant::now() + Unlock::time();
    let keys = &session.signer.keys;
    // Two logins with one locked key are one question for its passphrase.
    let _turn = keys.unlocking();
    listing::read_keys(session)?;
    let is_locked = session
        .keys
        .as_ref()
        .is_some_and(|keys| keys.is_locked(&file.blob));
    if !is_locked {
        return Ok(());
    }
    let place = session.place.as_ref().ok_or(UpstreamError::NoKeyring)?;
    let unlock = Unlock {
        prompter: &session.signer.asker.prompter,
        private: &file.private,
        fingerprint: &key.fingerprint.0,
        why: format!("{} was allowed to use this key.", session.client.caller),
        by_hand: format!("split-ssh add {}", session.client.keyring),
        record: place.record(),
    };
    unlock
        .unlock(&place.socket, session.stream, until)
        .map_err(UpstreamError::Locked)?;
    listing::read_keys(session)
}
