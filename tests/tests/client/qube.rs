//! A client qube with its own client.toml, in front of a plain ssh-agent or of nothing.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use testbed::agent::Agent;
use testbed::children::{Running, run};
use testbed::keys::Key;
use testbed::plain_pipe;
use testbed::programs;
use testbed::raw::Connection;
use testbed::wait::{DEADLINE, wait_for};
use testbed::world::World;

/// The way from the client to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Qrexec,
    Command,
}

pub const WAYS: [Way; 2] = [Way::Qrexec, Way::Command];

/// `split-ssh client` with an ssh-agent that holds one key at the other end.
#[derive(Debug)]
pub struct Qube {
    pub world: World,
    pub agent: Agent,
    pub key: Key,
    pub client: Running,
    pub socket: PathBuf,
    qrexec: PathBuf,
}

impl Qube {
    pub fn start(way: Way) -> Self {
        Self::start_with(way, "allow", "")
    }

    /// `verdict` is the rest of dom0's line (see the stand-in); `more` goes to client.toml.
    pub fn start_with(way: Way, verdict: &str, more: &str) -> Self {
        Self::start_behind(way, verdict, more, "")
    }

    /// `first` is what the shell does before it becomes the program that carries.
    pub fn start_behind(way: Way, verdict: &str, more: &str, first: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let qrexec = plain_pipe::stand_in(&world, "dom0", "work");
        let relay = format!(
            "#!/bin/sh\nexec socat -t 5 - UNIX-CONNECT:{}\n",
            agent.socket.display()
        );
        let service = world.script("dom0/qubes/vault/services/qubes.SshAgent", relay);
        world.file(
            "dom0/policy",
            format!("qubes.SshAgent * work @default {verdict} target=vault\n"),
        );
        let carrier = match way {
            Way::Command => service,
            _ => programs::qrexec_client_vm(),
        };
        let carrier = match first {
            "" => carrier,
            first => {
                let carrier = carrier.display();
                let script = format!("#!/bin/sh\n{first}\nexec {carrier} \"$@\"\n");
                world.script("carrier", script)
            }
        };
        let how = match way {
            Way::Command => format!("command = [\"{}\"]", carrier.display()),
            _ => format!("qrexec = \"{}\"", carrier.display()),
        };
        world.file("config/client.toml", format!("[[vault]]\n{how}\n{more}\n"));
        world.directory("config");
        let mut command = split_ssh(&world);
        command.arg("client").env("QREXEC_STAND_IN", &qrexec);
        let client = Running::start(command, &world.path("output"));
        let socket = world.path(".split-ssh/agent.sock");
        let mut qube = Self {
            world,
            agent,
            key,
            client,
            socket,
            qrexec,
        };
        qube.wait_until_it_listens();
        qube
    }

    fn wait_until_it_listens(&mut self) {
        wait_for("the client's socket", || {
            assert!(
                self.client.exit_status().is_none(),
                "the client ended: {}",
                self.client.log()
            );
            UnixStream::connect(&self.socket).ok()
        });
    }

    pub fn connect(&self) -> Connection {
        Connection::open(&self.socket)
    }

    /// Calls that dom0 has seen.
    pub fn calls(&self) -> usize {
        fs::read_to_string(self.qrexec.join("calls"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// The status file, once it tells of `troubles`.
    pub fn status_with(&self, troubles: u64) -> serde_json::Value {
        wait_for("the status file", || {
            let text = fs::read(self.world.path("run/split-ssh-client/agent.json")).ok()?;
            let status: serde_json::Value = serde_json::from_slice(&text).ok()?;
            (status["troubles"].as_u64()? == troubles).then_some(status)
        })
    }

    /// The programs that the client runs at present.
    pub fn carriers(&self) -> Vec<i32> {
        let tasks =
            fs::read_dir(format!("/proc/{}/task", self.client.pid())).expect("the client runs");
        let children = tasks
            .flatten()
            .map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
        children
            .flat_map(|line| {
                line.split_whitespace()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.client.pid()))
            .expect("the client runs")
            .count()
    }

    pub fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.client.pid()))
            .expect("the client runs")
            .count()
    }

    /// Waits until no stream, no program and no thread is left but the first and those that are kept ready.
    pub fn wait_until_idle(&self) {
        wait_for("the last stream's end", || {
            (self.carriers().is_empty() && self.threads() <= 1 + READY_THREADS).then_some(())
        });
    }

    /// Stops the client as a shell's job is, until it gets SIGCONT.
    pub fn stop_for_a_moment(&self) {
        self.client.signal(Signal::SIGSTOP);
        wait_for("the client to stand still", || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.client.pid())).ok()?;
            status.contains("State:\tT").then_some(())
        });
    }

    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.client.signal(Signal::SIGTERM);
        self.client.wait()
    }
}

/// `split-ssh` with its places in `world`.
pub fn split_ssh(world: &World) -> std::process::Command {
    let mut command = world.command(programs::split_ssh());
    command.arg("--config-dir").arg(world.path("config"));
    command.arg("--runtime-dir").arg(world.path("run"));
    command
}

/// The keys that real `ssh-add -L` prints.
pub fn ssh_add(world: &World, socket: &Path) -> String {
    run(testbed::agent::ssh_add(world, socket).arg("-L"))
}

/// All that comes until the end; a connection that stays open fails.
pub fn rest(connection: &mut Connection) -> Vec<u8> {
    connection
        .stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a time-out");
    let mut bytes = Vec::new();
    match connection.stream.read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => bytes,
        Err(error) => panic!("the connection was not closed: {error}"),
    }
}

/// Threads that wait for the next connection.
const READY_THREADS: usize = 2;
/// A second of set-up time, so that what hangs is given up soon.
pub const ONE_SECOND: &str = "setup-seconds = 1";
pub const MOMENT: Duration = Duration::from_millis(300);
