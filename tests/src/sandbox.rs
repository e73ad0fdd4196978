//! Sandboxes that are given the agent's folder: by bubblewrap, in a user namespace with another uid map, or by podman.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::unistd::Uid;

use crate::children::finish;
use crate::lab::Lab;
use crate::programs;

/// A uid that every Debian has a name for; ssh runs under no other.
const UID_INSIDE: &str = "1";
/// Where the agent's folder is, inside.
const AGENT_FOLDER: &str = "/run/ssh";
/// What a container's root has of its own; the rest is this machine's, so that no image is needed.
const FOLDERS: [&str; 8] = ["usr", "etc", "proc", "sys", "dev", "run", "tmp", "home"];
/// crun refuses a machine that has cgroups of both versions; root can show it the second alone.
const PODMAN_OF_ROOT: &str = "umount --recursive /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec podman \"$@\"";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Bubblewrap,
    /// Rootless for an ordinary user.
    Podman,
}

#[derive(Debug)]
pub struct Sandbox<'a> {
    lab: &'a Lab,
    by: By,
    /// What is bound to [`AGENT_FOLDER`].
    folder: PathBuf,
    /// The agent's socket, inside.
    socket: PathBuf,
    home: PathBuf,
}

impl<'a> Sandbox<'a> {
    /// A sandbox of bubblewrap that is given the folder of the agent's socket, read-only.
    pub fn new(lab: &'a Lab, name: &str, socket: &Path) -> Self {
        programs::insist_on("/usr/bin/bwrap");
        Self::by(By::Bubblewrap, lab, name, socket)
    }

    pub fn by(by: By, lab: &'a Lab, name: &str, socket: &Path) -> Self {
        Self {
            lab,
            by,
            folder: socket.parent().expect("a folder").to_owned(),
            socket: Path::new(AGENT_FOLDER).join(socket.file_name().expect("a name")),
            home: lab.world.directory(format!("{by:?}-{name}")),
        }
    }

    /// Puts a copy of a program into its home; where that is, inside.
    pub fn install(&self, program: &Path, name: &str) -> String {
        fs::copy(program, self.home.join(name)).expect("a copy");
        format!("/home/{name}")
    }

    /// Runs a script inside, with git and ssh set up for the lab's servers.
    pub fn script(&self, script: &str) -> Output {
        finish(&mut self.command(script))
    }

    /// The same, to be started by the caller.
    pub fn command(&self, script: &str) -> Command {
        let client = self.lab.client(&self.socket);
        let mut command = match self.by {
            By::Bubblewrap => bubblewrap(),
            By::Podman => self.podman(),
        };
        let config = client.config.parent().expect("a folder");
        for (from, to, writable) in [
            (config, config, false),
            (&*self.home, Path::new("/home"), true),
            (&*self.folder, Path::new(AGENT_FOLDER), false),
        ] {
            let (from, to) = (from.display(), to.display().to_string());
            match (self.by, writable) {
                (By::Bubblewrap, true) => command.args(["--bind", &from.to_string(), &to]),
                (By::Bubblewrap, false) => command.args(["--ro-bind", &from.to_string(), &to]),
                (By::Podman, true) => command.arg(format!("--volume={from}:{to}")),
                (By::Podman, false) => command.arg(format!("--volume={from}:{to}:ro")),
            };
        }
        let inside = client.git(&[]);
        let inherited = inside
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
        let own = [("HOME", "/home"), ("PATH", "/usr/bin:/bin")];
        for (name, value) in inherited
            .filter(|(name, _)| own.iter().all(|own| own.0 != *name))
            .chain(own)
        {
            match self.by {
                By::Bubblewrap => command.args(["--setenv", name, value]),
                By::Podman => command.arg(format!("--env={name}={value}")),
            };
        }
        match self.by {
            By::Bubblewrap => command.args(["--chdir", "/home"]),
            By::Podman => command
                .args(["--workdir=/home", "--rootfs"])
                .arg(self.lab.world.path("podman/rootfs")),
        };
        command.args(["sh", "-euc", script]);
        command
    }

    fn podman(&self) -> Command {
        let place = self.lab.world.directory("podman");
        let rootfs = place.join("rootfs");
        for folder in FOLDERS {
            fs::create_dir_all(rootfs.join(folder)).expect("our own folder");
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            // It is there from the second time on.
            let _ = symlink(format!("usr/{link}"), rootfs.join(link));
        }
        let mut command = Command::new("podman");
        if Uid::current().is_root() {
            command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", PODMAN_OF_ROOT, "sh"]);
        }
        for (flag, folder) in [("root", "storage"), ("runroot", "running")] {
            command.arg(format!("--{flag}={}", place.join(folder).display()));
        }
        command.args(["--storage-driver=vfs", "run", "--rm", "--network=host"]);
        // Limits of ours: this machine's root may not raise its own, as podman would.
        command.args([
            "--ulimit=nofile=1024:1024",
            "--ulimit=nproc=1024:1024",
            "--cgroups=disabled",
        ]);
        command.args(["--volume=/usr:/usr:ro", "--volume=/etc:/etc:ro"]);
        command
    }

    /// Whether a script ends well.
    pub fn succeeds(&self, script: &str) -> bool {
        self.script(script).status.success()
    }
}

fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command
        .args(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"])
        .args(["--tmpfs", "/tmp", "--tmpfs", "/run", "--unshare-user"])
        .args(["--uid", UID_INSIDE, "--gid", UID_INSIDE, "--clearenv"]);
    command
}
