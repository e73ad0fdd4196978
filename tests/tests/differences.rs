//! The rows of `docs/differences-from-ssh-agent.md` that no other test shows, and that each row names a test
//! which is there.

use std::fs;
use std::path::Path;

use testbed::agent::Agent;
use testbed::children::{finish, text};
use testbed::keys::{Key, Kind};
use testbed::lab::Lab;
use testbed::message::{self, Message, login, session_bind, sign, sign_flags, sshsig};
use testbed::raw::{Answer, Connection, identities};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::world::World;

/// Everything is allowed that a rule can allow: what is refused here, no policy can allow.
const ALLOW_ALL: &str = "default = \"deny\"

[host.server]
names = [\"server\"]
proof = \"bound\"

[[rule]]
kind = [\"login\", \"sshsig\", \"certificate\", \"sudo\", \"raw\"]
forwarded = [true, false]
sha1 = [true, false]
signatures = 100
action = \"allow\"

[[rule]]
kind = \"login\"
host = \"unproven\"
action = \"allow\"
";

const SESSION: [u8; 32] = [7; 32];
const OTHER_SESSION: [u8; 32] = [8; 32];

/// A vault over an agent with two keys, and a host that signs what a test wants.
struct Scene {
    vault: Vault,
    agent: Agent,
    key: Key,
    other: Key,
    host: Key,
    host_agent: Agent,
    world: World,
}

impl Scene {
    fn new(policy: &str) -> Self {
        Self::with(|_, _| policy.to_owned())
    }

    /// A scene whose policy names its key.
    fn with(policy: impl FnOnce(&World, &Key) -> String) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        let other = Key::generate(&world, "other", Kind::Ecdsa(256));
        agent.add(&world, &key);
        agent.add(&world, &other);
        let host_agent = Agent::start_named(&world, "host");
        let host = Key::ed25519(&world, "host");
        host_agent.add(&world, &host);
        let known_hosts = format!("server {}\n", host.line());
        let vault = Vault::start(&world, &agent, &policy(&world, &key), &known_hosts);
        Self {
            vault,
            agent,
            key,
            other,
            host,
            host_agent,
            world,
        }
    }

    fn call(&self) -> Connection {
        Connection::call(&self.vault.qrexec_socket, "work")
    }

    /// A bind that the host signed over `signed`, for the session `session`.
    fn bind(&self, session: &[u8], signed: &[u8], forwarding: bool) -> Message {
        let host = self.host.blob();
        let signature = Connection::open(&self.host_agent.socket)
            .ask(&sign(&host, signed))
            .signature()
            .expect("an agent signs anything");
        session_bind(&host, session, &signature, forwarding)
    }

    fn plain_login(&self, session: &[u8], user: &str) -> Message {
        let key = self.key.blob();
        sign(
            &key,
            &login(session, user, &self.key.algorithm(), &key, None),
        )
    }
}

fn is_failure(answer: &Answer) -> bool {
    answer.number() == Some(message::FAILURE)
}

fn is_signature(answer: &Answer) -> bool {
    answer.number() == Some(message::SIGNATURE)
}

/// `query` names what we take, whatever the agent behind us knows; other extensions are FAILURE.
#[test]
fn extensions() {
    let scene = Scene::new(ALLOW_ALL);
    let mut connection = scene.call();
    let expected = Message::of(message::EXTENSION_RESPONSE)
        .string("query")
        .string("session-bind@openssh.com")
        .string("content@split-ssh")
        .string("carry@split-ssh")
        .string("allowed@split-ssh")
        .string("query");
    let query = Message::of(message::EXTENSION).string("query");
    assert_eq!(connection.ask(&query), Answer::Reply(expected.0));
    let other = Message::of(message::EXTENSION).string("other@example.org");
    assert!(is_failure(&connection.ask(&other)));
}

/// With one signature a connection, other keys for the same login are free: six keys in all.
#[test]
fn a_login_may_try_six_keys() {
    let scene = Scene::new(&ALLOW_ALL.replace("signatures = 100\n", ""));
    let keys: Vec<Key> = (0..7)
        .map(|number| Key::ed25519(&scene.world, &format!("key{number}")))
        .collect();
    for key in &keys {
        scene.agent.add(&scene.world, key);
    }
    let mut connection = scene.call();
    let signed: Vec<bool> = keys
        .iter()
        .map(|key| {
            let blob = key.blob();
            let data = login(&SESSION, "root", &key.algorithm(), &blob, None);
            is_signature(&connection.ask(&sign(&blob, &data)))
        })
        .collect();
    assert_eq!(signed, [true, true, true, true, true, true, false]);
}

/// ssh-agent overlooks bits that it does not know.
#[test]
fn unknown_signature_flags() {
    let scene = Scene::new(ALLOW_ALL);
    let key = scene.key.blob();
    let data = sshsig("git", &[1; 64]);
    let mut connection = scene.call();
    assert!(is_failure(&connection.ask(&sign_flags(&key, &data, 8))));
    assert!(is_failure(&connection.ask(&sign_flags(&key, &data, 1))));
    assert!(is_signature(&connection.ask(&sign(&key, &data))));
}

/// Data that says it is another key's login is nobody's, also where raw data is allowed.
#[test]
fn a_login_that_names_another_key() {
    let scene = Scene::new(ALLOW_ALL);
    let (key, other) = (scene.key.blob(), scene.other.blob());
    let data = login(&SESSION, "root", &scene.other.algorithm(), &other, None);
    let mut connection = scene.call();
    assert!(is_failure(&connection.ask(&sign(&key, &data))));
    assert!(is_signature(&connection.ask(&sign(&other, &data))));
}

/// git and ssh-keygen never bind, so an SSHSIG on the connection of a login is nobody's commit.
#[test]
fn an_sshsig_on_the_connection_of_a_login() {
    let scene = Scene::new(ALLOW_ALL);
    let request = sign(&scene.key.blob(), &sshsig("git", &[1; 64]));
    for (forwarding, signs) in [(false, false), (true, true)] {
        let mut connection = scene.call();
        let bind = scene.bind(&SESSION, &SESSION, forwarding);
        assert_eq!(connection.ask(&bind), Answer::Reply(vec![message::SUCCESS]));
        let answer = connection.ask(&request);
        assert_eq!(is_signature(&answer), signs, "forwarding {forwarding}");
    }
}

/// ssh-agent lets a login contradict its bind unless the key has destination constraints.
#[test]
fn a_login_that_contradicts_its_bind() {
    let scene = Scene::new(ALLOW_ALL);
    let mut connection = scene.call();
    let bind = scene.bind(&SESSION, &SESSION, false);
    assert_eq!(connection.ask(&bind), Answer::Reply(vec![message::SUCCESS]));
    assert!(is_failure(
        &connection.ask(&scene.plain_login(&OTHER_SESSION, "root"))
    ));
    let key = scene.key.blob();
    let elsewhere = login(
        &SESSION,
        "root",
        &scene.key.algorithm(),
        &key,
        Some(&scene.other.blob()),
    );
    assert!(is_failure(&connection.ask(&sign(&key, &elsewhere))));
    assert!(is_signature(
        &connection.ask(&scene.plain_login(&SESSION, "root"))
    ));
}

/// OpenSSH's agent forgets a failed bind when a good one follows.
#[test]
fn a_failed_bind_is_never_lifted() {
    let scene = Scene::new(ALLOW_ALL);
    let mut connection = scene.call();
    let forged = scene.bind(&SESSION, &OTHER_SESSION, false);
    assert_eq!(
        connection.ask(&forged),
        Answer::Reply(vec![message::EXTENSION_FAILURE])
    );
    let good = scene.bind(&SESSION, &SESSION, false);
    assert_eq!(connection.ask(&good), Answer::Reply(vec![message::SUCCESS]));
    assert!(is_failure(
        &connection.ask(&scene.plain_login(&SESSION, "root"))
    ));
}

/// A key is listed where it could be used, under the vault's own label, and signs only where it is listed.
#[test]
fn keys_by_rule_and_under_their_labels() {
    let scene = Scene::with(|world, key| {
        format!(
            "default = \"deny\"\n\n[key.laptop]\nfingerprints = [\"{}\"]\n\n\
             [[rule]]\nkey = \"laptop\"\nkind = \"sshsig\"\naction = \"allow\"\n",
            key.fingerprint(world)
        )
    });
    let mut connection = scene.call();
    let answer = connection.ask(&Message::of(message::LIST));
    assert_eq!(identities(&answer), Some(vec![scene.key.blob()]));
    let Answer::Reply(payload) = answer else {
        panic!("a list is a reply")
    };
    assert_eq!(message::strings(&payload[5..])[1], b"laptop");
    let data = sshsig("git", &[1; 64]);
    assert!(is_failure(
        &connection.ask(&sign(&scene.other.blob(), &data))
    ));
    assert!(is_signature(
        &connection.ask(&sign(&scene.key.blob(), &data))
    ));
}

/// A broken policy gives neither a list nor a signature.
#[test]
fn a_broken_policy() {
    let scene = Scene::new("default = \"allow\"\n");
    let mut connection = scene.call();
    assert!(is_failure(&connection.ask(&Message::of(message::LIST))));
    let data = sshsig("git", &[1; 64]);
    assert!(is_failure(&connection.ask(&sign(&scene.key.blob(), &data))));
}

/// `AddKeysToAgent` does no harm: the login works, and the client's key stays where it was.
#[test]
fn add_keys_to_agent() {
    let lab = Lab::new();
    let local = Key::ed25519(&lab.world, "local");
    lab.server.authorize(&local);
    let vault = Vault::start(&lab.world, &lab.agent, ALLOW_ALL, &lab.known_hosts());
    let client = ClientQube::start(&lab.world, &vault, "work");
    let identity = format!("IdentityFile={}", local.private.display());
    let output = finish(&mut lab.client(&client.socket).ssh(&[
        "-o",
        "AddKeysToAgent=yes",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        &identity,
        "server",
        "echo inside",
    ]));
    assert_eq!(output.stdout, b"inside\n", "{}", text(&output));
    assert_eq!(lab.agent.keys(), [lab.key.blob()]);
}

/// Each row of the written list ends in tests, as `file::name`: files of this folder, or from `crates/` on.
#[test]
fn each_row_names_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let list = fs::read_to_string(root.join("docs/differences-from-ssh-agent.md"))
        .expect("the written list");
    let mut rows = 0;
    for line in list.lines().filter(|line| line.starts_with("| ")) {
        let last = line.trim_end_matches([' ', '|']).rsplit(" | ").next();
        let names: Vec<&str> = last
            .unwrap_or_default()
            .split('`')
            .filter(|word| word.contains("::"))
            .collect();
        if line.starts_with("| Who") || line.starts_with("| What") {
            continue;
        }
        rows += 1;
        assert!(!names.is_empty(), "a row without a test: {line}");
        for name in names {
            let (file, test) = name.rsplit_once("::").expect("file::name");
            let folder = if file.contains('/') {
                "crates"
            } else {
                "tests/tests"
            };
            let path = root.join(folder).join(file);
            assert!(is_test(&path, test), "there is no test {name}");
        }
    }
    assert!(rows > 20, "the list was not found: {rows} rows");
}

/// Whether a file has the test, written out or as a line of a macro.
fn is_test(file: &Path, test: &str) -> bool {
    let Ok(source) = fs::read_to_string(file) else {
        return false;
    };
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let written = lines.windows(3).any(|lines| {
        let is_test = lines[..2].contains(&"#[test]");
        is_test && lines[2].starts_with(&format!("fn {test}("))
    });
    let by_macro = source.contains("macro_rules!")
        && lines
            .iter()
            .any(|line| *line == test || line.starts_with(&format!("{test}: ")));
    written || by_macro
}
