//! The vault side: an agent with keys, and the guard before it.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use super::agent::Agent;
use super::programs;
use super::running::Running;
use super::server::Server;
use super::world::World;
use common::error::Error;
use common::paths::Paths;

/// What the demo shows as the vault's policy, and runs with. CALLER is how the vault knows the client.
const POLICY: &str = r#"default = "deny"             # what no rule covers

[host.build]
names = ["build"]            # its key is in the vault's known_hosts

[[rule]]
name   = "log in to build"
qube   = "CALLER"
key    = "work"
kind   = "login"
host   = "build"
action = "allow"

[[rule]]
name      = "sign commits"
qube      = "CALLER"
key       = "work"
kind      = "sshsig"
namespace = "git"
action    = "allow"

[[rule]]
name   = "other logins"
qube   = "CALLER"
key    = "work"
kind   = "login"
action = "ask"
"#;

#[derive(Debug)]
pub struct Vault {
    world: World,
    process: Running,
    pub agent: Agent,
    /// The text of policy.toml.
    pub policy: String,
    pub paths: Paths,
}

impl Vault {
    /// A vault whose known_hosts names `servers`.
    pub fn start(
        world: &World,
        agent: Agent,
        caller: &str,
        servers: &[&Server],
    ) -> Result<Self, Error> {
        for folder in ["vault/run", "vault/state", "vault/.ssh"] {
            world.folder(folder)?;
        }
        let known_hosts: String = servers.iter().map(|server| server.known_host()).collect();
        world.file("vault/.ssh/known_hosts", &known_hosts)?;
        let policy = POLICY.replace("CALLER", caller);
        world.file("vault/policy.toml", &policy)?;
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n\n[prompt]\nby = \"terminal\"\n",
            agent.socket.display()
        );
        world.file("vault/vault.toml", &config)?;
        let paths = Paths::find(
            Some(world.path("vault")),
            Some(world.path("vault/run")),
            Some(world.path("vault/state")),
        )?;
        let mut command = split_ssh(world, "vault")?;
        command.arg("vault");
        let mut process = world.start(command, "vault/output")?;
        process.wait_until("the vault", |_| {
            [paths.qrexec_socket(), paths.control_socket()]
                .iter()
                .all(|socket| UnixStream::connect(socket).is_ok())
        })?;
        Ok(Self {
            world: world.clone(),
            process,
            agent,
            policy,
            paths,
        })
    }

    /// A subcommand in the vault.
    pub fn split_ssh(&self) -> Result<Command, Error> {
        split_ssh(&self.world, "vault")
    }

    pub fn policy_file(&self) -> PathBuf {
        self.paths.config.join("policy.toml")
    }

    pub fn qrexec_socket(&self) -> PathBuf {
        self.paths.qrexec_socket()
    }

    pub fn stop(&mut self) -> Result<(), Error> {
        self.process.stop()
    }
}

/// `split-ssh` with its places in the folder `home`.
pub fn split_ssh(world: &World, home: &str) -> Result<Command, Error> {
    let home = world.path(home);
    let mut command = world.command(programs::split_ssh()?);
    command.env("HOME", &home);
    command.arg("--config-dir").arg(&home);
    command.arg("--runtime-dir").arg(home.join("run"));
    command.arg("--state-dir").arg(home.join("state"));
    Ok(command)
}
