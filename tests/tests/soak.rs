//! Thousands of connections while what carries them is killed at random: nothing of them is left.
//! `make soak` has more of them than `make test`.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::agent::Agent;
use testbed::children::children;
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::raw::{Answer, Connection};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::{wait_for, wait_for_socket};
use testbed::world::World;

const POLICY: &str = "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\naction = \"allow\"\n";
/// As ansible's forks.
const WORKERS: usize = 8;
/// Connections, if SOAK does not say.
const FEW: usize = 400;
/// One kill for so many connections.
const PER_KILL: usize = 20;
/// Threads of the client that wait for the next connection.
const READY_THREADS: usize = 2;
/// Every so many kills it is the vault's turn.
const VAULT_EVERY: usize = 4;

fn connections() -> usize {
    let said = std::env::var("SOAK").ok();
    said.and_then(|count| count.parse().ok()).unwrap_or(FEW)
}

fn count(pid: Pid, what: &str) -> usize {
    let entries = fs::read_dir(format!("/proc/{pid}/{what}"));
    entries.expect("it runs").count()
}

/// Descriptors, threads, and memory in KiB.
fn held(pid: Pid) -> (usize, usize, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    let memory = memory.and_then(|memory| memory.parse().ok());
    (
        count(pid, "fd"),
        count(pid, "task"),
        memory.expect("a number"),
    )
}

/// One connection: most list and sign, some leave in the middle. Whether it was served.
fn connection(client: &ClientQube, key: &[u8], number: usize) -> bool {
    let mut connection = Connection::open(&client.socket);
    let listed = connection.ask(&Message::of(message::LIST));
    let data = message::sshsig("file", &[u8::try_from(number % 251).unwrap_or(0); 64]);
    connection.send(&message::sign(key, &data));
    if number % 7 == 3 {
        return true; // gone before the reply
    }
    let signed = connection.answer();
    // A failure is said in time, by FAILURE or the end.
    assert_ne!((&listed, &signed), (&listed, &Answer::Silence));
    signed.signature().is_some()
}

fn soak(carry: &str) {
    let world = World::new();
    let agent = Agent::start(&world);
    let key = Key::ed25519(&world, "key");
    agent.add(&world, &key);
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n{carry}",
        agent.socket.display()
    );
    let start = || Vault::start_configured(&world, &config, POLICY, "");
    let mut vault = start();
    let qrexec = stand_in(&world, "work/qrexec", "work");
    serve_socket(&qrexec, &vault.qrexec_socket);
    let client = ClientQube::start_configured(&world, "work", qrexec, "setup-seconds = 10\n");
    assert!(connection(&client, &key.blob(), 0));
    let carried = children(client.process.pid()).len();
    let before = held(client.process.pid());
    let all = connections();
    let (next, served) = (AtomicUsize::new(1), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > all {
                        return;
                    }
                    if connection(&client, &key.blob(), number) {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for turn in 1..=all / PER_KILL {
            wait_for("more connections", || {
                (next.load(Ordering::Relaxed) > turn * PER_KILL).then_some(())
            });
            if turn % VAULT_EVERY == 0 {
                vault.process.signal(Signal::SIGKILL);
                vault.process.wait();
                vault = start();
                wait_for_socket(&vault.qrexec_socket);
            } else if let Some(child) = children(client.process.pid()).first() {
                // It may have ended by itself.
                let _ = kill(Pid::from_raw(*child), Signal::SIGKILL);
            }
        }
    });
    // Without a vault, connections fail faster than others are served.
    assert!(
        served.load(Ordering::Relaxed) > all / 10,
        "{served:?} of {all}"
    );
    assert!(connection(&client, &key.blob(), 1));
    // One that is left is a call that carries connections, and waits for more.
    wait_for("the end of all", || {
        let (files, threads, _) = held(client.process.pid());
        let left = children(client.process.pid()).len();
        let is_over = left <= carried && files <= before.0 && threads <= before.1 + READY_THREADS;
        is_over.then_some(())
    });
    let after = held(client.process.pid());
    let memory = after.2;
    println!("{served:?} of {all} served; descriptors, threads, KiB: {before:?}, then {after:?}");
    assert!(
        memory <= before.2 + 8 * 1024,
        "{memory} KiB after {before:?}"
    );
    // The vault shows its descriptors to root alone.
    let threads = count(vault.process.pid(), "task");
    assert!(threads < 20, "{threads} threads in the vault");
}

#[test]
fn nothing_is_left_of_calls_for_each_connection() {
    soak("");
}

#[test]
fn nothing_is_left_of_carried_connections() {
    soak("[carry]\nqubes = [\"work\"]\n");
}
