//! Many real programs at once, by calls of their own and by carried connections: all are served. Where vaults restart
//! meanwhile, a login works or says why not.

use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::Signal;
use testbed::children::{finish, run, text};
use testbed::keys::Kind;
use testbed::lab::{LOGINS_AND_FILES, Lab};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::programs::insist_on;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::sshd::Options;
use testbed::wait::wait_for;

const CARRY: &str = "[carry]\nqubes = [\"work\"]\n";
/// Logins at once; more than a client's calls.
const AT_ONCE: usize = 100;
/// As ansible's forks.
const WORKERS: usize = 8;
const LOGINS: usize = 200;
/// One restart of the vault for so many logins.
const PER_RESTART: usize = 20;
const AGENTS: usize = 200;
const HOSTS: usize = 12;

struct Bed {
    client: ClientQube,
    vault: Vault,
    config: String,
    /// The vault's socket for calls.
    held: UnixListener,
    lab: Lab,
}

impl Bed {
    fn new(lines: &str) -> Self {
        let options = Options {
            lines: &["MaxStartups 300", "LoginGraceTime 600"],
            ..Options::default()
        };
        let lab = Lab::with(Kind::Ed25519, &options);
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n{lines}",
            lab.agent.socket.display()
        );
        lab.world.directory("vault");
        let held = lab.world.path("vault/held.sock");
        let held = UnixListener::bind(held).expect("our own folder");
        let vault = start(&lab, &config, &held);
        let qrexec = stand_in(&lab.world, "work/qrexec", "work");
        serve_socket(&qrexec, &vault.qrexec_socket);
        let client = ClientQube::start_configured(&lab.world, "work", qrexec, "");
        Self {
            client,
            vault,
            config,
            held,
            lab,
        }
    }
}

fn start(lab: &Lab, config: &str, held: &UnixListener) -> Vault {
    Vault::start_held(
        &lab.world,
        config,
        LOGINS_AND_FILES,
        &lab.known_hosts(),
        held,
    )
}

fn a_hundred_logins_at_once(bed: &Bed) {
    let client = bed.lab.client(&bed.client.socket);
    let left_out: Vec<String> = thread::scope(|scope| {
        let login = || finish(&mut client.ssh(&["server", "true"]));
        let logins: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(login)).collect();
        let logins = logins.into_iter().map(|login| login.join().unwrap());
        logins
            .filter(|login| !login.status.success())
            .map(|login| text(&login))
            .collect()
    });
    let records = bed.vault.records();
    let refused: Vec<_> = records
        .iter()
        .filter(|record| record["outcome"] != "ok")
        .collect();
    assert!(left_out.is_empty(), "{left_out:?}: {refused:#?}");
    assert_eq!(bed.lab.server.logins(), AT_ONCE);
    let status = bed.client.status();
    assert!(status.contains("0 failed"), "{status}");
}

#[test]
fn a_hundred_logins_by_rule_are_served_by_calls_of_their_own() {
    a_hundred_logins_at_once(&Bed::new(""));
}

#[test]
fn a_hundred_logins_by_rule_are_served_by_one_call() {
    let bed = Bed::new(CARRY);
    a_hundred_logins_at_once(&bed);
    assert!(bed.client.calls() <= 2, "{} calls", bed.client.calls());
}

/// ansible's load: each login works or is refused as ssh expects it, and the status has the reason.
fn logins_while_the_vault_restarts(lines: &str, logins: usize) {
    let Bed {
        client,
        mut vault,
        config,
        held,
        lab,
    } = Bed::new(lines);
    let ssh = lab.client(&client.socket);
    let (begun, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::Relaxed) < logins {
                    let login = finish(&mut ssh.ssh(&["server", "true"]));
                    if !login.status.success() {
                        let said = text(&login);
                        assert!(said.contains("Permission denied"), "{said}");
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for turn in 1..logins / PER_RESTART {
            wait_for("more logins", || {
                (begun.load(Ordering::Relaxed) > turn * PER_RESTART).then_some(())
            });
            vault.process.signal(Signal::SIGKILL);
            vault.process.wait();
            vault = start(&lab, &config, &held);
        }
    });
    let failed = failed.into_inner();
    assert!(failed < logins / 10, "{failed} of {logins} logins failed");
    assert_eq!(lab.server.logins(), logins - failed);
    let status = run(&mut client.control(&["status"]));
    assert!(failed == 0 || !status.contains(" 0 failed"), "{status}");
    println!("{failed} of {logins} logins failed\n{status}");
}

#[test]
fn logins_by_calls_of_their_own_survive_restarts() {
    logins_while_the_vault_restarts("", LOGINS / 4);
}

#[test]
fn carried_logins_survive_restarts() {
    logins_while_the_vault_restarts(CARRY, LOGINS);
}

#[test]
fn two_hundred_paramiko_agents_are_served() {
    insist_on("/usr/lib/python3/dist-packages/paramiko");
    for lines in ["", CARRY] {
        let bed = Bed::new(lines);
        let client = bed.lab.client(&bed.client.socket);
        let mut agents = client.with_agent("/usr/bin/python3");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/paramiko_agents.py");
        agents.arg(script).arg(AGENTS.to_string());
        assert_eq!(run(&mut agents).trim(), AGENTS.to_string());
        wait_for("the end of all in the status", || {
            let status = bed.client.status();
            assert!(status.contains("0 failed"), "{status}");
            (!status.contains("now:") || status.contains("now: connections 0 ")).then_some(())
        });
    }
}

/// ansible as it comes, with its connections that stay, and as many forks as work at once.
#[test]
fn ansible_works_as_it_is() {
    insist_on("/usr/bin/ansible");
    let bed = Bed::new(CARRY);
    let world = &bed.lab.world;
    let client = bed.lab.client(&bed.client.socket);
    // Names of one server, of which each has a login and a shared connection of its own.
    let hosts: String = (1..=HOSTS)
        .map(|number| format!("host{number}\n"))
        .collect();
    let config = std::fs::read_to_string(&client.config).expect("its configuration");
    let config = format!(
        "Host host*\nHostName 127.0.0.1\nPort {}\nHostKeyAlias server\n{config}",
        bed.lab.server.port
    );
    let inventory = format!(
        "{hosts}[all:vars]\nansible_ssh_common_args=-F {}\nansible_remote_tmp={}\n\
         ansible_python_interpreter=/usr/bin/python3\n",
        world.file("hosts", config).display(),
        world.path("remote").display()
    );
    let inventory = world.file("inventory", inventory);
    let source = world.file("source", "content");
    let ansible = |words: &[&str]| {
        let mut ansible = client.with_agent("/usr/bin/ansible");
        let forks = WORKERS.to_string();
        ansible.args(["all", "--one-line", "--forks", &forks, "-i"]);
        ansible.arg(&inventory).args(words);
        run(&mut ansible)
    };
    let pinged = ansible(&["-m", "ping"]);
    assert_eq!(pinged.matches("pong").count(), HOSTS, "{pinged}");
    let copy = format!(
        "src={} dest={}",
        source.display(),
        world.path("target").display()
    );
    let copied = ansible(&["-m", "copy", "-a", &copy]);
    assert_eq!(
        copied.matches("| SUCCESS").count() + copied.matches("| CHANGED").count(),
        HOSTS,
        "{copied}"
    );
    // The second command needed no login.
    assert_eq!(bed.lab.server.logins(), HOSTS);
    let status = bed.client.status();
    assert!(status.contains("0 failed"), "{status}");
}
