//! What takes a minute or more by its nature: long waits, many windows, and the minutes of notifications.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use testbed::agent::Agent;
use testbed::desk::Desk;
use testbed::keys::Key;
use testbed::lab::Lab;
use testbed::message::{self, Message};
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::wait_at_most;
use testbed::world::World;

/// sshd's default LoginGraceTime is 120 s; a window stands for 60 s.
const LATE: Duration = Duration::from_secs(50);

#[test]
fn a_yes_at_second_50_is_in_time_for_sshd() {
    let lab = Lab::new();
    let desk = Desk::new(&lab.world);
    let policy = "default = \"ask\"\n";
    let vault = desk.vault(&lab.world, &lab.agent.socket, policy, &lab.known_hosts());
    let qube = ClientQube::start(&lab.world, &vault, "work");
    let mut ssh = lab.client(&qube.socket).ssh(&["server", "echo inside"]);
    let began = Instant::now();
    let ssh = ssh.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let window = desk.window();
    // The time itself is what is tested.
    thread::sleep(LATE.saturating_sub(began.elapsed()));
    window.press("Allow once");
    let output = ssh.expect("ssh runs").wait_with_output().expect("its end");
    assert_eq!(output.stdout, b"inside\n");
    assert_eq!(desk.windows(), (1, 1));
}

/// A server of which only the public key matters: a hostbound login names it, and the signature is good
/// for no other.
struct Host {
    name: String,
    key: Vec<u8>,
}

impl Host {
    fn of(number: u8) -> Self {
        let key = Message::new().string("ssh-ed25519").string([number; 32]);
        Self {
            name: format!("host-{number}.example"),
            key: key.0,
        }
    }

    fn known_host(&self) -> String {
        let key = BASE64_STANDARD.encode(&self.key);
        format!("{} ssh-ed25519 {key}\n", self.name)
    }
}

/// A login to `host` over a connection of its own; whether it was signed.
fn log_in(qrexec_socket: &Path, key: &[u8], host: &Host, session: u8) -> bool {
    /// A question waits for 110 s at most.
    const PATIENCE: Duration = Duration::from_secs(120);
    let id = [session; 32];
    let data = message::login(&id, "git", "ssh-ed25519", key, Some(&host.key));
    let mut connection = Connection::call(qrexec_socket, "work");
    connection
        .ask_within(&message::sign(key, &data), PATIENCE)
        .signature()
        .is_some()
}

#[test]
fn fifty_hosts_are_fifty_questions_one_window_at_a_time() {
    const HOSTS: u8 = 50;
    /// As ansible's --forks.
    const FORKS: usize = 10;
    let world = World::new();
    let agent = Agent::start(&world);
    let key = Key::ed25519(&world, "key");
    agent.add(&world, &key);
    let key = key.blob();
    let hosts: Vec<Host> = (1..=HOSTS).map(Host::of).collect();
    let known_hosts: String = hosts.iter().map(Host::known_host).collect();
    let policy =
        "default = \"deny\"\n[[rule]]\nkind = \"login\"\naction = \"ask\"\nremember = \"1h\"\n";
    let desk = Desk::new(&world);
    let vault = desk.vault(&world, &agent.socket, policy, &known_hosts);

    let next = AtomicUsize::new(0);
    let mut asked = BTreeSet::new();
    thread::scope(|scope| {
        let run = || {
            let mine = || hosts.get(next.fetch_add(1, Ordering::Relaxed));
            std::iter::from_fn(mine).all(|host| log_in(&vault.qrexec_socket, &key, host, 1))
        };
        let forks: Vec<_> = (0..FORKS).map(|_| scope.spawn(run)).collect();
        for _ in &hosts {
            let window = desk.window();
            let texts = window.texts();
            let heading = texts
                .into_iter()
                .find(|text| text.starts_with("work wants to "));
            assert!(asked.insert(heading.expect("a heading")), "{asked:?}");
            window.press("Allow for 1 h");
        }
        for fork in forks {
            assert!(fork.join().expect("a fork's end"));
        }
    });
    assert!(
        asked.contains("work wants to log in as git on host-50.example"),
        "{asked:?}"
    );
    for host in &hosts {
        assert!(log_in(&vault.qrexec_socket, &key, host, 2), "{}", host.name);
    }
    assert_eq!(desk.windows(), (1, u64::from(HOSTS)));
    let records = vault.records();
    let signed = records.iter().filter(|record| record["event"] == "sign");
    assert_eq!(signed.count(), 2 * usize::from(HOSTS));
}

/// Bytes of a process that no file backs.
fn memory(vault: &Vault) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", vault.process.pid()));
    let status = status.expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    1024 * kilobytes
        .and_then(|number| number.parse::<u64>().ok())
        .expect("a number")
}

/// The signatures that a notification speaks of.
fn told(summary: &str) -> u64 {
    match summary.strip_suffix(" signatures for work in the last minute") {
        Some(count) => count.parse().expect("a count"),
        None => u64::from(summary == "work used a key"),
    }
}

#[test]
fn a_thousand_signatures_are_a_handful_of_notifications_in_flat_memory() {
    const SIGNATURES: u64 = 1000;
    /// Before the first look: caches and allocators are warm then.
    const WARM_UP: u64 = 100;
    /// Less than one kept kilobyte for each would be.
    const FLAT: u64 = 512 * 1024;
    const MINUTE: u64 = 60;
    let world = World::new();
    let agent = Agent::start(&world);
    let key = Key::ed25519(&world, "key");
    agent.add(&world, &key);
    let desk = Desk::new(&world);
    let policy =
        "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\naction = \"allow\"\nnotify = true\n";
    let vault = desk.vault(&world, &agent.socket, policy, "");
    let began = Instant::now();
    let request = message::sign(&key.blob(), &message::sshsig("git", &[7; 64]));
    let sign = |count: u64| {
        for _ in 0..count {
            let answer = Connection::call(&vault.qrexec_socket, "work").ask(&request);
            assert!(answer.signature().is_some(), "{answer:?}");
        }
    };
    sign(WARM_UP);
    let before = memory(&vault);
    sign(SIGNATURES - WARM_UP);
    let after = memory(&vault);
    assert!(after < before + FLAT, "{before} bytes, then {after}");

    let all_told = || {
        desk.notifications()
            .iter()
            .map(|notification| told(&notification.summary))
            .sum::<u64>()
    };
    let all_came = wait_at_most(Duration::from_secs(5 * MINUTE), || {
        (all_told() >= SIGNATURES).then_some(())
    });
    assert!(all_came.is_some(), "{:?}", desk.notifications());
    let notifications = desk.notifications();
    let minutes = began.elapsed().as_secs() / MINUTE;
    assert!(
        notifications.len() as u64 <= 2 + minutes,
        "one a minute: {notifications:?}"
    );
    assert_eq!(all_told(), SIGNATURES);
    assert_eq!(desk.windows(), (0, 0), "nobody was asked");
}
