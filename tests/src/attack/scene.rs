//! A vault of the tests' own under attack, with keys for every attack.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::Target;
use crate::agent::Agent;
use crate::children::run;
use crate::keys::{Key, Kind};
use crate::plain_pipe::PlainPipe;
use crate::split_ssh::{ClientQube, Vault};
use crate::sshd::{Options, Sshd};
use crate::world::World;

/// What stands between the client qube and the vault's agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// The community guide's pipe.
    Guide,
    /// socat at both ends.
    Socat,
    SplitSsh,
}

/// Held only so that it lives as long as the scene.
#[derive(Debug)]
enum Way {
    Plain {
        _pipe: PlainPipe,
    },
    Guarded {
        _vault: Box<Vault>,
        _client: ClientQube,
    },
}

/// A vault whose keys `granted`, `old` and `constrained` the qube may use, to log in to `server` only.
#[derive(Debug)]
pub struct Scene {
    target: Target,
    /// An RSA key that may be used as `granted` is.
    pub old: Key,
    /// A key that no rule is about.
    pub other: Key,
    /// May be used for `server` only, by OpenSSH's own destination constraint.
    pub constrained: Key,
    _way: Way,
    /// Last: its folder outlives all that writes there.
    _world: World,
}

const POLICY: &str = "default = \"deny\"

[host.server]
names = [\"server\"]

[[rule]]
name = \"log in to the server\"
qube = \"work\"
key = [\"granted\", \"old\", \"constrained\"]
kind = \"login\"
host = \"server\"
action = \"allow\"
";

impl Scene {
    pub fn new(front: Front) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        Self::with_agent(front, world, agent)
    }

    /// A scene whose agent may have 128 descriptors open, as an agent after a long day.
    pub fn with_few_descriptors(front: Front) -> Self {
        let world = World::new();
        let agent = Agent::start_with_descriptors(&world, "agent", 128);
        Self::with_agent(front, world, agent)
    }

    fn with_agent(front: Front, world: World, agent: Agent) -> Self {
        world.directory("lib");
        let granted = Key::ed25519(&world, "granted");
        let old = Key::generate(&world, "old", Kind::Rsa(2048));
        let other = Key::generate(&world, "other", Kind::Rsa(2048));
        let authority = Key::ed25519(&world, "authority");
        let authorities = format!("TrustedUserCAKeys {}", authority.public.display());
        let options = Options {
            lines: &[&authorities],
            ..Default::default()
        };
        let server = Arc::new(Sshd::start_with(&world, &options));
        server.authorize(&granted);
        for key in [&granted, &old, &other, &authority] {
            agent.add(&world, key);
        }
        let constrained = Key::ed25519(&world, "constrained");
        let known_hosts = world.file("constraint_hosts", server.known_host());
        agent.add_with(
            &world,
            &constrained,
            &["-h", "server", "-H", &known_hosts.to_string_lossy()],
        );
        let (socket, way) = match front {
            Front::Guide => plain(PlainPipe::guide(&world, &agent)),
            Front::Socat => plain(PlainPipe::socat(&world, &agent)),
            Front::SplitSsh => {
                let vault = Vault::start(&world, &agent, POLICY, &server.known_host());
                let client = ClientQube::start(&world, &vault, "work");
                (
                    client.socket.clone(),
                    Way::Guarded {
                        _vault: Box::new(vault),
                        _client: client,
                    },
                )
            }
        };
        Self {
            target: Target::new(
                &world,
                "attacker",
                agent,
                socket,
                [&granted, &authority],
                &server,
            ),
            old,
            other,
            constrained,
            _way: way,
            _world: world,
        }
    }

    /// Insists that the vault's agent is as it was: runs, lists the same keys, and signs with them rightly.
    pub fn assert_intact(&mut self) {
        self.target.assert_intact();
        run(crate::agent::ssh_add(&self.world, &self.agent.socket)
            .arg("-T")
            .arg(&self.other.public));
    }
}

/// Most attacks need no more than a target.
impl Deref for Scene {
    type Target = Target;

    fn deref(&self) -> &Target {
        &self.target
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Target {
        &mut self.target
    }
}

fn plain(pipe: PlainPipe) -> (std::path::PathBuf, Way) {
    (pipe.socket.clone(), Way::Plain { _pipe: pipe })
}
