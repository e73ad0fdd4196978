//! The ways from a client's program to its agent, each with an agent of its own and the same key.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testbed::agent::Agent;
use testbed::host_keys::{self, HostKeys};
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::plain_pipe::PlainPipe;
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::world::World;

use crate::adopt::ADOPT;
use crate::process;

/// What the guard itself costs, without a client and qrexec in between.
pub const GUARD_ALONE: &str = "split-ssh, the guard alone";

pub struct Ways {
    pub all: Vec<Way>,
    /// What the ways run on.
    _pipes: [PlainPipe; 2],
    _guarded: (ClientQube, Vault, Vault),
}

pub struct Way {
    pub name: &'static str,
    pub socket: PathBuf,
    pub world: World,
    pub key: Key,
    /// A connection that stays open.
    pub open: Connection,
    /// One that was prepared for the next run.
    pub fresh: Option<Connection>,
    /// A server's bind, and the data of a login to it.
    pub bind: Message,
    pub login: Vec<u8>,
    /// The vault's own socket, which wants to be told who calls.
    pub is_guard_alone: bool,
    agent: Agent,
    /// All that stands between.
    daemons: Vec<i32>,
}

/// As many signatures on one connection as the bench likes, and no question.
const POLICY: &str = "default = \"deny\"

[[rule]]
kind = [\"sshsig\", \"login\"]
signatures = 1000
action = \"allow\"
";

const LIMITS: &str = "[limits]\nrequests = 1000000\ntotal-seconds = 86400\nidle-seconds = 86400\n";

impl Ways {
    pub fn start() -> Self {
        let world = World::new();
        let key = Key::ed25519(&world, "key");
        let agents = ["direct", "guides", "socats", "vaults"].map(|name| {
            let agent = Agent::start_named(&world, name);
            agent.add(&world, &key);
            agent
        });
        let own = std::env::current_exe().expect("a program knows its own path");
        let launcher = [own.as_os_str(), OsStr::new(ADOPT)];
        let guide = PlainPipe::guide_by(&world, &agents[1], &launcher);
        let socat = PlainPipe::socat_by(&world, &agents[2], &launcher);
        let config = format!(
            "{LIMITS}[keyring.default]\nagent = \"{}\"\n",
            agents[3].socket.display()
        );
        let vault = Vault::start_configured(&world, &config, POLICY, "");
        let client = ClientQube::start(&world, &vault, "work");
        let (alone_world, alones) = (World::new(), Agent::start_named(&world, "alones"));
        alones.add(&world, &key);
        let config = format!(
            "{LIMITS}[keyring.default]\nagent = \"{}\"\n",
            alones.socket.display()
        );
        let alone = Vault::start_configured(&alone_world, &config, POLICY, "");
        let ends = [
            ("direct agent", agents[0].socket.clone(), vec![]),
            (
                "guide's pipe",
                guide.socket.clone(),
                vec![guide.pid().as_raw()],
            ),
            (
                "socat pair",
                socat.socket.clone(),
                vec![socat.pid().as_raw()],
            ),
            (
                GUARD_ALONE,
                alone.qrexec_socket.clone(),
                vec![alone.process.pid().as_raw()],
            ),
            (
                "split-ssh",
                client.socket.clone(),
                vec![client.process.pid().as_raw(), vault.process.pid().as_raw()],
            ),
        ];
        let host = Key::ed25519(&world, "host");
        let session = host_keys::session(1);
        let bind = HostKeys::of(&world, [&host]).bind(&host, &host.blob(), &session, false);
        let login = message::login(
            &session,
            "git",
            "ssh-ed25519",
            &key.blob(),
            Some(&host.blob()),
        );
        let [direct, guides, socats, vaults] = agents;
        let all = ends
            .into_iter()
            .zip([direct, guides, socats, alones, vaults])
            .map(|((name, socket, daemons), agent)| {
                let is_guard_alone = name == GUARD_ALONE;
                let open = connect(&socket, is_guard_alone);
                Way {
                    fresh: None,
                    bind: bind.clone(),
                    login: login.clone(),
                    is_guard_alone,
                    name,
                    socket,
                    world: world.clone(),
                    key: key.clone(),
                    open,
                    agent,
                    daemons,
                }
            });
        Self {
            all: all.collect(),
            _pipes: [guide, socat],
            _guarded: (client, vault, alone),
        }
    }
}

fn connect(socket: &Path, is_guard_alone: bool) -> Connection {
    match is_guard_alone {
        true => Connection::call(socket, "work"),
        false => Connection::open(socket),
    }
}

impl Way {
    pub fn connect(&self) -> Connection {
        connect(&self.socket, self.is_guard_alone)
    }

    /// CPU time so far of what stands between and of the agent.
    pub fn cpu(&self) -> Duration {
        self.daemons
            .iter()
            .map(|&pid| process::cpu(pid))
            .sum::<Duration>()
            + process::cpu(self.agent.pid().as_raw())
    }

    /// Memory of what stands between while one connection is open, in KiB.
    pub fn memory(&self) -> u64 {
        self.daemons.iter().map(|&pid| process::memory(pid)).sum()
    }
}
