//! Attacks of a compromised client that has nothing but its agent's socket. Each is played for real and
//! judged by what it did to the vault's agent or what it gained, never by what a program says.

mod exhaust;
mod load;
mod sign;
mod tamper;

use std::path::PathBuf;

use super::agent::{Agent, Connection, Keys};
use super::server::Server;
use super::world::World;
use common::error::Error;

/// One vault under attack.
#[derive(Debug)]
pub struct Target<'a> {
    pub world: &'a World,
    /// The folder that the vault's agent lives in.
    pub name: &'static str,
    /// What the attacker has.
    pub socket: PathBuf,
    pub agent: &'a mut Agent,
    pub keys: Keys,
    /// Where the policy, if there is one, lets the attacker log in.
    pub allowed: &'a Server,
    /// Where it does not.
    pub other: &'a Server,
}

/// What came of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The attacker has what it wanted.
    Reached(String),
    /// It has not.
    Missed(String),
    /// It could not be played here.
    NotTried(String),
}

#[derive(Clone, Copy, Debug)]
pub struct Attack {
    pub letter: &'static str,
    pub what: &'static str,
    pub play: fn(&mut Target<'_>) -> Result<Outcome, Error>,
}

pub const ALL: [Attack; 12] = [
    attack("a", "see every key", tamper::list_every_key),
    attack("b", "delete all keys", tamper::delete_all_keys),
    attack("c", "lock the agent", tamper::lock_the_agent),
    attack("", "kill the agent", tamper::kill_the_agent),
    attack("d", "add a key", tamper::add_a_key),
    attack("", "spoil a key", tamper::poison_a_key),
    attack("e", "load a library", load::load_a_library),
    attack("f", "100 logins, one call", sign::log_in_many_times),
    attack("g", "sign a release", sign::sign_a_release),
    attack("", "certify its own key", sign::issue_a_certificate),
    attack("", "sign unknown bytes", sign::sign_raw_bytes),
    attack("h", "exhaust the agent", exhaust::use_up_connections),
];

const fn attack(
    letter: &'static str,
    what: &'static str,
    play: fn(&mut Target<'_>) -> Result<Outcome, Error>,
) -> Attack {
    Attack { letter, what, play }
}

impl Target<'_> {
    pub fn connect(&self) -> Result<Connection, Error> {
        Connection::open(&self.socket)
            .map_err(|error| Error::io("connect to", &self.socket, &error))
    }

    /// The vault's agent is as it was: it runs, and lists the same keys to its own user.
    pub fn is_intact(&mut self) -> bool {
        let blobs = self.keys.all().map(|key| key.blob.clone());
        self.agent.runs() && self.agent.keys().is_some_and(|keys| keys == blobs)
    }

    /// A new agent with the same keys.
    pub fn restore(&mut self) -> Result<(), Error> {
        self.agent.stop()?;
        *self.agent = Agent::start(self.world, self.name, &self.keys)?;
        Ok(())
    }

    /// How many keys the vault's own user sees, in words.
    fn keys_left(&mut self) -> String {
        match self.agent.keys() {
            _ if !self.agent.runs() => "the agent is dead".to_owned(),
            None => "the agent does not answer".to_owned(),
            Some(keys) if keys.len() == 1 => "1 key left".to_owned(),
            Some(keys) => format!("{} keys left", keys.len()),
        }
    }
}

fn refused(what_is_left: &str) -> Outcome {
    Outcome::Missed(format!("refused, {what_is_left}"))
}
