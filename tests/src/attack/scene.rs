//! The vault under attack, and the way in.

use std::path::PathBuf;

use crate::agent::{Agent, ssh_add};
use crate::children::run;
use crate::keys::{Key, Kind};
use crate::message::{self, sign};
use crate::plain_pipe::PlainPipe;
use crate::raw::{Answer, Connection};
use crate::split_ssh::{ClientQube, Vault};
use crate::ssh::Client;
use crate::sshd::Sshd;
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
        vault: Box<Vault>,
        _client: ClientQube,
    },
}

/// A vault whose keys `granted`, `old` and `constrained` the qube may use, to log in to `server` only.
#[derive(Debug)]
pub struct Scene {
    pub agent: Agent,
    /// The socket that the attacker has.
    pub socket: PathBuf,
    pub granted: Key,
    /// An RSA key that may be used as `granted` is.
    pub old: Key,
    pub other: Key,
    /// May be used for `server` only, by OpenSSH's own destination constraint.
    pub constrained: Key,
    pub authority: Key,
    pub server: Sshd,
    before: Vec<Vec<u8>>,
    way: Way,
    /// Last: its folder outlives all that writes there.
    pub world: World,
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
        let agent = Agent::start_with_descriptors(&world, 128);
        Self::with_agent(front, world, agent)
    }

    fn with_agent(front: Front, world: World, agent: Agent) -> Self {
        world.directory("lib");
        let granted = Key::ed25519(&world, "granted");
        let old = Key::generate(&world, "old", Kind::Rsa(2048));
        let other = Key::generate(&world, "other", Kind::Rsa(2048));
        let authority = Key::ed25519(&world, "authority");
        let authorities = format!("TrustedUserCAKeys {}", authority.public.display());
        let options = crate::sshd::Options {
            lines: &[&authorities],
            ..Default::default()
        };
        let server = Sshd::start_with(&world, &options);
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
        let before = agent.keys();
        let (socket, way) = match front {
            Front::Guide => plain(PlainPipe::guide(&world, &agent)),
            Front::Socat => plain(PlainPipe::socat(&world, &agent)),
            Front::SplitSsh => {
                let vault = Vault::start(&world, &agent, POLICY, &server.known_host());
                let client = ClientQube::start(&world, &vault, "work");
                (
                    client.socket.clone(),
                    Way::Guarded {
                        vault: Box::new(vault),
                        _client: client,
                    },
                )
            }
        };
        Self {
            world,
            agent,
            socket,
            granted,
            old,
            other,
            constrained,
            authority,
            server,
            before,
            way,
        }
    }

    pub fn connect(&self) -> Connection {
        Connection::open(&self.socket)
    }

    /// `ssh-add` as the attacker runs it; a passphrase or PIN that it asks for is `1234`.
    pub fn ssh_add(&self) -> std::process::Command {
        let askpass = self.world.script("askpass", "#!/bin/sh\necho 1234\n");
        let mut command = ssh_add(&self.world, &self.socket);
        command
            .env("SSH_ASKPASS", askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("DISPLAY", ":none");
        command
    }

    /// The vault, when split-ssh guards it.
    pub fn vault(&self) -> Option<&Vault> {
        match &self.way {
            Way::Plain { .. } => None,
            Way::Guarded { vault, .. } => Some(vault),
        }
    }

    /// Insists that the vault's agent is as it was: runs, lists the same keys, and signs with them rightly.
    pub fn assert_intact(&mut self) {
        assert!(self.agent.is_running(), "the vault's agent is gone");
        assert_eq!(
            self.agent.keys(),
            self.before,
            "the vault's keys have changed"
        );
        run(ssh_add(&self.world, &self.agent.socket)
            .arg("-T")
            .arg(&self.granted.public)
            .arg(&self.other.public));
    }

    /// Insists that the qube can still do what it may.
    pub fn assert_served(&self) {
        let client = Client::new(&self.world, &self.socket, &[&self.server]);
        assert_eq!(run(&mut client.ssh(&["server", "echo inside"])), "inside\n");
    }

    /// What the vault's agent itself signs with `key`, asked in the vault.
    pub fn vaults_signature(&self, key: &Key, data: &[u8]) -> Option<Vec<u8>> {
        Connection::open(&self.agent.socket)
            .ask(&sign(&key.blob(), data))
            .signature()
    }

    /// Whether the vault's own user still gets an answer from the agent soon.
    pub fn vaults_user_is_served(&self) -> bool {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
        let list = message::Message::of(message::LIST);
        matches!(
            Connection::open(&self.agent.socket).ask_within(&list, PATIENCE),
            Answer::Reply(_)
        )
    }
}

fn plain(pipe: PlainPipe) -> (PathBuf, Way) {
    (pipe.socket.clone(), Way::Plain { _pipe: pipe })
}
