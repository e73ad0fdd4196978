//! What a vault takes from the agent behind it: the answer to its question, and nothing else.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use testbed::agent::{Agent, ssh_add};
use testbed::children::run;
use testbed::host_keys::{HostKeys, session};
use testbed::impostor::Impostor;
use testbed::keys::{Key, Kind};
use testbed::message::{self, Message};
use testbed::raw::{self, Connection};
use testbed::recorder::Recorder;
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::World;

const POLICY: &str = "default = \"deny\"
[[rule]]
kind = \"sshsig\"
action = \"allow\"
signatures = 100
";

/// The vault lists again before a signature once a list is as old as this.
const LIST_HOLDS: Duration = Duration::from_secs(1);

const SHA256: u32 = 2;
const SHA512: u32 = 4;

type Spoil = Arc<dyn Fn(&[u8], Vec<u8>) -> Vec<u8> + Send + Sync>;

/// A vault whose agent answers by the `spoil` of the moment.
struct Bench {
    vault: Vault,
    spoil: Arc<Mutex<Spoil>>,
    ed25519: Key,
    rsa: Key,
    agent: Agent,
    _world: World,
}

impl Bench {
    fn new() -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let ed25519 = Key::ed25519(&world, "ed25519");
        let rsa = Key::generate(&world, "rsa", Kind::Rsa(2048));
        for key in [&ed25519, &rsa] {
            agent.add(&world, key);
        }
        let spoil: Arc<Mutex<Spoil>> = Arc::new(Mutex::new(Arc::new(honest)));
        let now = Arc::clone(&spoil);
        let impostor = Impostor::start(
            world.path("impostor.sock"),
            &agent.socket,
            move |request, answer| {
                let spoil = Arc::clone(&now.lock().unwrap_or_else(PoisonError::into_inner));
                spoil(request, answer)
            },
        );
        let vault = Vault::start_on(&world, &impostor.socket, POLICY, "");
        Self {
            vault,
            spoil,
            ed25519,
            rsa,
            agent,
            _world: world,
        }
    }

    fn spoil(&self, spoil: impl Fn(&[u8], Vec<u8>) -> Vec<u8> + Send + Sync + 'static) {
        *self.spoil.lock().unwrap() = Arc::new(spoil);
    }

    /// What the agent itself answers.
    fn honest_answer(&self, request: &Message) -> Vec<u8> {
        let answer = Connection::open(&self.agent.socket).ask(request);
        match answer {
            raw::Answer::Reply(payload) => payload,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the log has an answer of the agent that was not taken, for this reason.
    fn has_told(&self, reason: &str) -> bool {
        self.vault.records().iter().any(|record| {
            record["event"] == "upstream" && record["reason"].as_str().unwrap().contains(reason)
        })
    }
}

fn honest(_request: &[u8], answer: Vec<u8>) -> Vec<u8> {
    frame(&answer)
}

fn frame(payload: &[u8]) -> Vec<u8> {
    Message(payload.to_vec()).framed()
}

fn sign(key: &Key, flags: u32) -> Message {
    message::sign_flags(&key.blob(), &message::sshsig("git", &[7; 64]), flags)
}

/// A signature reply with this algorithm and blob.
fn signature(algorithm: &str, blob: &[u8]) -> Vec<u8> {
    let signature = Message::new().string(algorithm).string(blob).0;
    Message::of(message::SIGNATURE).string(signature).0
}

#[test]
fn what_is_no_signature_as_asked_for_is_a_failure() {
    let bench = Bench::new();
    let by_rsa = bench.honest_answer(&sign(&bench.rsa, SHA256));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("success", frame(&[message::SUCCESS]), "no signature"),
        (
            "a list",
            frame(&[message::IDENTITIES, 0, 0, 0, 0]),
            "no signature",
        ),
        ("an unknown type", frame(&[102]), "no signature"),
        ("an empty message", vec![0; 4], "a bad length"),
        ("a length beyond all bounds", vec![0xff; 64], "a bad length"),
        ("the end", Vec::new(), "cannot be reached"),
        (
            "an empty signature",
            frame(&signature("ssh-ed25519", &[])),
            "cannot be read",
        ),
        (
            "63 bytes",
            frame(&signature("ssh-ed25519", &[1; 63])),
            "cannot be read",
        ),
        (
            "no text",
            frame(&signature("ssh-ed25519\0", &[1; 64])),
            "cannot be read",
        ),
        ("another key's type", frame(&by_rsa), "of another type"),
        (
            "a type of tomorrow",
            frame(&signature("ssh-mldsa44", &[1; 64])),
            "of another type",
        ),
    ];
    for (index, (what, sent, reason)) in cases.into_iter().enumerate() {
        let qube = format!("work-{index}");
        let mut connection = Connection::call(&bench.vault.qrexec_socket, &qube);
        bench.spoil(move |request, answer| match request.first() {
            Some(&message::SIGN) => sent.clone(),
            _ => frame(&answer),
        });
        let answer = connection.ask(&sign(&bench.ed25519, 0));
        assert_eq!(answer.number(), Some(message::FAILURE), "{what}");
        assert!(
            bench.has_told(reason),
            "{what}: {:?}",
            bench.vault.records()
        );
        bench.spoil(honest);
        let answer = connection.ask(&sign(&bench.ed25519, 0));
        assert!(
            answer.signature().is_some(),
            "{what}, and then the right answer"
        );
    }
}

#[test]
fn bytes_beyond_the_answer_are_a_failure() {
    let bench = Bench::new();
    let mut connection = Connection::call(&bench.vault.qrexec_socket, "work");
    bench.spoil(|request, mut answer| match request.first() {
        Some(&message::SIGN) => {
            answer.push(0);
            frame(&answer)
        }
        _ => frame(&answer),
    });
    let answer = connection.ask(&sign(&bench.ed25519, 0));
    assert_eq!(
        answer.number(),
        Some(message::FAILURE),
        "within the message"
    );
    bench.spoil(|request, answer| match request.first() {
        Some(&message::SIGN) => [frame(&answer), frame(&answer)].concat(),
        _ => frame(&answer),
    });
    let answer = connection.ask(&sign(&bench.ed25519, 0));
    assert_eq!(answer.number(), Some(message::FAILURE), "after it");
    assert!(bench.has_told("more than was asked for"));
}

/// The policy has judged the hash that was asked for; SHA-1 needs a word of its own.
#[test]
fn an_agent_that_knows_no_flags_gives_nothing_away() {
    let bench = Bench::new();
    let signed_with = [0, SHA256, SHA512].map(|flags| {
        let answer = bench.honest_answer(&sign(&bench.rsa, flags));
        (flags, answer)
    });
    for asked in [SHA256, SHA512, SHA256 | SHA512] {
        for (flags, answer) in &signed_with {
            let mut connection = Connection::call(&bench.vault.qrexec_socket, "work");
            let sent = answer.clone();
            bench.spoil(move |request, answer| match request.first() {
                Some(&message::SIGN) => frame(&sent),
                _ => frame(&answer),
            });
            let answer = connection.ask(&sign(&bench.rsa, asked));
            let fits = flags & asked != 0;
            assert_eq!(
                answer.signature().is_some(),
                fits,
                "asked with flags {asked}, signed as with {flags}"
            );
        }
    }
    assert!(bench.has_told("of another type than was asked for"));
}

#[test]
fn what_is_no_list_is_a_failure() {
    let bench = Bench::new();
    let key = bench.ed25519.blob();
    let list = |count: u32, keys: usize| {
        let list = Message::of(message::IDENTITIES).int(count);
        let list = (0..keys).fold(list, |list, _| list.string(&key).string("comment"));
        list.0
    };
    let good = list(2, 2);
    let cases = [
        ("success", vec![message::SUCCESS]),
        ("a count that is too small", list(1, 2)),
        ("a count that is too large", list(3, 2)),
        ("more keys than a client takes", list(2049, 2049)),
        ("a byte too many", [good.as_slice(), &[0]].concat()),
    ];
    for (index, (what, sent)) in cases.into_iter().enumerate() {
        let qube = format!("work-{index}");
        let mut connection = Connection::call(&bench.vault.qrexec_socket, &qube);
        bench.spoil(move |_, _| frame(&sent));
        let answer = connection.ask(&Message::of(message::LIST));
        assert_eq!(answer.number(), Some(message::FAILURE), "{what}");
        bench.spoil(honest);
        let listed = raw::identities(&connection.ask(&Message::of(message::LIST)));
        assert_eq!(
            listed.map(|keys| keys.len()),
            Some(2),
            "{what}, and then the keys"
        );
    }
}

/// Between two questions of a client the agent may have been started anew.
#[test]
fn an_agent_that_was_started_anew_is_found_again() {
    let world = World::new();
    let mut agent = Agent::start(&world);
    let key = Key::ed25519(&world, "key");
    agent.add(&world, &key);
    let vault = Vault::start(&world, &agent, POLICY, "");
    let mut connection = Connection::call(&vault.qrexec_socket, "work");
    let answer = connection.ask(&Message::of(message::LIST));
    assert_eq!(raw::identities(&answer), Some(vec![key.blob()]));
    agent.stop();
    agent = Agent::start(&world);
    agent.add(&world, &key);
    assert!(connection.ask(&sign(&key, 0)).signature().is_some());
}

/// What constrains its keys is of a connection: the new one hears of every bind before the next question.
#[test]
fn an_agent_that_was_started_anew_is_told_the_binds_again() {
    let world = World::new();
    let mut agent = Agent::start(&world);
    let (key, host) = (Key::ed25519(&world, "key"), Key::ed25519(&world, "host"));
    agent.add(&world, &key);
    let upstream = Recorder::start(world.path("upstream.sock"), &agent.socket);
    let vault = Vault::start_on(&world, &upstream.socket, "default = \"ask\"\n", "");
    let mut connection = Connection::call(&vault.qrexec_socket, "work");
    let hosts = HostKeys::of(&world, [&host]);
    let binds = [(1, true), (2, false)]
        .map(|(number, forwarding)| hosts.bind(&host, &host.blob(), &session(number), forwarding));
    for bind in &binds {
        assert_eq!(connection.ask(bind).number(), Some(message::SUCCESS));
    }
    let list = Message::of(message::LIST);
    assert!(raw::identities(&connection.ask(&list)).is_some());
    agent.stop();
    agent = Agent::start(&world);
    agent.add(&world, &key);
    wait_for("the keys again", || raw::identities(&connection.ask(&list)));
    let told = upstream.conversations().pop().expect("a new connection");
    let [first, second] = binds;
    assert_eq!(told.request_payloads(), [first.0, second.0, list.0]);
}

/// Where signatures wait until all may go on.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    waiting: usize,
    most: usize,
    open: bool,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        state.most = state.most.max(state.waiting);
        state = self.changed.wait_while(state, |state| !state.open).unwrap();
        state.waiting -= 1;
    }

    fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    fn waiting(&self) -> usize {
        self.state.lock().unwrap().waiting
    }
}

/// An ssh-agent serves one at a time: others do not wait behind all that one qube has in hand.
#[test]
fn four_signatures_of_a_qube_are_at_the_agent_at_a_time() {
    const AT_ONCE: usize = 4;
    let bench = Bench::new();
    let gate = Arc::new(Gate::default());
    let (entry, slow) = (Arc::clone(&gate), sign(&bench.rsa, SHA256));
    bench.spoil({
        let slow = slow.clone();
        move |request, answer| {
            if request == slow.0 {
                entry.pass();
            }
            frame(&answer)
        }
    });
    let socket = &bench.vault.qrexec_socket;
    thread::scope(|scope| {
        let ask = || Connection::call(socket, "greedy").ask(&slow).signature();
        let greedy: Vec<_> = (0..2 * AT_ONCE).map(|_| scope.spawn(ask)).collect();
        wait_for("signatures at the agent", || {
            (gate.waiting() >= AT_ONCE).then_some(())
        });
        let other = Connection::call(socket, "work").ask(&sign(&bench.ed25519, 0));
        assert!(
            other.signature().is_some(),
            "another qube is served meanwhile"
        );
        let mut listing = Connection::call(socket, "greedy");
        let listed = raw::identities(&listing.ask(&Message::of(message::LIST)));
        assert_eq!(
            listed.map(|keys| keys.len()),
            Some(2),
            "a list waits for no signature"
        );
        gate.open();
        for run in greedy {
            assert!(run.join().unwrap().is_some(), "each has its turn");
        }
    });
    assert_eq!(gate.state.lock().unwrap().most, AT_ONCE);
}

/// The agent is KeePassXC's or the like: its owner locks it, closes it, and comes back while a login waits.
#[test]
fn a_request_waits_for_an_agent_that_is_locked_or_not_there() {
    let world = World::new();
    let mut agent = Agent::start(&world);
    let key = Key::ed25519(&world, "key");
    agent.add(&world, &key);
    let vault = Vault::start_on(&world, &agent.socket, POLICY, "");
    let call = || Connection::call(&vault.qrexec_socket, "work");
    let lists_it = || {
        let listed = call().ask(&Message::of(message::LIST));
        raw::identities(&listed) == Some(vec![key.blob()])
    };
    let askpass = world.script("askpass", "#!/bin/sh\necho secret\n");
    let lock = |option: &str| {
        let mut command = ssh_add(&world, &agent.socket);
        command.env("SSH_ASKPASS", &askpass);
        command.env("SSH_ASKPASS_REQUIRE", "force");
        run(command.arg(option));
    };
    assert!(lists_it());
    lock("-x");
    assert!(agent.keys().is_empty(), "a locked agent lists nothing");
    assert!(lists_it(), "the vault knows what it has");
    let begin = || {
        let mut connection = call();
        connection.send(&sign(&key, 0));
        connection
    };
    let mut waiting = begin();
    let gone = begin();
    drop(gone);
    let wait_until_left = |qube: &str| {
        wait_for("the record of the client that left", || {
            let records = vault.records();
            let left = |record: &serde_json::Value| {
                record["reason"] == "the client hung up" && record["qube"] == qube
            };
            records.iter().any(left).then_some(())
        });
    };
    wait_until_left("work");
    lock("-X");
    assert!(waiting.answer().signature().is_some());

    // Also where the list of the same connection is of before.
    let listed = |qube: &str| {
        let mut connection = Connection::call(&vault.qrexec_socket, qube);
        connection.ask(&Message::of(message::LIST));
        connection
    };
    let (mut waiting, mut gone) = (listed("work"), listed("other"));
    lock("-x");
    thread::sleep(LIST_HOLDS);
    for connection in [&mut waiting, &mut gone] {
        connection.send(&sign(&key, 0));
    }
    drop(gone);
    wait_until_left("other");
    lock("-X");
    assert!(waiting.answer().signature().is_some());

    agent.stop();
    assert!(lists_it());
    let mut waiting = begin();
    agent.restart(&world);
    agent.add(&world, &key);
    assert!(waiting.answer().signature().is_some());

    // A vault that never saw the agent knows the public halves in the keyring's folder.
    agent.stop();
    drop(vault);
    let public = std::fs::read(key.private.with_extension("pub")).unwrap();
    world.directory("vault/.ssh/identities.d/default");
    world.file("vault/.ssh/identities.d/default/key.pub", public);
    let vault = Vault::start_on(&world, &agent.socket, POLICY, "");
    let mut waiting = Connection::call(&vault.qrexec_socket, "work");
    waiting.send(&sign(&key, 0));
    agent.restart(&world);
    agent.add(&world, &key);
    assert!(waiting.answer().signature().is_some());
}
