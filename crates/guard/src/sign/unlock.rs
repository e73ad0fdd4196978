//! Key files with a passphrase that a keyring's agent does not hold: they are listed, and loaded when a
//! rule or a person has let them sign. Only then is the owner asked for the passphrase. Where the whole agent is locked, the
//! owner is told, and the request waits.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::PollFd;
use policy::facts::KeyFacts;

use super::key_list::KeyEntry;
use super::listing;
use super::outcome::SignRefusal;
use super::session::AgentSession;
use crate::ask::prompt::Notice;
use crate::keys::unlock::{UNLOCK_TIME, Unlock};
use crate::keys::upstream::UpstreamError;
use common::identities::KeyFile;
use common::wait;

/// How soon after it is unlocked an agent is used.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Brings the key into the agent.
pub fn unlock(
    session: &mut AgentSession<'_>,
    file: &KeyFile,
    key: &KeyFacts,
) -> Result<(), UpstreamError> {
    let until = Instant::now() + UNLOCK_TIME;
    let keys = &session.signer.keys;
    // Two logins with one locked key are one question for its passphrase.
    let _turn = keys.unlocking();
    listing::read_keys(session)?;
    let listed = session.listed(&file.blob);
    if listed.is_none_or(|key| key.locked.is_none()) {
        return Ok(());
    }
    let place = session.place.as_ref().ok_or(UpstreamError::NoKeyring)?;
    let unlock = Unlock {
        prompter: &session.signer.asker.prompter,
        private: &file.private,
        fingerprint: &key.fingerprint.0,
        why: format!("{} was allowed to use this key.", session.client.caller),
        by_hand: format!("split-ssh add {}", session.client.keyring),
        place,
    };
    unlock
        .unlock(&session.stream, until)
        .map_err(UpstreamError::Locked)?;
    listing::read_keys(session)
}

/// Waits until the keyring's agent lists the key, as long as the client waits, and tells the owner what to unlock.
///
/// # Errors
/// The client hung up, or the agent stayed locked.
pub fn wait_for_agent(session: &mut AgentSession<'_>, key: &KeyEntry) -> Result<(), SignRefusal> {
    let until = Instant::now() + UNLOCK_TIME;
    let keyring = session.client.keyring.to_string();
    let mut is_told = false;
    loop {
        // A failure to list is what is waited for to end.
        let listed = listing::read_keys(session);
        match session.listed(&key.key.blob) {
            Some(found) if !found.is_away => return Ok(()),
            _ if Instant::now() >= until => {
                let why = match listed {
                    Err(error) => error.to_string(),
                    Ok(()) => "its agent is locked, or does not run".to_owned(),
                };
                let why = format!("{why}; unlock the agent of keyring {keyring}");
                return Err(UpstreamError::Locked(why).into());
            }
            _ => {}
        }
        if !is_told {
            let caller = &session.client.caller;
            let said = format!(
                "{caller} waits for a key of keyring {keyring}: unlock KeePassXC, or whichever agent holds it \
                 (ssh-add -X)"
            );
            session.signer.asker.notifier.tell(Notice::said(said));
            is_told = true;
        }
        let mut client = [PollFd::new(session.stream.as_fd(), wait::PEER_CLOSED)];
        let ready = wait::until(&mut client, Some(Instant::now() + LOOK_AGAIN));
        if ready.is_err() || wait::has_peer_closed(&client[0]) {
            return Err(SignRefusal::ClientHungUp);
        }
    }
}
