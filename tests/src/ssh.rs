//! Real ssh clients with a configuration of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sshd::Sshd;
use crate::world::{World, user_name};

/// A client's `ssh_config` and known hosts for some servers.
#[derive(Debug)]
pub struct Client {
    world: World,
    pub config: PathBuf,
    socket: PathBuf,
}

impl Client {
    /// A client whose agent is at `socket` and that knows `servers` by their names.
    pub fn new(world: &World, socket: &Path, servers: &[&Sshd]) -> Self {
        let known: String = servers.iter().map(|server| server.known_host()).collect();
        let known = world.file("client/known_hosts", known);
        let mut config = String::new();
        for server in servers {
            config.push_str(&format!(
                "Host {0}\nHostName 127.0.0.1\nPort {1}\nHostKeyAlias {0}\n",
                server.name, server.port
            ));
        }
        config.push_str(&format!(
            "Host *\nUser {}\nIdentityFile none\nBatchMode yes\nStrictHostKeyChecking yes\n\
             GlobalKnownHostsFile /dev/null\nUserKnownHostsFile {}\nPreferredAuthentications publickey\n\
             LogLevel ERROR\n",
            user_name(),
            known.display()
        ));
        let config = world.file("client/config", config);
        Self {
            world: world.clone(),
            config,
            socket: socket.to_owned(),
        }
    }

    /// `ssh`, `scp` or `sftp` with this configuration.
    pub fn program(&self, program: &str) -> Command {
        let mut command = self.world.command(program);
        command
            .arg("-F")
            .arg(&self.config)
            .env("SSH_AUTH_SOCK", &self.socket);
        command
    }

    pub fn ssh(&self, words: &[&str]) -> Command {
        let mut command = self.program("ssh");
        command.args(words);
        command
    }

    /// `git` that signs and connects with this client's agent.
    pub fn git(&self, words: &[&str]) -> Command {
        let mut command = self.world.command("git");
        command
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command.env(
            "GIT_SSH_COMMAND",
            format!("ssh -F {}", self.config.display()),
        );
        for (key, value) in [("AUTHOR", "A"), ("COMMITTER", "C")] {
            command
                .env(format!("GIT_{key}_NAME"), value)
                .env(format!("GIT_{key}_EMAIL"), "a@example.org");
        }
        command
            .args(["-c", "gpg.format=ssh", "-c", "init.defaultBranch=main"])
            .args(words);
        command
    }

    /// Any program with this client's agent.
    pub fn with_agent(&self, program: &str) -> Command {
        let mut command = self.world.command(program);
        command.env("SSH_AUTH_SOCK", &self.socket);
        command
    }
}
