//! Sequences of session-binds over the socket, with real host keys of every type: what each shows of the
//! login that follows, by the audit log, and that no rule for a host ever allows one that shows nothing.

use std::collections::BTreeMap;

use testbed::host_keys::{HostKeys, session};
use testbed::keys::{self, Key, Kind};
use testbed::lone_key::LoneKey;
use testbed::message::{self, Message, session_bind};
use testbed::raw::Answer;
use testbed::recorder::Conversation;
use testbed::wait::wait_for;
use testbed::world::World;

/// The last rule keeps the key listed whatever a bind showed, so that every login is judged.
const POLICY: &str = "default = \"deny\"

[host.trusted]
names = [\"*.trusted\"]
# proof

[[rule]]
name = \"trusted\"
kind = \"login\"
host = \"trusted\"
forwarded = [true, false]
action = \"allow\"

[[rule]]
name = \"nobody\"
user = \"nobody\"
host = [\"*\", \"unnamed\", \"unproven\"]
forwarded = [true, false]
action = \"allow\"
";

/// How a host shows itself: its plain key, or a certificate of it.
struct Host {
    key: Key,
    shown: Vec<u8>,
    /// What the vault calls it; none = unnamed.
    name: Option<String>,
    /// Whether the vault can check its signature.
    checked: bool,
}

struct Hosts {
    keys: HostKeys,
    hosts: BTreeMap<String, Host>,
    known_hosts: String,
    _world: World,
}

impl Hosts {
    fn new() -> Self {
        let world = World::new();
        world.directory("lib");
        let mut hosts = BTreeMap::new();
        let mut known_hosts = String::new();
        let mut kinds: Vec<(&str, Kind)> = vec![("stranger", Kind::Ed25519)];
        kinds.extend([("a", Kind::Ed25519), ("b", Kind::Ed25519)]);
        kinds.extend([("c", Kind::Ecdsa(256)), ("p384", Kind::Ecdsa(384))]);
        kinds.extend([("p521", Kind::Ecdsa(521)), ("rsa1024", Kind::Rsa(1024))]);
        kinds.extend([("rsa2048", Kind::Rsa(2048)), ("rsa3072", Kind::Rsa(3072))]);
        kinds.extend([("sk", Kind::SkEd25519), ("sk-ecdsa", Kind::SkEcdsa)]);
        for (name, kind) in kinds {
            let key = Key::generate(&world, name, kind);
            let known = (name != "stranger").then(|| format!("{name}.trusted"));
            if let Some(known) = &known {
                known_hosts.push_str(&format!("{known} {}\n", key.line()));
            }
            // ring knows neither, and the feature p521 is off.
            let checked = !["p521", "rsa1024"].contains(&name);
            let shown = key.blob();
            let host = Host {
                key,
                shown,
                name: known,
                checked,
            };
            hosts.insert(name.to_owned(), host);
        }

        let authority = Key::ed25519(&world, "authority");
        let unknown = Key::ed25519(&world, "unknown");
        known_hosts.push_str(&format!("@cert-authority *.trusted {}\n", authority.line()));
        let certificates = [
            ("for ever", &authority, "x.trusted", "always:forever"),
            ("expiring", &authority, "x.trusted", "-1h:+1h"),
            ("expired", &authority, "x.trusted", "20200101:20200102"),
            ("to come", &authority, "x.trusted", "+1d:+2d"),
            ("of another name", &authority, "x.example", "always:forever"),
            ("of nobody's", &unknown, "x.trusted", "always:forever"),
        ];
        for (index, (what, by, principal, validity)) in certificates.into_iter().enumerate() {
            let kind = [Kind::Ed25519, Kind::Ecdsa(256), Kind::Rsa(2048)][index % 3];
            let key = Key::generate(&world, &format!("certified-{index}"), kind);
            let certificate = key.certify_host_for(&world, by, principal, validity);
            let line = std::fs::read_to_string(certificate).unwrap();
            let host = Host {
                key,
                shown: keys::blob(&line),
                name: (index < 2).then(|| "x.trusted".to_owned()),
                checked: true,
            };
            hosts.insert(format!("certificate {what}"), host);
        }
        Self {
            keys: HostKeys::of(&world, hosts.values().map(|host| &host.key)),
            hosts,
            known_hosts,
            _world: world,
        }
    }

    fn get(&self, name: &str) -> &Host {
        &self.hosts[name]
    }

    fn bind(&self, bind: &Bind) -> Message {
        let host = self.get(bind.host);
        let sid = session(bind.session);
        match bind.made {
            Made::Good => self
                .keys
                .bind(&host.key, &host.shown, &sid, bind.forwarding),
            Made::ByAnother => {
                let by = if bind.host == "b" { "a" } else { "b" };
                let signature = self.keys.sign(&self.get(by).key, &sid);
                session_bind(&host.shown, &sid, &signature, bind.forwarding)
            }
            Made::OfAnotherSession => {
                let signature = self.keys.sign(&host.key, &session(bind.session + 100));
                session_bind(&host.shown, &sid, &signature, bind.forwarding)
            }
            Made::WithSha1 => {
                let signature = self.keys.sign_flags(&host.key, &sid, 0);
                session_bind(&host.shown, &sid, &signature, bind.forwarding)
            }
            Made::OfLength(length) => {
                let sid = vec![bind.session; length];
                self.keys
                    .bind(&host.key, &host.shown, &sid, bind.forwarding)
            }
            Made::CutShort => {
                let mut whole = self
                    .keys
                    .bind(&host.key, &host.shown, &sid, bind.forwarding);
                whole.0.pop();
                whole
            }
            Made::Junk => Message::of(message::EXTENSION)
                .string("session-bind@openssh.com")
                .raw([7; 50]),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Good,
    ByAnother,
    OfAnotherSession,
    WithSha1,
    OfLength(usize),
    CutShort,
    Junk,
}

#[derive(Clone, Debug)]
struct Bind {
    host: &'static str,
    session: u8,
    made: Made,
    forwarding: bool,
    told: Told,
}

/// What the client hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Success,
    /// Success, and nothing new for the upstream.
    Repeated,
    Failure,
}

fn own(host: &'static str, session: u8) -> Bind {
    Bind {
        host,
        session,
        made: Made::Good,
        forwarding: false,
        told: Told::Success,
    }
}

fn forwarding(host: &'static str, session: u8) -> Bind {
    Bind {
        forwarding: true,
        ..own(host, session)
    }
}

impl Bind {
    fn made(self, made: Made) -> Self {
        Self { made, ..self }
    }

    fn told(self, told: Told) -> Self {
        Self { told, ..self }
    }

    fn fails(self) -> Self {
        self.told(Told::Failure)
    }
}

/// What the log says of the login.
#[derive(Clone, Debug)]
enum Shows {
    Unproven,
    Bound(&'static str),
    Proven(&'static str),
    /// Refused before any rule is asked, in these words.
    Refused(&'static str),
}

use Shows::{Bound, Proven, Refused, Unproven};

const FAILED: Shows = Refused("an earlier bind on this connection failed");
const OTHER_SESSION: Shows = Refused("a login to another session than the bind's");
const OTHER_KEY: Shows = Refused("a login to another host key than the bind's");
const FORWARDED_HOST: Shows = Refused("a login to a host that was bound for forwarding");

/// The binds, and what a plain login and a hostbound one show after them: the session, the host that the
/// data names, and the log's words.
struct Sequence {
    binds: Vec<Bind>,
    logins: Vec<(u8, Option<&'static str>, Shows)>,
}

fn sequence<const N: usize>(
    binds: impl Into<Vec<Bind>>,
    logins: [(u8, Option<&'static str>, Shows); N],
) -> Sequence {
    Sequence {
        binds: binds.into(),
        logins: logins.into(),
    }
}

fn sequences() -> Vec<Sequence> {
    let many = |count: u8| (1..=count).map(|session| forwarding("a", session));
    vec![
        sequence([], [(1, None, Unproven), (1, Some("a"), Proven("a"))]),
        sequence([], [(1, Some("stranger"), Proven("stranger"))]),
        sequence(
            [own("a", 1)],
            [(1, None, Bound("a")), (1, Some("a"), Proven("a"))],
        ),
        // The bind and the data do not agree.
        sequence([own("a", 1)], [(1, Some("b"), OTHER_KEY)]),
        sequence([own("stranger", 1)], [(1, Some("a"), OTHER_KEY)]),
        // Replayed: an honest bind of another session.
        sequence(
            [own("a", 2)],
            [(1, None, OTHER_SESSION), (1, Some("a"), OTHER_SESSION)],
        ),
        // Forged.
        sequence(
            [own("a", 1).made(Made::ByAnother).fails()],
            [(1, None, FAILED), (1, Some("a"), FAILED)],
        ),
        sequence(
            [own("a", 1).made(Made::OfAnotherSession).fails()],
            [(1, None, FAILED), (1, Some("a"), FAILED)],
        ),
        sequence(
            [forwarding("a", 1).made(Made::ByAnother).fails()],
            [(2, None, FAILED), (2, Some("b"), FAILED)],
        ),
        // A good one afterwards does not help.
        sequence(
            [own("a", 1).made(Made::ByAnother).fails(), own("a", 1)],
            [(1, None, FAILED), (1, Some("a"), FAILED)],
        ),
        sequence(
            [own("a", 1).made(Made::Junk).fails(), own("a", 1)],
            [(1, None, FAILED), (1, Some("a"), FAILED)],
        ),
        sequence(
            [own("a", 1).made(Made::CutShort).fails(), own("a", 1)],
            [(1, None, FAILED), (1, Some("a"), FAILED)],
        ),
        sequence(
            [own("a", 1).made(Made::OfLength(0)).fails(), own("a", 1)],
            [(1, None, FAILED), (1, Some("a"), FAILED)],
        ),
        sequence(
            [own("a", 1).made(Made::OfLength(129)).fails(), own("a", 1)],
            [(1, None, FAILED), (1, Some("a"), FAILED)],
        ),
        // Nothing after the bind for the connection's own login.
        sequence(
            [own("a", 1), own("b", 2).fails()],
            [(1, None, FAILED), (2, Some("b"), FAILED)],
        ),
        sequence([own("a", 1), own("a", 1).fails()], [(1, None, FAILED)]),
        sequence(
            [own("a", 1), forwarding("a", 1).fails()],
            [(1, Some("a"), FAILED)],
        ),
        // One session has one host key.
        sequence(
            [forwarding("a", 1), own("b", 1).fails()],
            [(1, None, FAILED), (1, Some("b"), FAILED)],
        ),
        // The same again says nothing new, not even without its flag.
        sequence(
            [
                forwarding("a", 1),
                forwarding("a", 1).told(Told::Repeated),
                own("b", 2),
            ],
            [(2, None, Bound("b")), (2, Some("b"), Proven("b"))],
        ),
        sequence(
            [forwarding("a", 1), own("a", 1).told(Told::Repeated)],
            [(1, None, FORWARDED_HOST), (1, Some("a"), FORWARDED_HOST)],
        ),
        // Forwarded: over one host, over two, and without a bind for the last step.
        sequence(
            [forwarding("a", 1), own("b", 2)],
            [(2, None, Bound("b")), (2, Some("b"), Proven("b"))],
        ),
        sequence(
            [forwarding("a", 1), forwarding("stranger", 2), own("c", 3)],
            [(3, None, Bound("c")), (3, Some("c"), Proven("c"))],
        ),
        sequence(
            [forwarding("a", 1), forwarding("b", 2), own("c", 3)],
            [
                (1, None, FORWARDED_HOST),
                (1, Some("a"), FORWARDED_HOST),
                (2, None, FORWARDED_HOST),
            ],
        ),
        sequence(
            [forwarding("a", 1)],
            [(2, None, Unproven), (2, Some("b"), Proven("b"))],
        ),
        // Sixteen, and one more.
        sequence(
            many(15).chain([own("b", 16)]).collect::<Vec<_>>(),
            [(16, None, Bound("b")), (16, Some("b"), Proven("b"))],
        ),
        sequence(
            many(16).chain([own("b", 17).fails()]).collect::<Vec<_>>(),
            [(17, None, FAILED), (17, Some("b"), FAILED)],
        ),
        // A bind that cannot be checked adds nothing and takes nothing away.
        sequence(
            [own("rsa2048", 1).made(Made::WithSha1)],
            [(1, None, Unproven), (1, Some("rsa2048"), Proven("rsa2048"))],
        ),
        sequence([own("rsa1024", 1)], [(1, Some("a"), OTHER_KEY)]),
        sequence([own("rsa1024", 1)], [(2, Some("a"), OTHER_SESSION)]),
        sequence(
            [own("rsa1024", 1).made(Made::OfAnotherSession)],
            [(1, None, Unproven)],
        ),
        sequence(
            [forwarding("rsa1024", 1), own("a", 2)],
            [(2, None, Bound("a")), (2, Some("a"), Proven("a"))],
        ),
        sequence(
            [own("rsa1024", 1), own("a", 1).fails()],
            [(1, None, FAILED)],
        ),
    ]
}

/// Every host of the table, by a good bind and by one that another key has signed.
fn of_every_type(hosts: &Hosts) -> Vec<Sequence> {
    let each = |name: &String| {
        let name: &'static str = name.clone().leak();
        if !hosts.get(name).checked {
            return vec![sequence(
                [own(name, 1)],
                [(1, None, Unproven), (1, Some(name), Proven(name))],
            )];
        }
        let forged = own(name, 1).made(Made::ByAnother).fails();
        let old = own(name, 1).made(Made::OfAnotherSession).fails();
        vec![
            sequence(
                [own(name, 1)],
                [(1, None, Bound(name)), (1, Some(name), Proven(name))],
            ),
            sequence([forged], [(1, None, FAILED), (1, Some(name), FAILED)]),
            sequence([old], [(1, None, FAILED), (1, Some(name), FAILED)]),
        ]
    };
    hosts.hosts.keys().flat_map(each).collect()
}

/// Plays one login of a sequence on a connection of its own, and checks reply, log and upstream.
fn play(
    hosts: &Hosts,
    guard: &LoneKey,
    accepted: &[&str],
    binds: &[Bind],
    login: &(u8, Option<&'static str>, Shows),
) {
    let (number, named, shows) = login;
    let what = format!("{binds:?}\nthen a login for session {number} naming {named:?}");
    let upstream_calls = guard.upstream.conversations().len();
    let mut connection = guard.call();
    let (mut taken, mut failed) = (Vec::new(), false);
    for bind in binds {
        let message = hosts.bind(bind);
        let answer = connection.ask(&message);
        let expected = match bind.told {
            Told::Success | Told::Repeated => message::SUCCESS,
            Told::Failure => message::EXTENSION_FAILURE,
        };
        assert_eq!(answer, Answer::Reply(vec![expected]), "{bind:?} of {what}");
        failed |= bind.told == Told::Failure;
        if bind.told == Told::Success && !failed {
            taken.push(message.0);
        }
    }
    let host_key = named.map(|name| hosts.get(name).shown.clone());
    let answer = guard.log_in(&mut connection, &session(*number), host_key.as_deref());

    let (proof, host) = match shows {
        Unproven => ("unproven", None),
        Bound(host) => ("bound", Some(hosts.get(host))),
        Proven(host) => ("proven", Some(hosts.get(host))),
        Refused(reason) => {
            let record = guard.last_record();
            assert_eq!(record["reason"], *reason, "{what}");
            assert_eq!(answer, Answer::Reply(vec![message::FAILURE]), "{what}");
            // It is told of a bind at once, and hears it when it comes to it.
            let heard = wait_for("the upstream to hear of the binds", || {
                let heard = guard.upstream.conversations();
                let heard: Vec<_> = heard
                    .iter()
                    .skip(upstream_calls)
                    .flat_map(Conversation::request_payloads)
                    .collect();
                taken
                    .iter()
                    .all(|bind| heard.contains(bind))
                    .then_some(heard)
            });
            // Of nothing but the binds that were taken before the one that failed.
            let other = heard.iter().find(|request| !taken.contains(request));
            assert!(
                !failed || other.is_none(),
                "the upstream heard {other:?} of {what}"
            );
            return;
        }
    };
    let record = guard.last_record();
    assert_eq!(record["proof"], proof, "{what}\n{record}");
    let names: Vec<&str> = host
        .and_then(|host| host.name.as_deref())
        .into_iter()
        .collect();
    let logged: Vec<&str> = record["host"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .collect();
    assert_eq!(logged, names, "{what}\n{record}");
    let forwarded = binds.iter().any(|bind| bind.forwarding);
    assert_eq!(record["forwarded"], forwarded, "{what}\n{record}");
    let allowed = accepted.contains(&proof) && !names.is_empty();
    assert_eq!(answer.signature().is_some(), allowed, "{what}\n{record}");
    let verdict = if allowed { "allow" } else { "deny" };
    assert_eq!(record["verdict"], verdict, "{what}\n{record}");

    // The upstream hears of every bind that we took, before it signs, on a connection of its own.
    let conversation = guard.upstream.conversations().pop().unwrap();
    let mut passed = conversation.request_payloads();
    passed.retain(|payload| payload.first() == Some(&message::EXTENSION));
    assert_eq!(passed, taken, "{what}");
}

/// The whole table under one policy, and what its log must never say.
fn table(hosts: &Hosts, proof: &str, accepted: &[&str]) {
    let policy = POLICY.replace("# proof", proof);
    let guard = LoneKey::behind(&policy, &hosts.known_hosts);
    for sequence in sequences().iter().chain(&of_every_type(hosts)) {
        for login in &sequence.logins {
            play(hosts, &guard, accepted, &sequence.binds, login);
        }
    }
    let records = guard.vault.records();
    let signed: Vec<_> = records
        .iter()
        .filter(|record| record["event"] == "sign" && record["outcome"] == "ok")
        .collect();
    assert!(signed.len() > 20, "{} signatures", signed.len());
    for record in signed {
        assert_eq!(record["rule"], "trusted", "{record}");
        let proof = record["proof"].as_str().unwrap_or("none");
        assert!(accepted.contains(&proof), "{record}");
    }
}

#[test]
fn what_each_sequence_of_binds_shows() {
    let hosts = Hosts::new();
    table(&hosts, "", &["proven"]);
    table(&hosts, "proof = \"bound\"", &["proven", "bound"]);
}
