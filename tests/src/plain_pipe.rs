//! The Split SSHs that pass bytes through unread: the community guide's, and one of socat at both ends.
//! They are the controls: what an attack does where nobody guards.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent::Agent;
use crate::children::Running;
use crate::programs;
use crate::wait::wait_for_listener;
use crate::world::World;

/// The guide's service, word for word.
const GUIDES_SERVICE: &str = "#!/bin/sh
# Qubes App Split SSH Script

# safeguard - Qubes notification bubble for each ssh request
notify-send \"[`qubesdb-read /name`] SSH agent access from: $QREXEC_REMOTE_DOMAIN\"

# SSH connection
ncat -U $SSH_AUTH_SOCK
";

const SOCAT_SERVICE: &str = "#!/bin/sh\nexec socat - \"UNIX-CONNECT:$SSH_AUTH_SOCK\"\n";

/// A pipe from the client's socket to the vault's agent, by the qrexec stand-in.
#[derive(Debug)]
pub struct PlainPipe {
    /// Where the client's programs find their agent.
    pub socket: PathBuf,
    listener: Running,
}

impl PlainPipe {
    /// The community guide's pipe: `ncat -k -l -U … -c 'qrexec-client-vm …'` to `ncat -U $SSH_AUTH_SOCK`.
    pub fn guide(world: &World, agent: &Agent) -> Self {
        Self::guide_by(world, agent, &[])
    }

    /// The same, its listener started by a `launcher`: a program with its first arguments.
    pub fn guide_by(world: &World, agent: &Agent, launcher: &[&OsStr]) -> Self {
        let qrexec = vault(world, "guide", GUIDES_SERVICE, agent);
        let socket = world.path("guide.sock");
        let call = format!(
            "{} vault qubes.SshAgent",
            programs::qrexec_client_vm().display()
        );
        let mut command = launched(world, launcher, "/bin/sh");
        let line = format!(
            "umask 177 && exec ncat -k -l -U '{}' -c '{call}'",
            socket.display()
        );
        command.arg("-c").arg(line).env("QREXEC_STAND_IN", qrexec);
        Self::start(world, command, socket, "guide.log")
    }

    /// socat at both ends, as the lean ones do it.
    pub fn socat(world: &World, agent: &Agent) -> Self {
        Self::socat_by(world, agent, &[])
    }

    pub fn socat_by(world: &World, agent: &Agent, launcher: &[&OsStr]) -> Self {
        let qrexec = vault(world, "socat", SOCAT_SERVICE, agent);
        let socket = world.path("socat.sock");
        let call = format!(
            "EXEC:{} vault qubes.SshAgent",
            programs::qrexec_client_vm().display()
        );
        let mut command = launched(world, launcher, "socat");
        command
            .arg(format!("UNIX-LISTEN:{},fork,mode=600", socket.display()))
            .arg(call);
        command.env("QREXEC_STAND_IN", qrexec);
        Self::start(world, command, socket, "socat.log")
    }

    fn start(world: &World, command: Command, socket: PathBuf, log: &str) -> Self {
        let listener = Running::start(command, &world.path(log));
        // To connect would be a call already.
        wait_for_listener(&socket);
        Self { socket, listener }
    }

    pub fn pid(&self) -> nix::unistd::Pid {
        self.listener.pid()
    }
}

fn launched(world: &World, launcher: &[&OsStr], program: &str) -> Command {
    let mut words = launcher.iter().copied().chain([OsStr::new(program)]);
    let mut command = world.command(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// A stand-in's world with one qube `vault` whose session knows the agent. Returns its directory.
fn vault(world: &World, name: &str, service: &str, agent: &Agent) -> PathBuf {
    let stubs = world.directory("stubs");
    world.script("stubs/notify-send", "#!/bin/sh\n");
    world.script("stubs/qubesdb-read", "#!/bin/sh\necho vault\n");
    world.script(
        format!("{name}/qubes/vault/services/qubes.SshAgent"),
        service,
    );
    let session = format!(
        "SSH_AUTH_SOCK={}\nPATH={}:/usr/bin:/bin\n",
        agent.socket.display(),
        stubs.display()
    );
    world.file(format!("{name}/qubes/vault/environment"), session);
    stand_in(world, name, "work")
}

/// A stand-in's directory for the caller `source`, with dom0 allowing everything.
pub fn stand_in(world: &World, name: &str, source: &str) -> PathBuf {
    world.file(format!("{name}/source"), source);
    world.file(
        format!("{name}/policy"),
        "qubes.SshAgent * @anyvm @anyvm allow\n",
    );
    world.directory(format!("{name}/qubes/vault/services"));
    world.path(name)
}

/// Makes the vault's socket the service, as the package does.
pub fn serve_socket(stand_in: &Path, socket: &Path) {
    let link = stand_in.join("qubes/vault/services/qubes.SshAgent");
    drop(fs::remove_file(&link));
    symlink(socket, link).expect("a link");
}
