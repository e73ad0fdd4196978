//! A real `ssh-agent`: the vault's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::children::{Running, run};
use crate::keys::Key;
use crate::raw;
use crate::wait::wait_for_socket;
use crate::world::World;

#[derive(Debug)]
pub struct Agent {
    process: Running,
    pub socket: PathBuf,
    name: String,
    /// How many files it may have open, where a test has limited them.
    pub descriptors: Option<u32>,
}

impl Agent {
    pub fn start(world: &World) -> Self {
        Self::start_named(world, "agent")
    }

    /// `name` keeps several agents of one world apart.
    pub fn start_named(world: &World, name: &str) -> Self {
        Self::run(world, name, None)
    }

    /// An agent that may have `descriptors` files open: it serves a few connections fewer.
    pub fn start_with_descriptors(world: &World, name: &str, descriptors: u32) -> Self {
        Self::run(world, name, Some(descriptors))
    }

    fn run(world: &World, name: &str, descriptors: Option<u32>) -> Self {
        let socket = world.path(format!("{name}.sock"));
        // One that was killed leaves its socket.
        drop(std::fs::remove_file(&socket));
        // The default allow list, and the libraries that a test plants in its world.
        let providers = format!(
            "/usr/lib*/*,/usr/local/lib*/*,{}/*",
            world.path("lib").display()
        );
        let mut command = match descriptors {
            None => world.command("ssh-agent"),
            Some(limit) => {
                let mut command = world.command("prlimit");
                command.args([&format!("--nofile={limit}"), "ssh-agent"]);
                command
            }
        };
        command.args(["-D", "-P", &providers, "-a"]).arg(&socket);
        command.env("SOFTHSM2_CONF", world.path("softhsm2.conf"));
        let process = Running::start(command, &world.path(format!("{name}.log")));
        wait_for_socket(&socket);
        Self {
            process,
            socket,
            name: name.to_owned(),
            descriptors,
        }
    }

    /// Ends it, and starts another one without keys in its place.
    pub fn restart(&mut self, world: &World) {
        if self.is_running() {
            self.stop();
        }
        *self = Self::run(world, &self.name, self.descriptors);
    }

    /// `ssh-add` speaking to this agent.
    pub fn add(&self, world: &World, key: &Key) {
        self.add_with(world, key, &[]);
    }

    pub fn add_with(&self, world: &World, key: &Key, options: &[&str]) {
        let mut command = ssh_add(world, &self.socket);
        // Security keys name the library that reaches them; other keys do not care.
        command.env("SSH_SK_PROVIDER", world.path("lib/sk_provider.so"));
        run(command.arg("-q").args(options).arg(&key.private));
    }

    /// The wire form of all keys it holds.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        raw::list(&self.socket).unwrap_or_default()
    }

    pub fn is_running(&mut self) -> bool {
        self.process.exit_status().is_none()
    }

    pub fn stop(&mut self) {
        self.process.signal(nix::sys::signal::Signal::SIGTERM);
        self.process.wait();
    }

    pub fn pid(&self) -> nix::unistd::Pid {
        self.process.pid()
    }
}

/// `ssh-add` towards `socket`.
pub fn ssh_add(world: &World, socket: &Path) -> Command {
    let mut command = world.command("ssh-add");
    command.env("SSH_AUTH_SOCK", socket);
    command
}
