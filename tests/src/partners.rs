//! The other Split SSHs, by stand-ins of our own, written from what theirs do: whom they call and how, and what
//! their vaults do with a call. No more than that: no units, no start-up, no words for people.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::children::Running;
use crate::programs;
use crate::split_ssh::ClientQube;
use crate::wait::wait_for_listener;
use crate::world::World;

/// How a call names its keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// `qubes.SshAgent+work`
    Work,
    /// `qubes.SshAgent`, as all did before arguments.
    None,
}

pub const ARGUMENTS: [Argument; 2] = [Argument::Work, Argument::None];

impl Argument {
    fn service(self) -> &'static str {
        match self {
            Self::Work => "qubes.SshAgent+work",
            Self::None => "qubes.SshAgent",
        }
    }
}

/// Whose client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ours,
    /// The same with a qrexec before 4.2.19, which cannot take its socket: it passes the bytes itself.
    OursPumping,
    /// socat, one program for each connection.
    Official,
    /// The community guide's ncat; its lines name no argument, but people add one.
    Guide,
}

pub const KINDS: [Kind; 4] = [Kind::Ours, Kind::OursPumping, Kind::Official, Kind::Guide];

/// A client at work.
#[derive(Debug)]
pub struct Client {
    /// Where the qube's programs find their agent.
    pub socket: PathBuf,
    _process: Running,
}

impl Client {
    /// A client in the qube whose qrexec is the stand-in `qrexec`.
    pub fn start(world: &World, kind: Kind, argument: Argument, qrexec: &Path) -> Self {
        let name = format!("{kind:?}-{argument:?}").to_lowercase();
        let call = format!(
            "{} vault {}",
            programs::qrexec_client_vm().display(),
            argument.service()
        );
        world.directory(&name);
        let socket = world.path(&name).join("agent.sock");
        let path = socket.display();
        let mut command = match kind {
            Kind::Ours | Kind::OursPumping => {
                let qrexec = match kind {
                    Kind::Ours => qrexec.to_owned(),
                    _ => older_release(world, &name, qrexec),
                };
                let keyring = match argument {
                    Argument::Work => "keyring = \"work\"\n",
                    Argument::None => "",
                };
                let qube = ClientQube::start_configured(world, &name, qrexec, keyring);
                return Self {
                    socket: qube.socket.clone(),
                    _process: qube.process,
                };
            }
            Kind::Official => {
                let mut command = world.command("socat");
                command.arg(format!("UNIX-LISTEN:{path},fork,mode=600"));
                command.arg(format!("EXEC:{call}"));
                command
            }
            Kind::Guide => {
                let mut command = world.command("/bin/sh");
                let listen = format!("umask 177; exec ncat -k -l -U {path} -c '{call}'");
                command.args(["-c", &listen]);
                command
            }
        };
        command.env("QREXEC_STAND_IN", qrexec);
        let process = Running::start(command, &world.path(&name).join("output"));
        // To connect would be a call already.
        wait_for_listener(&socket);
        Self {
            socket,
            _process: process,
        }
    }
}

/// The stand-in `qrexec` as an older release.
fn older_release(world: &World, name: &str, qrexec: &Path) -> PathBuf {
    let older = world.directory(format!("{name}/qrexec"));
    for file in ["source", "policy", "qubes"] {
        symlink(qrexec.join(file), older.join(file)).expect("a link");
    }
    world.file(format!("{name}/qrexec/release-4.1"), "");
    older
}

/// Makes a program the service of the stand-in's qube `vault`.
fn serve_program(world: &World, stand_in: &str, text: &str) {
    world.script(
        format!("{stand_in}/qubes/vault/services/qubes.SshAgent"),
        text,
    );
}

/// The official vault: an argument names the agent, `AGENTS/ARGUMENT.sock`; without one there is none.
pub fn serve_officially(world: &World, stand_in: &str, agents: &Path) {
    let text = format!(
        "#!/bin/sh\n\
         case $1 in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9_.-]*) exit 1 ;; esac\n\
         [ ${{#1}} -le 64 ] || exit 1\n\
         exec socat STDIO UNIX-CONNECT:{}/$1.sock\n",
        agents.display()
    );
    serve_program(world, stand_in, &text);
}

/// The guide's vault: a bubble, then whatever agent the session has. Returns the file where the bubbles end up.
pub fn serve_as_the_guide_does(world: &World, stand_in: &str, session_agent: &Path) -> PathBuf {
    let bubbles = world.path(format!("{stand_in}/bubbles"));
    let programs = world.path(format!("{stand_in}/programs"));
    let notify = format!("#!/bin/sh\necho \"$*\" >>{}\n", bubbles.display());
    world.script(programs.join("notify-send"), notify);
    world.script(programs.join("qubesdb-read"), "#!/bin/sh\necho vault\n");
    serve_program(
        world,
        stand_in,
        "#!/bin/sh\n\
         notify-send \"[$(qubesdb-read /name)] SSH agent access from: $QREXEC_REMOTE_DOMAIN\"\n\
         ncat -U $SSH_AUTH_SOCK\n",
    );
    let session = format!(
        "SSH_AUTH_SOCK={}\nPATH={}:/usr/bin:/bin\n",
        session_agent.display(),
        programs.display()
    );
    world.file(format!("{stand_in}/qubes/vault/environment"), session);
    bubbles
}

/// Our vault where a socket service cannot be: `split-ssh vault --stdio`, in the vault whose folder is `home`.
pub fn serve_by_stdio(world: &World, stand_in: &str, home: &str) {
    let place = |folder: &str| world.path(home).join(folder).display().to_string();
    let text = format!(
        "#!/bin/sh\nexport HOME={}\nexec {} --config-dir {} --runtime-dir {} --state-dir {} vault --stdio\n",
        world.path(home).display(),
        programs::split_ssh().display(),
        place("config"),
        place("run"),
        place("state"),
    );
    serve_program(world, stand_in, &text);
}
