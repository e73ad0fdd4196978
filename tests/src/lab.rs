//! Two servers, a key that both accept, and a client whose agent is wherever a test says.

use std::path::Path;

use crate::agent::Agent;
use crate::keys::{Key, Kind};
use crate::ssh::Client;
use crate::sshd::{Options, Sshd};
use crate::world::World;

/// A policy that allows logins to `server` and signatures of files, and nothing else.
pub const LOGINS_AND_FILES: &str = "default = \"deny\"

[host.server]
names = [\"server\"]

[[rule]]
kind = \"login\"
host = \"server\"
action = \"allow\"

[[rule]]
kind = \"sshsig\"
namespace = \"file\"
action = \"allow\"
";

#[derive(Debug)]
pub struct Lab {
    pub agent: Agent,
    pub key: Key,
    /// Known as `server` and `second`.
    pub server: Sshd,
    pub second: Sshd,
    /// Last: its folder outlives all that writes there.
    pub world: World,
}

impl Lab {
    pub fn new() -> Self {
        Self::with_key(Kind::Ed25519)
    }

    /// A lab whose user logs in with a key of this kind.
    pub fn with_key(kind: Kind) -> Self {
        Self::with(kind, &Options::default())
    }

    /// A lab whose first server is as `options` say.
    pub fn with(kind: Kind, options: &Options<'_>) -> Self {
        let world = World::new();
        world.directory("lib");
        let agent = Agent::start(&world);
        let key = Key::generate(&world, "key", kind);
        let server = Sshd::start_with(&world, options);
        let second = Sshd::named(&world, "second");
        server.authorize(&key);
        second.authorize(&key);
        agent.add(&world, &key);
        Self {
            world,
            agent,
            key,
            server,
            second,
        }
    }

    pub fn client(&self, socket: &Path) -> Client {
        Client::new(&self.world, socket, &[&self.server, &self.second])
    }

    /// What the vault's known_hosts says of the servers.
    pub fn known_hosts(&self) -> String {
        [self.server.known_host(), self.second.known_host()].concat()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}
