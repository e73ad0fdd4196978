//! The ways from a client's program to its agent, each with an agent of its own and the same key.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use testbed::agent::Agent;
use testbed::keys::Key;
use testbed::plain_pipe::PlainPipe;
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::world::World;

use crate::adopt::ADOPT;
use crate::process;

pub struct Ways {
    pub all: Vec<Way>,
    /// What the ways run on.
    _pipes: [PlainPipe; 2],
    _guarded: (ClientQube, Vault),
}

pub struct Way {
    pub name: &'static str,
    pub socket: PathBuf,
    pub world: World,
    pub key: Key,
    /// A connection that stays open.
    pub open: Connection,
    agent: Agent,
    /// All that stands between.
    daemons: Vec<i32>,
}

/// As many signatures on one connection as the bench likes, and no question.
const POLICY: &str = "default = \"deny\"

[[rule]]
kind = \"sshsig\"
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
                "split-ssh",
                client.socket.clone(),
                vec![client.process.pid().as_raw(), vault.process.pid().as_raw()],
            ),
        ];
        let all = ends
            .into_iter()
            .zip(agents)
            .map(|((name, socket, daemons), agent)| {
                let open = Connection::open(&socket);
                Way {
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
            _guarded: (client, vault),
        }
    }
}

impl Way {
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
