//! A sandbox of bubblewrap: a user namespace with another uid map, and of the machine's sockets only what is bound in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::children::finish;
use crate::lab::Lab;
use crate::programs;

/// A uid that every Debian has a name for; ssh runs under no other.
const UID_INSIDE: &str = "1";
/// Where the agent's folder is, inside.
const AGENT_FOLDER: &str = "/run/ssh";

#[derive(Debug)]
pub struct BubbleSandbox<'a> {
    lab: &'a Lab,
    /// What is bound to [`AGENT_FOLDER`].
    folder: PathBuf,
    /// The agent's socket, inside.
    socket: PathBuf,
    home: PathBuf,
}

impl<'a> BubbleSandbox<'a> {
    /// A sandbox that is given the folder of the agent's socket, read-only.
    pub fn new(lab: &'a Lab, name: &str, socket: &Path) -> Self {
        programs::insist_on("/usr/bin/bwrap");
        Self {
            lab,
            folder: socket.parent().expect("a folder").to_owned(),
            socket: Path::new(AGENT_FOLDER).join(socket.file_name().expect("a name")),
            home: lab.world.directory(name),
        }
    }

    /// Runs a script inside, with git and ssh set up for the lab's servers.
    pub fn script(&self, script: &str) -> Output {
        finish(&mut self.command(script))
    }

    /// The same, to be started by the caller.
    pub fn command(&self, script: &str) -> Command {
        let client = self.lab.client(&self.socket);
        let inside = client.git(&[]);
        let mut command = Command::new("bwrap");
        command
            .args(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"])
            .args(["--tmpfs", "/tmp", "--tmpfs", "/run", "--unshare-user"])
            .args(["--uid", UID_INSIDE, "--gid", UID_INSIDE]);
        let config = client.config.parent().expect("a folder");
        command.arg("--ro-bind").arg(config).arg(config);
        command.arg("--bind").arg(&self.home).arg("/home");
        command.arg("--ro-bind").arg(&self.folder).arg(AGENT_FOLDER);
        command.args(["--chdir", "/home", "--clearenv"]);
        command.args([
            "--setenv",
            "HOME",
            "/home",
            "--setenv",
            "PATH",
            "/usr/bin:/bin",
        ]);
        for (name, value) in inside.get_envs() {
            if let Some(value) = value.filter(|_| name != "HOME" && name != "PATH") {
                command.arg("--setenv").arg(name).arg(value);
            }
        }
        command.args(["sh", "-euc", script]);
        command
    }

    /// Whether a script ends well.
    pub fn succeeds(&self, script: &str) -> bool {
        self.script(script).status.success()
    }
}
