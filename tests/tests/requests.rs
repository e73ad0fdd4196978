//! Every request number, whole, cut short, padded and oversized, gets its answer, and the agent behind the
//! vault sees none of what is refused.

use testbed::agent::Agent;
use testbed::children::finish;
use testbed::keys::Key;
use testbed::lone_key::LoneKey;
use testbed::message::{self, Message};
use testbed::raw::{Answer, Connection, identities};
use testbed::recorder::Recorder;
use testbed::split_ssh::Vault;
use testbed::world::World;

const ALLOW_ALL: &str = "default = \"deny\"

[[rule]]
kind = [\"login\", \"sshsig\", \"certificate\", \"sudo\", \"raw\"]
action = \"allow\"
";

const MAX_MESSAGE: u32 = 256 * 1024;

struct Bench {
    vault: Vault,
    upstream: Recorder,
    key: Key,
    _agent: Agent,
    _world: World,
}

impl Bench {
    fn new() -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let upstream = Recorder::start(world.path("upstream.sock"), &agent.socket);
        let vault = Vault::start_on(&world, &upstream.socket, ALLOW_ALL, "");
        Self {
            vault,
            upstream,
            key,
            _agent: agent,
            _world: world,
        }
    }

    fn call(&self) -> Connection {
        Connection::call(&self.vault.qrexec_socket, "work")
    }

    /// A well-formed body for the request, where there is one.
    fn body(&self, number: u8) -> Vec<u8> {
        let key = self.key.blob();
        let message = match number {
            13 => Message::new()
                .string(&key)
                .string("data to be signed")
                .int(0),
            17 | 25 => Message::new()
                .string("ssh-ed25519")
                .string([1; 32])
                .string([2; 64])
                .string("comment"),
            18 => Message::new().string(&key),
            20 | 21 | 26 => Message::new().string("/usr/lib/module.so").string("1234"),
            22 | 23 => Message::new().string("passphrase"),
            27 => Message::new()
                .string("session-bind@openssh.com")
                .string(&key)
                .string([0; 32])
                .string("")
                .byte(0),
            _ => Message::new(),
        };
        message.0
    }

    /// Insists that nothing but lists, which the vault asks for on its own account, went upstream.
    fn assert_nothing_passed(&self, what: &str) {
        let passed: Vec<u8> = self
            .upstream
            .numbers()
            .into_iter()
            .filter(|&number| number != message::LIST)
            .collect();
        assert!(passed.is_empty(), "{what}: the upstream saw {passed:?}");
    }
}

fn is_refusal(answer: &Answer) -> bool {
    let refusals = [vec![message::FAILURE], vec![message::EXTENSION_FAILURE]];
    matches!(answer, Answer::Reply(payload) if refusals.contains(payload))
}

#[test]
fn every_number_in_every_shape() {
    let bench = Bench::new();
    for number in 0..=u8::MAX {
        let body = bench.body(number);
        let padded = [body.as_slice(), &[0]].concat();
        let junk = vec![number; 5000];
        let mut shapes = vec![("padded", padded.as_slice()), ("junk", &junk)];
        for length in 0..body.len() {
            shapes.push(("cut short", &body[..length]));
        }
        if ![message::LIST, message::SIGN, message::EXTENSION].contains(&number) {
            shapes.push(("whole", &body));
        }
        // A connection may make many requests, but not without end.
        for group in shapes.chunks(200) {
            let mut connection = bench.call();
            for (shape, body) in group {
                let answer = connection.ask(&Message::of(number).raw(body));
                assert!(
                    is_refusal(&answer),
                    "{number} {shape} ({} bytes): {answer:?}",
                    body.len()
                );
            }
            let listed = identities(&connection.ask(&Message::of(message::LIST)));
            // A bind that cannot be read counts as one that failed: what hosts could use is hidden.
            let expected = if number == message::EXTENSION {
                vec![]
            } else {
                vec![bench.key.blob()]
            };
            assert_eq!(
                listed,
                Some(expected),
                "the connection did not survive {number}"
            );
        }
    }
    bench.assert_nothing_passed("after all numbers");
}

/// A bind that does not hold spoils its connection for logins, and nothing else.
#[test]
fn a_bind_that_fails() {
    let bench = Bench::new();
    let mut connection = bench.call();
    let bind = Message::of(message::EXTENSION).raw(bench.body(message::EXTENSION));
    assert_eq!(
        connection.ask(&bind),
        Answer::Reply(vec![message::EXTENSION_FAILURE])
    );
    assert!(identities(&connection.ask(&Message::of(message::LIST))).is_some());
    let (key, session) = (bench.key.blob(), [0; 32]);
    let data = message::login(&session, "root", "ssh-ed25519", &key, Some(&key));
    assert_eq!(
        connection.ask(&message::sign(&key, &data)),
        Answer::Reply(vec![message::FAILURE])
    );
    bench.assert_nothing_passed("after a failed bind");
}

#[test]
fn a_frame_that_is_empty_or_too_long_closes_the_connection() {
    let bench = Bench::new();
    for length in [0, MAX_MESSAGE + 1, u32::MAX] {
        let mut connection = bench.call();
        connection.send_bytes(&length.to_be_bytes());
        assert_eq!(connection.answer(), Answer::Closed, "length {length}");
    }
    bench.assert_nothing_passed("after broken frames");
}

#[test]
fn the_longest_frame_is_read_whole() {
    let bench = Bench::new();
    let mut connection = bench.call();
    let padding = vec![0; usize::try_from(MAX_MESSAGE).unwrap() - 1];
    for number in [message::LOCK, message::LIST, 200] {
        let answer = connection.ask(&Message::of(number).raw(&padding));
        assert_eq!(answer, Answer::Reply(vec![message::FAILURE]), "{number}");
    }
    bench.assert_nothing_passed("after long frames");
}

/// Any split of the bytes gives the same answers.
#[test]
fn bytes_in_any_portions() {
    let bench = Bench::new();
    let list = Message::of(message::LIST).framed();
    let lock = Message::of(message::LOCK).string("x").framed();
    let both = [b"qubes.SshAgent+ work\0".as_slice(), &list, &lock, &list].concat();
    for portion in [1, 2, 3, 7, both.len()] {
        let mut connection = Connection::open(&bench.vault.qrexec_socket);
        for bytes in both.chunks(portion) {
            connection.send_bytes(bytes);
        }
        assert!(
            identities(&connection.answer()).is_some(),
            "portions of {portion}"
        );
        assert_eq!(connection.answer(), Answer::Reply(vec![message::FAILURE]));
        assert!(identities(&connection.answer()).is_some());
    }
}

/// What qrexec would never send is not served.
#[test]
fn a_bad_header_is_not_served() {
    let bench = Bench::new();
    let long = format!("qubes.SshAgent+{} work\0", "a".repeat(600));
    let headers = [
        "qubes.SshAgent+ \0",
        "qubes.SshAgent work\0",
        "qubes.Other+ work\0",
        "qubes.SshAgent+../x work\0",
        "qubes.SshAgent+ no such qube\0",
        "qubes.SshAgent+ -work\0",
        "\0",
        &long,
    ];
    for header in headers {
        let mut connection = Connection::open(&bench.vault.qrexec_socket);
        connection.send_bytes(header.as_bytes());
        let answer = connection.ask(&Message::of(message::LIST));
        assert!(
            answer == Answer::Closed || is_refusal(&answer),
            "{header:?}: {answer:?}"
        );
    }
    bench.assert_nothing_passed("after bad headers");
}

/// Denies so much that the key is not even listed.
const DENY_ALL: &str = "default = \"deny\"

[[rule]]
name = \"not as git\"
kind = \"login\"
action = \"deny\"
";

/// A request that is refused because its key is hidden, or its connection spoilt, is in the log with what it
/// asked for, and the policy is seen to have refused it: another one can be tried on it.
#[test]
fn the_log_says_what_was_asked_with_a_key_that_is_not_listed() {
    let keys = World::new();
    let host = Key::ed25519(&keys, "host");
    let known_hosts = format!("prod.example {}", host.line());
    let guard = LoneKey::behind(DENY_ALL, &known_hosts);
    let mut call = guard.call();
    assert_eq!(
        identities(&call.ask(&Message::of(message::LIST))),
        Some(vec![])
    );
    assert_eq!(
        guard.last_record()["reason"],
        "the policy lets this caller use none of the keyring's keys here"
    );

    let refused = guard.log_in(&mut call, &[7; 32], Some(&host.blob()));
    assert_eq!(refused.number(), Some(message::FAILURE));
    let record = guard.last_record();
    for (field, expected) in [
        ("kind", "login"),
        ("user", "git"),
        ("proof", "proven"),
        ("comment", "key"),
        ("verdict", "deny"),
        ("rule", "not as git"),
        ("reason", "a key that is not listed for this caller"),
    ] {
        assert_eq!(record[field], expected, "{field} in {record:#}");
    }
    assert_eq!(record["host"][0], "prod.example");
    assert_eq!(record["key"], guard.key.fingerprint(&guard.world));

    let signed_data = message::sshsig("git", &[0; 64]);
    call.ask(&message::sign(&guard.key.blob(), &signed_data));
    let record = guard.last_record();
    assert_eq!(
        record["reason"],
        "a key that is not listed for this caller: no rule covers this, and the default denies"
    );

    guard.world.file("draft.toml", ALLOW_ALL);
    let draft = guard.world.path("draft.toml");
    let mut replay = guard.vault.control(&["policy", "replay", "--policy"]);
    let replayed = finish(replay.arg(&draft));
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(
        said.contains("2 sign requests judged again: 2 change (2 from deny to allow)"),
        "{said}"
    );
}

/// Twenty times the same would hide what else was refused.
#[test]
fn status_tells_refusals_that_are_alike_once() {
    let guard = LoneKey::behind(DENY_ALL, "");
    let mut call = guard.call();
    let mut ask = |namespace: &str| {
        let signed_data = message::sshsig(namespace, &[0; 64]);
        call.ask(&message::sign(&guard.key.blob(), &signed_data));
    };
    ask("file");
    (0..3).for_each(|_| ask("git"));
    let status = finish(&mut guard.vault.control(&["status"]));
    let said = String::from_utf8_lossy(&status.stdout);
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    assert!(
        said.contains("namespace git with key (3 times) a key"),
        "{said}"
    );
    assert!(said.contains("namespace file with key a key"), "{said}");
}

#[test]
fn the_log_says_what_was_asked_after_a_failed_bind_and_of_a_key_that_no_keyring_has() {
    let guard = LoneKey::behind(ALLOW_ALL, "");
    let other = Key::ed25519(&guard.world, "other");
    let mut call = guard.call();
    call.ask(&message::session_bind(
        &other.blob(),
        &[7; 32],
        b"junk",
        false,
    ));
    guard.log_in(&mut call, &[7; 32], None);
    let spoilt = guard.last_record();
    assert_eq!(
        spoilt["reason"],
        "an earlier bind on this connection failed"
    );
    assert_eq!(
        (&spoilt["kind"], &spoilt["user"]),
        (&"login".into(), &"git".into())
    );
    assert_eq!(spoilt["key"], guard.key.fingerprint(&guard.world));

    let signed_data = message::sshsig("file", &[0; 64]);
    let mut call = guard.call();
    call.ask(&message::sign(&other.blob(), &signed_data));
    let unknown = guard.last_record();
    assert_eq!(
        unknown["reason"],
        "a key that is not listed for this caller"
    );
    assert_eq!(
        (&unknown["kind"], &unknown["namespace"]),
        (&"sshsig".into(), &"file".into())
    );
    assert_eq!(unknown["key"], other.fingerprint(&guard.world));
    assert_eq!(unknown.get("verdict"), None, "no policy was asked");
}
