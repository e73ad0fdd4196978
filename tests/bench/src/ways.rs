//! The ways from a client's program to its agent, each with an agent of its own and the same key.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testbed::agent::Agent;
use testbed::children::Running;
use testbed::host_keys::{self, HostKeys};
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::plain_pipe::PlainPipe;
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, OTHER_PROGRAM, Vault};
use testbed::world::World;

use crate::adopt::ADOPT;
use crate::process;

/// What the guard itself costs, without a client and qrexec in between.
pub const GUARD_ALONE: &str = "split-ssh, the guard alone";
/// A client whose vault carries all its connections in one call.
pub const CARRIED: &str = "split-ssh, carried";
/// An earlier program of ours, measured in the same run.
pub const BEFORE: [&str; 2] = ["before, the guard alone", "before"];
pub const NOW: [&str; 2] = [GUARD_ALONE, "split-ssh"];

pub struct Ways {
    pub all: Vec<Way>,
    /// What the ways run on.
    _pipes: [PlainPipe; 2],
    _guarded: Vec<(ClientQube, Vault, Vault)>,
}

/// A client with its vault, and a vault alone.
struct Guarded {
    client: ClientQube,
    vault: Vault,
    alone: Vault,
    agents: [Agent; 2],
}

impl Guarded {
    /// Runs `program`, or the one that was built.
    fn start(key: &Key, program: Option<&Path>, more: &str) -> Self {
        let start = || {
            let world = World::new();
            if let Some(program) = program {
                let link = world.path(OTHER_PROGRAM);
                std::os::unix::fs::symlink(program, link).expect("our own folder");
            }
            let agent = Agent::start(&world);
            agent.add(&world, key);
            let socket = agent.socket.display();
            let config = format!("{LIMITS}[keyring.default]\nagent = \"{socket}\"\n{more}");
            let vault = Vault::start_configured(&world, &config, POLICY, "");
            (world, agent, vault)
        };
        let (world, agent, vault) = start();
        let (_, agent_alone, alone) = start();
        Self {
            client: ClientQube::start(&world, &vault, "work"),
            vault,
            alone,
            agents: [agent_alone, agent],
        }
    }
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
    /// Client and vault, where they are ours.
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
    pub fn start(before: Option<&Path>) -> Self {
        let world = World::new();
        let key = Key::ed25519(&world, "key");
        let [direct, guides, socats] = ["direct", "guides", "socats"].map(|name| {
            let agent = Agent::start_named(&world, name);
            agent.add(&world, &key);
            agent
        });
        let own = std::env::current_exe().expect("a program knows its own path");
        let launcher = [own.as_os_str(), OsStr::new(ADOPT)];
        let guide = PlainPipe::guide_by(&world, &guides, &launcher);
        let socat = PlainPipe::socat_by(&world, &socats, &launcher);
        let pid = |pipe: &PlainPipe| vec![pipe.pid().as_raw()];
        let mut ends = vec![
            ("direct agent", false, direct.socket.clone(), vec![], direct),
            (
                "guide's pipe",
                false,
                guide.socket.clone(),
                pid(&guide),
                guides,
            ),
            (
                "socat pair",
                false,
                socat.socket.clone(),
                pid(&socat),
                socats,
            ),
        ];
        let programs = before.map(|program| (BEFORE, Some(program)));
        let mut guarded = Vec::new();
        for ([alone_name, name], program) in programs.into_iter().chain([(NOW, None)]) {
            let Guarded {
                client,
                vault,
                alone,
                agents: [agent_alone, agent],
            } = Guarded::start(&key, program, "");
            let pids =
                |running: &[&Running]| running.iter().map(|one| one.pid().as_raw()).collect();
            let socket = alone.qrexec_socket.clone();
            ends.push((
                alone_name,
                true,
                socket,
                pids(&[&alone.process]),
                agent_alone,
            ));
            let daemons = pids(&[&client.process, &vault.process]);
            ends.push((name, false, client.socket.clone(), daemons, agent));
            guarded.push((client, vault, alone));
        }
        let carried = Guarded::start(&key, None, "[carry]\nqubes = [\"work\"]\n");
        let Guarded {
            client,
            vault,
            alone,
            agents: [_, agent],
        } = carried;
        let daemons = vec![client.process.pid().as_raw(), vault.process.pid().as_raw()];
        ends.push((CARRIED, false, client.socket.clone(), daemons, agent));
        guarded.push((client, vault, alone));
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
        let all = ends
            .into_iter()
            .map(|(name, is_guard_alone, socket, daemons, agent)| {
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
            _guarded: guarded,
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
        self.each_memory().iter().sum()
    }

    /// The same of each, in KiB.
    pub fn each_memory(&self) -> Vec<u64> {
        self.daemons
            .iter()
            .map(|&pid| process::memory(pid))
            .collect()
    }
}
