//! Private host keys in hands that sign what they like: of servers that a client qube owns, or has robbed.

use crate::agent::Agent;
use crate::keys::Key;
use crate::message::{Message, session_bind, sign_flags};
use crate::raw::Connection;
use crate::world::World;

/// Bytes of most real session ids.
pub const SESSION_LEN: usize = 32;
const RSA_SHA512: u32 = 4;

/// An agent that holds host keys, and signs session ids with them.
#[derive(Debug)]
pub struct HostKeys {
    agent: Agent,
}

impl HostKeys {
    pub fn of<'a>(world: &World, keys: impl IntoIterator<Item = &'a Key>) -> Self {
        let agent = Agent::start_named(world, "host_keys");
        for key in keys {
            agent.add(world, key);
        }
        Self { agent }
    }

    /// The signature blob of `key` over `data`; RSA with SHA-512.
    pub fn sign(&self, key: &Key, data: &[u8]) -> Vec<u8> {
        self.sign_flags(key, data, RSA_SHA512)
    }

    /// The same with other flags, of which 0 makes an RSA key use SHA-1.
    pub fn sign_flags(&self, key: &Key, data: &[u8], flags: u32) -> Vec<u8> {
        let request = sign_flags(&key.blob(), data, flags);
        let answer = Connection::open(&self.agent.socket).ask(&request);
        answer
            .signature()
            .unwrap_or_else(|| panic!("{} does not sign: {answer:?}", key.comment))
    }

    /// A bind as the server itself would have it made. `shown` is its plain key or a certificate of it.
    pub fn bind(&self, key: &Key, shown: &[u8], session: &[u8], forwarding: bool) -> Message {
        session_bind(shown, session, &self.sign(key, session), forwarding)
    }
}

/// A session id that is no other number's.
pub fn session(number: u8) -> [u8; SESSION_LEN] {
    [number; SESSION_LEN]
}
