//! The client side: the qube `work`, with public halves of keys only.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::agent::Keys;
use super::running::Running;
use super::server::Server;
use super::vault::{Vault, split_ssh};
use super::world::{World, user_name};
use common::error::Error;

const NAME: &str = "work";

/// How the vault knows the client: only qrexec can vouch for a qube's name.
pub fn caller(qrexec: Option<&Path>) -> String {
    match qrexec {
        Some(_) => NAME.to_owned(),
        None => format!("local:{}", nix::unistd::Uid::current()),
    }
}

#[derive(Debug)]
pub struct Qube {
    world: World,
    /// Where its programs find their agent.
    pub socket: PathBuf,
    _process: Running,
}

impl Qube {
    /// A qube that calls `vault` by the qrexec program, or else by its socket.
    pub fn start(world: &World, vault: &Vault, qrexec: Option<&Path>) -> Result<Self, Error> {
        for folder in ["work/run", "work/state"] {
            world.folder(folder)?;
        }
        let socket = world.path("work/agent.sock");
        let transport = match qrexec {
            Some(program) => format!("qrexec = \"{}\"", program.display()),
            None => format!("transport = \"unix:{}\"", vault.qrexec_socket().display()),
        };
        let config = format!(
            "[[vault]]\nqube = \"vault\"\nsocket = \"{}\"\n{transport}\n",
            socket.display()
        );
        world.file("work/client.toml", &config)?;
        let mut command = split_ssh(world, NAME)?;
        command.arg("client");
        if qrexec.is_some() {
            command.env("QREXEC_STAND_IN", stand_in_for_dom0(world, vault)?);
        }
        let mut process = world.start(command, "work/output")?;
        process.wait_until("the client", |_| socket.exists())?;
        Ok(Self {
            world: world.clone(),
            socket,
            _process: process,
        })
    }

    /// `ssh` as it is in this qube.
    pub fn ssh(&self) -> Command {
        ssh(&self.world, &self.socket)
    }

    /// `git` as it is in this qube.
    pub fn git(&self, words: &[&str]) -> Command {
        let home = self.world.path(NAME);
        let mut git = self.world.command("git");
        git.env("HOME", &home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("SSH_AUTH_SOCK", &self.socket);
        git.arg("-C").arg(home.join("repository")).args(words);
        git
    }
}

/// `ssh` that knows the servers and has its agent at `socket`.
pub fn ssh(world: &World, socket: &Path) -> Command {
    let mut ssh = world.command("ssh");
    ssh.env("SSH_AUTH_SOCK", socket);
    ssh.arg("-F").arg(world.path("client/config"));
    ssh
}

/// What every client has: `ssh_config`, known hosts, and the public halves of `keys`.
pub fn configure(world: &World, keys: &Keys, servers: &[&Server]) -> Result<(), Error> {
    for (name, key) in [("work", &keys.work), ("home", &keys.home), ("ca", &keys.ca)] {
        world.file(&format!("client/{name}.pub"), &format!("{}\n", key.line))?;
    }
    let known_hosts: String = servers.iter().map(|server| server.known_host()).collect();
    let known_hosts = world.file("client/known_hosts", &known_hosts)?;
    let hosts: String = servers
        .iter()
        .map(|server| {
            format!(
                "Host {0}\nHostName 127.0.0.1\nPort {1}\nHostKeyAlias {0}\n",
                server.name, server.port
            )
        })
        .collect();
    let config = format!(
        "{hosts}Host *\nUser {}\nIdentityFile none\nBatchMode yes\nStrictHostKeyChecking yes\n\
         UserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\nPreferredAuthentications publickey\n\
         LogLevel ERROR\n",
        user_name(),
        known_hosts.display()
    );
    world.file("client/config", &config)?;
    Ok(())
}

/// A folder from which the qrexec stand-in reads who calls whom: `work` may call `vault`.
fn stand_in_for_dom0(world: &World, vault: &Vault) -> Result<PathBuf, Error> {
    world.file("dom0/source", NAME)?;
    world.file("dom0/policy", "qubes.SshAgent * work vault allow\n")?;
    let service = world
        .folder("dom0/qubes/vault/services")?
        .join("qubes.SshAgent");
    symlink(vault.qrexec_socket(), &service)
        .map_err(|error| Error::io("link", &service, &error))?;
    Ok(world.path("dom0"))
}
