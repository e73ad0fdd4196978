//! A call that carries many connections, frame by frame: none of them is served by what another one showed, and a client
//! that breaks the protocol loses its call and nothing else.

use testbed::agent::Agent;
use testbed::host_keys::{HostKeys, session};
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::raw::{Answer, Connection, identities};
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::World;

const POLICY: &str = "default = \"deny\"
[host.server]
names = [\"server\"]
proof = \"bound\"
[[rule]]
kind = \"login\"
host = \"server\"
action = \"allow\"
[[rule]]
kind = \"sshsig\"
namespace = \"git\"
action = \"allow\"
[[rule]]
kind = \"sshsig\"
namespace = \"file\"
action = \"ask\"
";

const OPEN: u8 = 1;
const MESSAGE: u8 = 2;
const CLOSE: u8 = 3;
const RESET: u8 = 4;
const DRAIN: u8 = 6;

struct Bed {
    vault: Vault,
    key: Vec<u8>,
    server: Key,
    server_keys: HostKeys,
    _agent: Agent,
    world: World,
}

impl Bed {
    fn new(lines: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let server = Key::ed25519(&world, "server");
        let known_hosts = format!("server {}\n", server.line());
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n{lines}",
            agent.socket.display()
        );
        Self {
            vault: Vault::start_configured(&world, &config, POLICY, &known_hosts),
            key: key.blob(),
            server_keys: HostKeys::of(&world, [&server]),
            server,
            _agent: agent,
            world,
        }
    }

    fn call(&self) -> Connection {
        Connection::call(&self.vault.qrexec_socket, "work")
    }

    /// A call on which the vault has agreed to carry connections.
    fn carrying(&self) -> Connection {
        let mut call = self.call();
        let terms = Message::of(message::EXTENSION_RESPONSE)
            .string("carry@split-ssh")
            .byte(1)
            .int(1024)
            .byte(3);
        assert_eq!(call.ask(&hello()), Answer::Reply(terms.0));
        call
    }

    fn git(&self) -> Message {
        message::sign(&self.key, &message::sshsig("git", &[7; 64]))
    }

    /// A question.
    fn file(&self) -> Message {
        message::sign(&self.key, &message::sshsig("file", &[7; 64]))
    }

    fn login(&self) -> Message {
        let data = message::login(&session(1), "git", "ssh-ed25519", &self.key, None);
        message::sign(&self.key, &data)
    }

    fn bind(&self) -> Message {
        let shown = self.server.blob();
        self.server_keys
            .bind(&self.server, &shown, &session(1), false)
    }

    fn questions(&self) -> usize {
        let pending = testbed::children::finish(&mut self.vault.control(&["pending", "--json"]));
        let pending: serde_json::Value = serde_json::from_slice(&pending.stdout).expect("JSON");
        pending.as_array().map_or(0, Vec::len)
    }
}

fn hello() -> Message {
    Message::of(message::EXTENSION)
        .string("carry@split-ssh")
        .byte(1)
}

fn frame(kind: u8, connection: u32) -> Message {
    Message::of(kind).int(connection)
}

fn request(connection: u32, request: &Message) -> Message {
    frame(MESSAGE, connection).raw(&request.0)
}

/// Sends a request on a carried connection and returns the agent's reply to it.
fn ask(call: &mut Connection, connection: u32, asked: &Message) -> Answer {
    call.send(&request(connection, asked));
    reply(call, connection)
}

fn reply(call: &mut Connection, connection: u32) -> Answer {
    loop {
        match call.answer() {
            Answer::Reply(bytes) if bytes.first() == Some(&5) => {} // a note
            Answer::Reply(bytes) => {
                let head = frame(MESSAGE, connection).0;
                let message = bytes.strip_prefix(head.as_slice());
                return Answer::Reply(message.unwrap_or_else(|| panic!("{bytes:?}")).to_vec());
            }
            other => return other,
        }
    }
}

#[test]
fn a_vault_carries_only_for_whom_its_configuration_names() {
    let bed = Bed::new("[carry]\nqubes = [\"other\", \"wor\"]\n");
    let mut call = bed.call();
    let none = Message::of(message::EXTENSION_RESPONSE)
        .string("carry@split-ssh")
        .byte(1)
        .int(0)
        .byte(3);
    assert_eq!(call.ask(&hello()), Answer::Reply(none.0));
    // It stays an agent connection.
    let listed = call.ask(&Message::of(message::LIST));
    assert_eq!(identities(&listed), Some(vec![bed.key.clone()]));
    // The handshake comes first or not at all.
    assert_eq!(call.ask(&hello()).number(), Some(message::FAILURE));
}

#[test]
fn carried_connections_share_nothing_but_the_qube() {
    let bed = Bed::new("[carry]\nqubes = [\"w*\"]\n");
    let mut call = bed.carrying();
    for connection in 1..=3 {
        call.send(&frame(OPEN, connection));
    }
    // A bind of one serves no other.
    assert_eq!(
        ask(&mut call, 1, &bed.bind()).number(),
        Some(message::SUCCESS)
    );
    assert_eq!(
        ask(&mut call, 2, &bed.login()).number(),
        Some(message::FAILURE)
    );
    assert_eq!(
        ask(&mut call, 1, &bed.login()).number(),
        Some(message::SIGNATURE)
    );
    // Each has one signature of its own.
    for connection in [2, 3] {
        let first = ask(&mut call, connection, &bed.git());
        assert_eq!(first.number(), Some(message::SIGNATURE));
        let second = ask(&mut call, connection, &bed.git());
        assert_eq!(second.number(), Some(message::FAILURE));
    }
    // A closed one is gone, its number is not used again, and what still comes of it is passed over.
    call.send(&frame(CLOSE, 2));
    call.send(&request(2, &bed.git()));
    call.send(&frame(OPEN, 4));
    assert_eq!(
        ask(&mut call, 4, &bed.git()).number(),
        Some(message::SIGNATURE)
    );
    let records = bed.vault.records();
    let signed: Vec<_> = records.iter().filter(|r| r["event"] == "sign").collect();
    assert!(signed.iter().all(|record| record["qube"] == "work"));
    let mut numbers: Vec<_> = signed.iter().map(|r| r["connection"].as_u64()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "{signed:?}");
}

#[test]
fn a_reset_takes_back_its_own_question_alone() {
    let bed = Bed::new("[carry]\nqubes = [\"work\"]\n");
    let mut call = bed.carrying();
    call.send(&frame(OPEN, 1));
    call.send(&request(1, &bed.file()));
    wait_for("a question", || (bed.questions() == 1).then_some(()));
    // Nothing else waits for it.
    call.send(&frame(OPEN, 2));
    assert_eq!(
        ask(&mut call, 2, &bed.git()).number(),
        Some(message::SIGNATURE)
    );
    call.send(&frame(RESET, 1));
    wait_for("its end", || (bed.questions() == 0).then_some(()));
    call.send(&frame(OPEN, 3));
    call.send(&request(3, &bed.file()));
    bed.vault.answer("allow");
    assert_eq!(reply(&mut call, 3).number(), Some(message::SIGNATURE));
    // A client that goes away takes all back.
    call.send(&frame(OPEN, 5));
    call.send(&request(5, &bed.file()));
    wait_for("a question", || (bed.questions() == 1).then_some(()));
    drop(call);
    wait_for("its end", || (bed.questions() == 0).then_some(()));
}

/// Beside the reply the client hears that a question is open, and one word why a request was refused.
#[test]
fn a_client_is_told_of_questions_and_reasons() {
    const NOTE: u8 = 5;
    let notes = |bed: &Bed| {
        let mut call = bed.call();
        let _ = call.ask(&hello());
        call.send(&frame(OPEN, 1));
        call.send(&request(1, &bed.file()));
        bed.vault.answer("deny");
        let mut told = Vec::new();
        loop {
            match call.answer() {
                Answer::Reply(bytes) if bytes.first() == Some(&NOTE) => {
                    told.push(bytes.last().copied());
                }
                answer => {
                    let failure = frame(MESSAGE, 1).byte(message::FAILURE);
                    assert_eq!(answer, Answer::Reply(failure.0));
                    break;
                }
            }
        }
        call.send(&request(1, &bed.login()));
        if let Answer::Reply(bytes) = call.answer() {
            told.extend((bytes.first() == Some(&NOTE)).then(|| bytes.last().copied()));
        }
        told
    };
    let talks = Bed::new("[carry]\nqubes = [\"work\"]\n");
    // Asking, denied, policy.
    assert_eq!(notes(&talks), [Some(1), Some(3), Some(2)]);
    let silent = Bed::new("[carry]\nqubes = [\"work\"]\ntell = false\n");
    assert_eq!(notes(&silent), []);
}

#[test]
fn a_client_that_breaks_the_protocol_loses_its_call() {
    let bed = Bed::new("[carry]\nqubes = [\"work\"]\n");
    let mut other = bed.carrying();
    other.send(&frame(OPEN, 1));
    let breaches: [(&str, Vec<Message>); 7] = [
        ("no such frame", vec![frame(9, 1)]),
        (
            "a frame with something after it",
            vec![frame(OPEN, 1).byte(0)],
        ),
        ("a vault's frame", vec![frame(DRAIN, 1)]),
        ("never opened", vec![request(1, &bed.git())]),
        ("opened again", vec![frame(OPEN, 1), frame(OPEN, 1)]),
        (
            "a request while a reply is due",
            vec![
                frame(OPEN, 1),
                request(1, &bed.file()),
                request(1, &bed.git()),
            ],
        ),
        (
            "a close while a reply is due",
            vec![frame(OPEN, 1), request(1, &bed.file()), frame(CLOSE, 1)],
        ),
    ];
    for (number, (breach, frames)) in breaches.into_iter().enumerate() {
        let mut call = bed.carrying();
        for frame in frames {
            call.send(&frame);
        }
        while let Answer::Reply(note) = call.answer() {
            assert_eq!(note.first(), Some(&5), "{breach}: {note:?}");
        }
        wait_for("the record", || {
            let records = bed.vault.records();
            let malformed = records.iter().filter(|r| r["event"] == "malformed");
            (malformed.count() == number + 1).then_some(())
        });
    }
    wait_for("the end of all questions", || {
        (bed.questions() == 0).then_some(())
    });
    assert_eq!(
        ask(&mut other, 1, &bed.git()).number(),
        Some(message::SIGNATURE)
    );
}

#[test]
fn the_connections_and_the_time_of_a_call_are_bounded() {
    let bed =
        Bed::new("[carry]\nqubes = [\"work\"]\nconnections = 2\n[limits]\nidle-seconds = 1\n");
    let mut call = bed.call();
    let _ = call.ask(&hello());
    for connection in 1..=3 {
        call.send(&frame(OPEN, connection));
    }
    assert_eq!(call.answer(), Answer::Reply(frame(RESET, 3).0));
    // Each ends when nothing comes, and then the call.
    let mut ends = [call.answer(), call.answer()];
    ends.sort_by_key(|end| format!("{end:?}"));
    let closed = |connection| Answer::Reply(frame(CLOSE, connection).0);
    assert_eq!(ends, [closed(1), closed(2)]);
    assert_eq!(call.answer(), Answer::Reply(frame(DRAIN, 3).0));
    assert_eq!(call.answer(), Answer::Closed);
    let threads = || {
        let tasks = format!("/proc/{}/task", bed.vault.process.pid());
        std::fs::read_dir(tasks).expect("the vault runs").count()
    };
    let before = threads();
    let mut many = bed.call();
    let _ = many.ask(&hello());
    for connection in 1..=200 {
        many.send(&frame(OPEN, connection));
    }
    drop(many);
    // The second call may have come before the first one's thread was free; both are kept ready then.
    wait_for("the last thread's end", || {
        (threads() <= before + 1).then_some(())
    });
    let _ = &bed.world;
}
