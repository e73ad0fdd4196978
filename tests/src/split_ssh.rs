//! split-ssh itself: a vault in front of a real agent, and clients that reach it by the qrexec stand-in.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent::Agent;
use crate::children::{Running, children, finish, run, text};
use crate::plain_pipe::{serve_socket, stand_in};
use crate::programs;
use crate::wait::{wait_for, wait_for_listener, wait_for_socket};
use crate::world::World;

/// `split-ssh vault`, guarding one agent.
#[derive(Debug)]
pub struct Vault {
    world: World,
    pub process: Running,
    /// What a qrexec socket service would connect to.
    pub qrexec_socket: PathBuf,
}

impl Vault {
    /// A vault whose keyring `default` is `agent`, with `policy` as policy.toml and `known_hosts` in its home.
    pub fn start(world: &World, agent: &Agent, policy: &str, known_hosts: &str) -> Self {
        Self::start_on(world, &agent.socket, policy, known_hosts)
    }

    /// The same over any agent's socket.
    pub fn start_on(world: &World, agent: &Path, policy: &str, known_hosts: &str) -> Self {
        let config = format!("[keyring.default]\nagent = \"{}\"\n", agent.display());
        Self::start_configured(world, &config, policy, known_hosts)
    }

    /// The same with a vault.toml of the test's own. Questions wait for a terminal: whoever runs the tests
    /// is not to be asked.
    pub fn start_configured(world: &World, config: &str, policy: &str, known_hosts: &str) -> Self {
        let config = format!("{config}\n[prompt]\nby = \"terminal\"\n");
        Self::start_with(world, &config, policy, known_hosts, &[])
    }

    /// The same as if in a session with a display, for prompters that need none.
    pub fn start_in_session(world: &World, config: &str, policy: &str, known_hosts: &str) -> Self {
        Self::start_with(world, config, policy, known_hosts, &[("DISPLAY", ":none")])
    }

    /// The same with its own questions' way and an environment of the test's choice.
    pub fn start_with(
        world: &World,
        config: &str,
        policy: &str,
        known_hosts: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::prepare(world, config, policy, known_hosts);
        let qrexec_socket = world.path("vault/run/split-ssh-vault/qrexec.sock");
        Self {
            process: Self::run(world, environment, &qrexec_socket),
            world: world.clone(),
            qrexec_socket,
        }
    }

    fn prepare(world: &World, config: &str, policy: &str, known_hosts: &str) {
        world.file("vault/config/vault.toml", config);
        world.file("vault/config/policy.toml", policy);
        world.file("vault/.ssh/known_hosts", known_hosts);
        for directory in [
            "vault",
            "vault/config",
            "vault/.ssh",
            "vault/run",
            "vault/state",
        ] {
            world.directory(directory);
        }
    }

    fn run(world: &World, environment: &[(&str, &str)], qrexec_socket: &Path) -> Running {
        let mut command = split_ssh(world, "vault");
        command.arg("vault").envs(environment.iter().copied());
        let process = Running::start(command, &world.path("vault/output"));
        wait_for_socket(qrexec_socket);
        process
    }

    /// A vault whose socket for calls is held by another one, as systemd does in the packages: calls wait there while no
    /// vault runs.
    pub fn start_held(
        world: &World,
        config: &str,
        policy: &str,
        known_hosts: &str,
        listener: &UnixListener,
    ) -> Self {
        let config = format!("{config}\n[prompt]\nby = \"terminal\"\n");
        Self::prepare(world, &config, policy, known_hosts);
        let program = split_ssh(world, "vault");
        let mut command = world.command("/bin/sh");
        let run =
            "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=qrexec exec \"$@\"";
        command.args(["-c", run, "sh"]).arg(program.get_program());
        command.args(program.get_args()).arg("vault");
        command.envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let listener = listener.try_clone().expect("a second handle");
        command.stdin(OwnedFd::from(listener));
        Self {
            process: Running::start_reading(command, &world.path("vault/output")),
            world: world.clone(),
            qrexec_socket: world.path("vault/held.sock"),
        }
    }

    /// Ends it and starts it again over the same files.
    pub fn restart(&mut self) {
        self.stop();
        self.process = Self::run(&self.world, &[], &self.qrexec_socket);
    }

    /// A subcommand that speaks to this vault.
    pub fn control(&self, words: &[&str]) -> Command {
        let mut command = split_ssh(&self.world, "vault");
        command.args(words);
        command
    }

    /// The audit log's lines.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let text =
            std::fs::read_to_string(self.world.path("vault/state/log.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("the log is JSON lines"))
            .collect()
    }

    /// Ends it; its log is complete then.
    pub fn stop(&mut self) {
        self.process.signal(nix::sys::signal::Signal::SIGTERM);
        self.process.wait();
    }

    /// Waits for a question and answers it by `split-ssh allow` or `deny`.
    pub fn answer(&self, verdict: &str) {
        self.answer_with(verdict, &[]);
    }

    /// The same with more words.
    pub fn answer_with(&self, verdict: &str, words: &[&str]) {
        let id = wait_for("a question", || {
            let pending = finish(&mut self.control(&["pending", "--json"])).stdout;
            let pending: serde_json::Value = serde_json::from_slice(&pending).expect("JSON");
            pending[0]["question"]["id"].as_str().map(str::to_owned)
        });
        run(self.control(&[verdict, &id]).args(words));
    }
}

/// `split-ssh client` in a qube.
#[derive(Debug)]
pub struct ClientQube {
    pub process: Running,
    /// Where its programs find their agent.
    pub socket: PathBuf,
    /// The stand-in's directory: policy, and the calls made.
    pub qrexec: PathBuf,
    name: String,
    world: World,
}

impl ClientQube {
    /// The qube `name`, allowed to call `vault`.
    pub fn start(world: &World, vault: &Vault, name: &str) -> Self {
        let qrexec = stand_in(world, &format!("{name}/qrexec"), name);
        serve_socket(&qrexec, &vault.qrexec_socket);
        Self::start_calling(world, name, qrexec)
    }

    /// The same with a stand-in that the test has set up.
    pub fn start_calling(world: &World, name: &str, qrexec: PathBuf) -> Self {
        Self::start_configured(world, name, qrexec, "")
    }

    /// The same with further lines for its `[[vault]]`.
    pub fn start_configured(world: &World, name: &str, qrexec: PathBuf, lines: &str) -> Self {
        for directory in ["config", "run", "state"] {
            world.directory(format!("{name}/{directory}"));
        }
        let socket = world.path(format!("{name}/agent.sock"));
        let config = format!(
            "[[vault]]\nname = \"vault\"\nqube = \"vault\"\nsocket = \"{}\"\nqrexec = \"{}\"\n{lines}",
            socket.display(),
            programs::qrexec_client_vm().display()
        );
        world.file(format!("{name}/config/client.toml"), config);
        let mut command = split_ssh(world, name);
        command.arg("client").env("QREXEC_STAND_IN", &qrexec);
        // A test's own programs come first.
        let own = world.path(format!("{name}/bin"));
        command.env("PATH", format!("{}:/usr/bin:/bin", own.display()));
        let process = Running::start(command, &world.path(format!("{name}/output")));
        wait_for_listener(&socket);
        // It makes them one after the other.
        for further in lines
            .lines()
            .filter_map(|line| line.strip_prefix("socket = "))
        {
            wait_for_listener(Path::new(further.trim_matches('"')));
        }
        Self {
            process,
            socket,
            qrexec,
            world: world.clone(),
            name: name.to_owned(),
        }
    }

    /// What `split-ssh status` says in this qube.
    pub fn status(&self) -> String {
        text(&finish(&mut self.control(&["status"])))
    }

    /// A subcommand in this qube.
    pub fn control(&self, words: &[&str]) -> Command {
        let mut command = split_ssh(&self.world, &self.name);
        command.args(words);
        command
    }

    /// Waits until nothing that it started runs any more.
    pub fn wait_until_alone(&self) {
        let pid = self.process.pid();
        wait_for("the client's children to end", || {
            children(pid).is_empty().then_some(())
        });
    }

    /// How many calls dom0 has seen.
    pub fn calls(&self) -> usize {
        std::fs::read_to_string(self.qrexec.join("calls"))
            .unwrap_or_default()
            .lines()
            .count()
    }
}

/// Where a world has a program of its own that is run instead of the one that was built.
pub const OTHER_PROGRAM: &str = "other-split-ssh";

/// `split-ssh` with its places in the folder `home`.
fn split_ssh(world: &World, home: &str) -> Command {
    let other = world.path(OTHER_PROGRAM);
    let mut command = match other.exists() {
        true => world.command(other),
        false => world.command(programs::split_ssh()),
    };
    command
        .env("HOME", world.path(home))
        .env("XDG_RUNTIME_DIR", world.path(home).join("run"));
    command
        .arg("--config-dir")
        .arg(world.path(home).join("config"));
    command
        .arg("--runtime-dir")
        .arg(world.path(home).join("run"));
    command
        .arg("--state-dir")
        .arg(world.path(home).join("state"));
    command
}
