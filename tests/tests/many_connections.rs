//! Many connections at once: all are served, by few calls, and nothing is left of them.

use nix::sys::signal::Signal;
use testbed::agent::Agent;
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::raw::{Answer, Connection, identities};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::{DEADLINE, wait_for};
use testbed::world::World;

const POLICY: &str =
    "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\naction = \"allow\"\nsignatures = 10\n";
/// As many as programs that keep their connection, such as paramiko, were seen to open.
const MANY: usize = 200;

struct Bed {
    client: ClientQube,
    key: Vec<u8>,
    vault: Vault,
    _agent: Agent,
    _world: World,
}

impl Bed {
    /// A vault whose vault.toml and a client whose `[[vault]]` have further lines.
    fn new(vault_lines: &str, client_lines: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n{vault_lines}",
            agent.socket.display()
        );
        let vault = Vault::start_configured(&world, &config, POLICY, "");
        let qrexec = testbed::plain_pipe::stand_in(&world, "work/qrexec", "work");
        testbed::plain_pipe::serve_socket(&qrexec, &vault.qrexec_socket);
        let client = ClientQube::start_configured(&world, "work", qrexec, client_lines);
        Self {
            client,
            key: key.blob(),
            vault,
            _agent: agent,
            _world: world,
        }
    }

    fn lists(&self, connection: &mut Connection) -> bool {
        let answer = connection.ask(&Message::of(message::LIST));
        identities(&answer) == Some(vec![self.key.clone()])
    }

    fn signs(&self, connection: &mut Connection) -> bool {
        let data = message::sshsig("file", &[7; 64]);
        let answer = connection.ask(&message::sign(&self.key, &data));
        answer.signature().is_some()
    }
}

/// Each lists, keeps its connection while all others do the same, and then signs.
fn all_are_served(bed: &Bed) {
    let held: Vec<Connection> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..MANY)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(&bed.client.socket);
                    assert!(bed.lists(&mut connection));
                    connection
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    std::thread::scope(|scope| {
        for mut connection in held {
            scope.spawn(move || assert!(bed.signs(&mut connection)));
        }
    });
    let status = wait_for("the end of all in the status", || {
        let status = bed.client.status();
        let is_over = !status.contains("now:") || status.contains("now: connections 0 ");
        is_over.then_some(status)
    });
    assert!(status.contains("0 failed"), "{status}");
    assert!(!status.contains("in vain"), "{status}");
}

#[test]
fn connections_beyond_the_calls_wait_for_their_turn() {
    let bed = Bed::new("", "");
    all_are_served(&bed);
    bed.client.wait_until_alone();
}

/// With a vault that agrees, one call does for all.
#[test]
fn a_call_carries_many_connections() {
    let bed = Bed::new("[carry]\nqubes = [\"work\"]\n", "");
    all_are_served(&bed);
    // The first ones of a burst may each have made a call before they knew.
    assert!(bed.client.calls() <= 2, "{} calls", bed.client.calls());
}

/// A connection that reads no replies, or sends more than a message may have, disturbs no other one on its call.
#[test]
fn a_carried_connection_disturbs_no_other() {
    let bed = Bed::new("[carry]\nqubes = [\"work\"]\n", "");
    let mut other = Connection::open(&bed.client.socket);
    assert!(bed.lists(&mut other));
    let mut deaf = Connection::open(&bed.client.socket);
    deaf.stream.set_nonblocking(true).expect("our own socket");
    let list = Message::of(message::LIST).framed();
    // Until nobody takes any more.
    while std::io::Write::write(&mut deaf.stream, &list).is_ok() {}
    assert!(bed.lists(&mut other));
    let mut long = Connection::open(&bed.client.socket);
    let answer = long.ask(&Message::of(message::EXTENSION).raw(vec![0; 256 * 1024]));
    assert_eq!(answer, Answer::Closed);
    assert!(bed.lists(&mut other));
    assert!(bed.signs(&mut other));
    assert_eq!(bed.client.calls(), 1);
}

/// A call whose vault does not reply to a list is ended, and the next connection makes another one.
#[test]
fn a_call_that_hangs_is_given_up() {
    std::thread::scope(|scope| {
        for lines in ["[carry]\nqubes = [\"work\"]\n", ""] {
            scope.spawn(move || {
                let bed = Bed::new(lines, "");
                let connect = || Connection::open(&bed.client.socket);
                let mut held = connect();
                assert!(bed.lists(&mut held));
                bed.vault.process.signal(Signal::SIGSTOP);
                let status = format!("/proc/{}/status", bed.vault.process.pid());
                wait_for("the vault to stand still", || {
                    let status = std::fs::read_to_string(&status).ok()?;
                    status.contains("State:\tT").then_some(())
                });
                let answer = held.ask_within(&Message::of(message::LIST), 2 * DEADLINE);
                assert_eq!(answer, Answer::Closed);
                let status = bed.client.status();
                assert!(
                    status.contains("the vault did not reply in 30 s"),
                    "{status}"
                );
                bed.vault.process.signal(Signal::SIGCONT);
                assert!(bed.lists(&mut connect()));
                assert_eq!(bed.client.calls(), 2);
            });
        }
    });
}
