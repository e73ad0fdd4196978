//! One vault under attack, and what the attacker has.

use std::path::PathBuf;
use std::sync::Arc;

use crate::agent::{Agent, ssh_add};
use crate::children::run;
use crate::keys::Key;
use crate::message::{LIST, Message, sign};
use crate::raw::{Answer, Connection};
use crate::ssh::Client;
use crate::sshd::Sshd;
use crate::world::World;

/// What came of an attack, in words that fit a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The attacker has what it wanted.
    Reached(String),
    /// It has not.
    Missed(String),
}

impl Outcome {
    pub fn is_reached(&self) -> bool {
        matches!(self, Self::Reached(_))
    }

    pub(super) fn of(reached: bool, what: &str) -> Self {
        if reached {
            Self::Reached(what.to_owned())
        } else {
            Self::Missed("refused".to_owned())
        }
    }
}

/// A vault whose key `granted` the qube may use to log in to `server`, and little else.
#[derive(Debug)]
pub struct Target {
    /// The folder of what the attacker writes.
    pub place: String,
    pub agent: Agent,
    /// The socket that the attacker has.
    pub socket: PathBuf,
    /// An Ed25519 key.
    pub granted: Key,
    /// Signs user certificates that `server` accepts.
    pub authority: Key,
    pub server: Arc<Sshd>,
    /// What the agent listed before the first attack.
    before: Vec<Vec<u8>>,
    pub world: World,
}

impl Target {
    /// The agent, with its keys, as it is before the first attack.
    pub fn new(
        world: &World,
        place: &str,
        agent: Agent,
        socket: PathBuf,
        [granted, authority]: [&Key; 2],
        server: &Arc<Sshd>,
    ) -> Self {
        world.directory(place);
        Self {
            place: place.to_owned(),
            before: agent.keys(),
            agent,
            socket,
            granted: granted.clone(),
            authority: authority.clone(),
            server: Arc::clone(server),
            world: world.clone(),
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

    /// A program that uses the attacker's socket, in the attacker's folder.
    pub(super) fn keygen(&self) -> std::process::Command {
        let mut command = self.world.command("ssh-keygen");
        command
            .env("SSH_AUTH_SOCK", &self.socket)
            .current_dir(self.path(""));
        command
    }

    /// A file in the attacker's folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.world.path(&self.place).join(name)
    }

    pub(super) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        self.world.file(format!("{}/{name}", self.place), text)
    }

    /// A client in the attacker's qube that knows the server.
    pub(super) fn client(&self) -> Client {
        Client::new(&self.world, &self.socket, &[&self.server])
    }

    /// The vault's agent runs, and lists the same keys to its own user as before.
    pub fn is_intact(&mut self) -> bool {
        self.agent.is_running() && self.agent.keys() == self.before
    }

    /// Insists on that, and that the agent signs rightly.
    pub fn assert_intact(&mut self) {
        assert!(self.agent.is_running(), "the vault's agent is gone");
        assert_eq!(
            self.agent.keys(),
            self.before,
            "the vault's keys have changed"
        );
        run(ssh_add(&self.world, &self.agent.socket)
            .arg("-T")
            .arg(&self.granted.public));
    }

    /// Insists that the qube can still do what it may.
    pub fn assert_served(&self) {
        let login = [self.server.name.as_str(), "echo inside"];
        assert_eq!(run(&mut self.client().ssh(&login)), "inside\n");
    }

    /// A new agent with `keys` in place of the present one.
    pub fn restore(&mut self, keys: &[Key]) {
        self.agent.restart(&self.world);
        for key in keys {
            self.agent.add(&self.world, key);
        }
    }

    /// What the vault's agent itself signs with `key`, asked in the vault.
    pub(super) fn vaults_signature(&self, key: &Key, data: &[u8]) -> Option<Vec<u8>> {
        Connection::open(&self.agent.socket)
            .ask(&sign(&key.blob(), data))
            .signature()
    }

    /// Whether the vault's own user still gets an answer from the agent soon.
    pub(super) fn vaults_user_is_served(&self) -> bool {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
        matches!(
            Connection::open(&self.agent.socket).ask_within(&Message::of(LIST), PATIENCE),
            Answer::Reply(_)
        )
    }

    /// The attack was refused; the vault's keys are counted as a proof.
    pub(super) fn refused(&self) -> Outcome {
        Outcome::Missed(match self.agent.keys().len() {
            1 => "refused, 1 key left".to_owned(),
            count => format!("refused, {count} keys left"),
        })
    }
}
