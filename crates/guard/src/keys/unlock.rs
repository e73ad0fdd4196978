//! Loads a key file whose passphrase the owner is asked for, three times at most.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use policy::display;
use policy::question::protocol::PassphraseQuestion;
use policy::question::{Version, own_row};

use crate::ask::prompt::Prompter;
use common::key_loading::NotLoaded;
use common::keyrings::KeyringPlace;

/// The longest time from the first window to the last. Below sshd's LoginGraceTime of 120 s, which runs meanwhile.
pub const UNLOCK_TIME: Duration = Duration::from_secs(100);
/// A person who mistypes; not a guesser.
const MAX_ATTEMPTS: u8 = 3;
/// Seconds that one window waits.
const WINDOW_SECONDS: u64 = 60;
/// Characters of a path in the window.
const MAX_SHOWN: usize = 200;

/// A key file to be unlocked in a window.
pub struct Unlock<'a> {
    pub prompter: &'a Prompter,
    pub private: &'a Path,
    pub fingerprint: &'a str,
    /// What the window says it is for.
    pub why: String,
    /// What to run in the vault where there is no window.
    pub by_hand: String,
    /// Whose agent is to have it.
    pub place: &'a KeyringPlace,
}

impl Unlock<'_> {
    /// Asks and loads, until it fits, `client` hangs up, or time is up.
    ///
    /// # Errors
    /// Why the key is not in the agent, for people.
    pub fn unlock(&self, client: &UnixStream, until: Instant) -> Result<(), String> {
        for attempt in 1..=MAX_ATTEMPTS {
            let left = until.saturating_duration_since(Instant::now()).as_secs();
            let file = display::ascii(self.private.display().to_string().as_bytes(), MAX_SHOWN);
            let wanted = PassphraseQuestion {
                v: Version,
                id: 1,
                rows: vec![
                    own_row("Key file", file),
                    own_row("", self.fingerprint.to_owned()),
                ],
                why: self.why.clone(),
                attempt,
                seconds: left.min(WINDOW_SECONDS),
            };
            let asked = self.prompter.passphrase(&wanted, client).map_err(|why| {
                format!(
                    "it has a passphrase, and {why}: run `{}` in the vault",
                    self.by_hand
                )
            })?;
            let Some(passphrase) = asked else {
                return Err("its passphrase was not given".to_owned());
            };
            let secret = Some(passphrase.bytes());
            match self.place.load_key(self.private, secret) {
                Ok(()) => return Ok(()),
                Err(NotLoaded::Locked) => {}
                Err(why) => return Err(why.to_string()),
            }
        }
        Err("none of three passphrases fitted".to_owned())
    }
}
