//! The vault on another machine: `ssh` with a forced command that fixes the caller, and what a client tries beside it.

use std::path::Path;
use std::process::Command;
use std::thread;

use testbed::children::{Running, finish, run, text};
use testbed::keys::Key;
use testbed::lab::Lab;
use testbed::message::{self, Message};
use testbed::programs;
use testbed::split_ssh::Vault;
use testbed::sshd::{Options, Sshd};
use testbed::wait::wait_for_listener;

/// As many as a deployment to a whole fleet starts at once.
const LOGINS: usize = 50;

const POLICY: &str = "default = \"deny\"

[[rule]]
qube = \"ssh:laptop\"
kind = \"login\"
host = \"server\"
forwarded = false
action = \"allow\"
";

/// A vault's machine with an sshd that lets a transport key in, for one command only.
struct Machine {
    lab: Lab,
    vault: Vault,
    transport: Key,
    sshd: Sshd,
}

impl Machine {
    fn new() -> Self {
        let lab = Lab::new();
        let vault = Vault::start(&lab.world, &lab.agent, POLICY, &lab.known_hosts());
        let transport = Key::ed25519(&lab.world, "transport");
        // The worst of settings: the client may send whatever it likes.
        let options = Options {
            name: "vaulthost",
            lines: &["AcceptEnv *"],
            ..Options::default()
        };
        let sshd = Sshd::start_with(&lab.world, &options);
        let mut words = vec![programs::split_ssh().display().to_string()];
        for (flag, folder) in [("config", "config"), ("runtime", "run"), ("state", "state")] {
            words.push(format!("--{flag}-dir"));
            words.push(
                lab.world
                    .path(format!("vault/{folder}"))
                    .display()
                    .to_string(),
            );
        }
        words.extend(["vault", "--stdio", "--from", "laptop"].map(str::to_owned));
        sshd.authorize_line(&format!(
            "restrict,command=\"{}\" {}",
            words.join(" "),
            transport.line()
        ));
        Self {
            lab,
            vault,
            transport,
            sshd,
        }
    }

    /// `ssh` to the vault's machine by the transport key.
    fn ssh(&self) -> Vec<String> {
        let known = self
            .lab
            .world
            .file("transport-known", self.sshd.known_host());
        [
            "ssh",
            "-F",
            "none",
            "-T",
            "-p",
            &self.sshd.port.to_string(),
            "-o",
            "IdentityAgent=none",
            "-o",
            "BatchMode=yes",
            "-o",
            "HostKeyAlias=vaulthost",
            "-o",
            &format!("UserKnownHostsFile={}", known.display()),
            "-i",
            &self.transport.private.display().to_string(),
            "127.0.0.1",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// What the vault sends back to a list, if the client adds `words` and `environment` to its ssh.
    fn list(&self, words: &[&str], environment: &[(&str, &str)]) -> Vec<u8> {
        let ssh = self.ssh();
        let mut command = Command::new(&ssh[0]);
        command.args(&ssh[1..ssh.len() - 1]);
        for (name, _) in environment {
            command.arg("-o").arg(format!("SendEnv={name}"));
        }
        command
            .args([&ssh[ssh.len() - 1], "--"])
            .args(words)
            .envs(environment.iter().copied());
        let request = self
            .lab
            .world
            .file("request", Message::of(message::LIST).framed());
        command.stdin(std::fs::File::open(request).expect("our own file"));
        command.output().expect("ssh runs").stdout
    }

    fn callers(&self) -> Vec<String> {
        let records = self.vault.records();
        let callers = records.iter().filter_map(|record| record["qube"].as_str());
        callers.map(str::to_owned).collect()
    }
}

fn client(machine: &Machine, socket: &Path) -> Running {
    let mut command = machine.lab.world.command(programs::split_ssh());
    for folder in ["config", "run", "state"] {
        let path = machine.lab.world.directory(format!("laptop/{folder}"));
        let flag = folder.replace("run", "runtime");
        command.arg(format!("--{flag}-dir")).arg(path);
    }
    command
        .arg("client")
        .arg("--socket")
        .arg(socket)
        .arg("--command")
        .args(machine.ssh());
    let running = Running::start(command, &machine.lab.world.path("laptop/output"));
    wait_for_listener(socket);
    running
}

#[test]
fn fifty_logins_at_once_go_through_a_forced_command() {
    let machine = Machine::new();
    let socket = machine.lab.world.path("laptop.sock");
    let _client = client(&machine, &socket);
    let programs = machine.lab.client(&socket);
    let logins: Vec<_> = (0..LOGINS)
        .map(|_| {
            let mut ssh = programs.ssh(&["server", "echo inside"]);
            thread::spawn(move || finish(&mut ssh))
        })
        .collect();
    for login in logins {
        let output = login.join().expect("ssh ends");
        assert_eq!(output.stdout, b"inside\n", "{}", text(&output));
    }
    assert!(
        machine
            .callers()
            .iter()
            .all(|caller| caller == "ssh:laptop")
    );
}

/// Nor where the owner's keys are: the first call may be what starts the vault.
#[test]
fn a_client_cannot_name_the_sessions_agent() {
    let mut machine = Machine::new();
    machine.vault.stop();
    let world = &machine.lab.world;
    let config = "[keyring.default]\nupstream = \"session\"\n";
    world.file("vault/config/vault.toml", config);
    let kept = world.path("vault/config/session-agent");
    let theirs = machine.lab.agent.socket.display().to_string();
    machine.list(&[], &[("SSH_AUTH_SOCK", &theirs)]);
    let found = std::fs::read_to_string(&kept).unwrap_or_default();
    assert_ne!(found.trim(), theirs);
    // The control: the owner can.
    let _ = std::fs::remove_file(&kept);
    let mut serve = machine.vault.control(&["serve", "list"]);
    run(serve.env("SSH_AUTH_SOCK", &theirs));
    assert_eq!(std::fs::read_to_string(&kept).unwrap().trim(), theirs);
}

#[test]
fn a_client_cannot_say_who_it_is() {
    let machine = Machine::new();
    let listed = machine.list(&[], &[]);
    assert_eq!(listed.get(4), Some(&message::IDENTITIES), "the control");
    for (words, environment) in [
        (
            &["split-ssh", "vault", "--stdio", "--from", "admin"][..],
            &[][..],
        ),
        (&["--from", "admin"], &[]),
        (&["id", ";", "--from=admin", "--keyring=other"], &[]),
        (
            &[],
            &[
                ("QREXEC_REMOTE_DOMAIN", "work"),
                ("QREXEC_SERVICE_ARGUMENT", "other"),
            ],
        ),
        (
            &[],
            &[
                ("SSH_ORIGINAL_COMMAND", "--from admin"),
                ("XDG_RUNTIME_DIR", "/tmp"),
                ("SSH_CONNECTION", ""),
            ],
        ),
    ] {
        assert_eq!(
            machine.list(words, environment),
            listed,
            "{words:?} {environment:?}"
        );
    }
    let callers = machine.callers();
    assert!(
        !callers.is_empty() && callers.iter().all(|caller| caller == "ssh:laptop"),
        "{callers:?}"
    );
}
