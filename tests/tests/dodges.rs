//! "Deny prod, then allow the rest": no way of hiding or faking the host gets a silent signature. What prod is
//! known by does not matter, nor whether the rule denies or asks.

use testbed::children::{finish, text};
use testbed::host_keys::{HostKeys, session};
use testbed::keys::{self, Key, Kind};
use testbed::lab::Lab;
use testbed::lone_key::LoneKey;
use testbed::message::{Message, session_bind};
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::world::{World, user_name};

/// Allows the rest as widely as rules can.
const POLICY: &str = "default = \"ask\"

[host.prod]
names = [\"plain.prod\", \"hashed.prod\", \"*.pattern.prod\", \"ca.prod\", \"many.prod\"]
# proof

[[rule]]
name = \"not prod\"
host = \"prod\"
action = \"ACTION\"

[[rule]]
name = \"rest\"
kind = \"login\"
action = \"allow\"

[[rule]]
name = \"the rest that shows nothing\"
kind = \"login\"
host = [\"unproven\", \"unnamed\", \"*\"]
action = \"allow\"
";

/// The session of the login at prod, and another.
const PROD: u8 = 1;
const OTHER: u8 = 2;

/// All servers' private keys: the attacker's are the only ones that it uses.
struct Servers {
    keys: HostKeys,
    /// Known to the vault as `own.example`.
    own: Key,
    /// Of the attacker's too, with a host key that the vault cannot check.
    own_weak: Key,
    /// What each prod shows as its host key.
    prods: Vec<(&'static str, Vec<u8>)>,
    known_hosts: String,
    _world: World,
}

impl Servers {
    fn new() -> Self {
        let world = World::new();
        let key = |name: &str, kind| Key::generate(&world, name, kind);
        let (own, own_weak) = (key("own", Kind::Ed25519), key("weak", Kind::Rsa(1024)));
        let authority = key("authority", Kind::Ed25519);
        let plain = key("plain", Kind::Ed25519);
        let hashed = key("hashed", Kind::Ecdsa(256));
        let pattern = key("pattern", Kind::Ed25519);
        let many = [Kind::Ed25519, Kind::Ecdsa(384), Kind::Rsa(2048)];
        let many = many.map(|kind| key(&format!("many-{kind:?}"), kind));
        let certified = key("certified", Kind::Ed25519);
        let certificate = certified.certify_host(&world, &authority, "ca.prod");
        let certificate = keys::blob(&std::fs::read_to_string(certificate).unwrap());

        let line = |name: &str, key: &Key| format!("{name} {}\n", key.line());
        let to_hash = [
            line("hashed.prod", &hashed),
            line("x.pattern.prod", &pattern),
        ]
        .concat();
        let mut known_hosts = hash(&world, &to_hash);
        known_hosts += &line("plain.prod", &plain);
        known_hosts += &line("@cert-authority *.prod", &authority);
        for (name, key) in [("own.example", &own), ("weak.example", &own_weak)] {
            known_hosts += &line(name, key);
        }
        let mut prods = vec![
            ("by its name", plain.blob()),
            ("by a hashed name", hashed.blob()),
            ("by a hashed name that a pattern means", pattern.blob()),
            ("by its certificate", certificate),
            // It has these keys too, and a client may choose which one it meets.
            (
                "by its certificate, met by the key inside",
                certified.blob(),
            ),
            (
                "by another type of key",
                key("plain-too", Kind::Ecdsa(256)).blob(),
            ),
        ];
        for key in &many {
            known_hosts += &line("many.prod", key);
            prods.push(("by one of its keys", key.blob()));
        }
        Self {
            keys: HostKeys::of(&world, [&own, &own_weak]),
            own,
            own_weak,
            prods,
            known_hosts,
            _world: world,
        }
    }

    /// A bind by a host of the attacker's.
    fn bind(&self, key: &Key, number: u8, forwarding: bool) -> Message {
        self.keys
            .bind(key, &key.blob(), &session(number), forwarding)
    }

    /// Binds that may stand before a login at prod.
    fn preludes(&self) -> Vec<(&'static str, Vec<Message>)> {
        let own = |number, forwarding| self.bind(&self.own, number, forwarding);
        let forged = |number, forwarding| {
            let signature = self.keys.sign(&self.own, &session(99));
            session_bind(&self.own.blob(), &session(number), &signature, forwarding)
        };
        let in_the_name_of_prod = {
            let signature = self.keys.sign(&self.own, &session(PROD));
            session_bind(&self.prods[0].1, &session(PROD), &signature, false)
        };
        let weak = |number, forwarding| self.bind(&self.own_weak, number, forwarding);
        vec![
            ("no bind", vec![]),
            ("own host", vec![own(PROD, false)]),
            ("own host, another session", vec![own(OTHER, false)]),
            ("forged", vec![forged(PROD, false)]),
            ("forged in the name of prod", vec![in_the_name_of_prod]),
            (
                "forged, then good",
                vec![forged(PROD, false), own(PROD, false)],
            ),
            (
                "forged forwarding, then good",
                vec![forged(OTHER, true), own(PROD, false)],
            ),
            ("forwarded", vec![own(OTHER, true), own(PROD, false)]),
            ("forwarded, no own", vec![own(OTHER, true)]),
            ("forwarding for the session itself", vec![own(PROD, true)]),
            (
                "forwarding and own for the session",
                vec![own(PROD, true), own(PROD, false)],
            ),
            ("unverifiable", vec![weak(PROD, false)]),
            ("unverifiable forwarding", vec![weak(OTHER, true)]),
            (
                "unverifiable forwarding, then own",
                vec![weak(OTHER, true), own(PROD, false)],
            ),
        ]
    }
}

/// The same known hosts with hashed names.
fn hash(world: &World, known_hosts: &str) -> String {
    let file = world.file("to_hash", known_hosts);
    let mut keygen = world.command("ssh-keygen");
    testbed::children::run(keygen.args(["-q", "-H", "-f"]).arg(&file));
    std::fs::read_to_string(file).unwrap()
}

/// Binds, asks, and says whether the vault signed without asking a person. All questions get a no.
fn signs(guard: &LoneKey, binds: &[Message], host_key: Option<&[u8]>) -> bool {
    let mut connection: Connection = guard.call();
    for bind in binds {
        connection.ask(bind);
    }
    let answer = guard.log_in(&mut connection, &session(PROD), host_key);
    answer.signature().is_some()
}

#[test]
fn no_way_around_a_rule_for_a_host() {
    let servers = Servers::new();
    let own_blob = servers.own.blob();
    for (action, proof) in [
        ("deny", ""),
        ("deny", "bound"),
        ("ask", ""),
        ("ask", "bound"),
    ] {
        let proof_line = match proof {
            "" => String::new(),
            proof => format!("proof = \"{proof}\""),
        };
        let policy = POLICY
            .replace("ACTION", action)
            .replace("# proof", &proof_line);
        let guard = LoneKey::behind(&policy, &servers.known_hosts);
        for (how, binds) in servers.preludes() {
            let what = format!("{action} {proof}: {how}");
            assert!(!signs(&guard, &binds, None), "{what}: a plain login");
            for (known, prod) in &servers.prods {
                assert!(
                    !signs(&guard, &binds, Some(prod)),
                    "{what}: prod known {known}"
                );
            }
        }
        // The rest is allowed, and a login that names the attacker's own host is part of it.
        let own_bind = servers.bind(&servers.own, PROD, false);
        assert!(signs(&guard, &[], Some(&own_blob)), "{action} {proof}");
        assert!(
            signs(&guard, &[own_bind], Some(&own_blob)),
            "{action} {proof}"
        );
    }
}

/// The same attempts, where no rule speaks of prod, are signed: it is that rule which stops them.
#[test]
fn without_the_rule_they_are_signed() {
    let servers = Servers::new();
    let (head, rest) = POLICY.split_once("[[rule]]\nname = \"rest\"").unwrap();
    let head = head.split_once("[[rule]]").unwrap().0;
    let policy = format!("{head}[[rule]]\nname = \"rest\"{rest}");
    let guard = LoneKey::behind(&policy, &servers.known_hosts);
    assert!(signs(&guard, &[], None));
    for (known, prod) in &servers.prods {
        assert!(signs(&guard, &[], Some(prod)), "prod known {known}");
    }
    assert!(signs(
        &guard,
        &[servers.bind(&servers.own_weak, PROD, false)],
        None
    ));
}

/// A bind that the vault cannot check shows nothing, so a rule for logins that show nothing covers what follows, and its
/// key is there to be used.
#[test]
fn a_bind_that_cannot_be_checked_is_as_good_as_none() {
    let servers = Servers::new();
    let policy = "default = \"deny\"\n[[rule]]\nhost = \"unproven\"\naction = \"allow\"\n";
    let guard = LoneKey::behind(policy, &servers.known_hosts);
    let weak = [servers.bind(&servers.own_weak, PROD, false)];
    assert!(signs(&guard, &[], None));
    assert!(signs(&guard, &weak, None));
    assert!(!signs(&guard, &weak, Some(&servers.own_weak.blob())));
    assert!(!signs(
        &guard,
        &[servers.bind(&servers.own, PROD, false)],
        None
    ));
}

/// A hostile qube at real servers.
struct Attack {
    lab: Lab,
    vault: Vault,
    client: ClientQube,
}

impl Attack {
    /// `second` stands for prod; `server` is the attacker's, private host key and all.
    fn under(policy: &str) -> Self {
        let lab = Lab::new();
        let vault = Vault::start(&lab.world, &lab.agent, policy, &lab.known_hosts());
        let client = ClientQube::start(&lab.world, &vault, "work");
        Self { lab, vault, client }
    }

    /// What the hostile client says of its login at prod.
    fn log_in_at_prod(&self, words: &[&str]) -> String {
        hostile_login(&self.lab, &self.client.socket, words)
    }

    fn last_signature(&self) -> serde_json::Value {
        let mut records = self.vault.records().into_iter().rev();
        let signature = records.find(|record| record["event"] == "sign");
        signature.expect("a record of a signature")
    }
}

fn hostile_login(lab: &Lab, socket: &std::path::Path, words: &[&str]) -> String {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/hostile_login.py");
    // Debian's own python, which has Debian's paramiko.
    let mut python = lab.client(socket).with_agent("/usr/bin/python3");
    python.arg(script).arg(lab.second.port.to_string());
    python.arg(user_name()).arg(&lab.key.public).args(words);
    text(&finish(&mut python))
}

/// A login that names the attacker's own server is signed, as the rest is, and prod has no use for it.
#[test]
fn prod_refuses_a_login_that_names_another_host() {
    let policy = POLICY
        .replace("\"plain.prod\"", "\"second\"")
        .replace("ACTION", "deny");
    let attack = Attack::under(&policy);
    let own = attack.lab.server.host_key.public.to_str().unwrap();
    let said = attack.log_in_at_prod(&["--names", own]);
    assert!(said.contains("sign: 14"), "not signed: {said}");
    assert!(!said.contains("inside"), "{said}");
    assert_eq!(attack.last_signature()["host"][0], "server");
    let prod = &attack.lab.second;
    assert_eq!(prod.logins(), 0);
    let log = prod.process.log();
    assert!(log.contains("packet contained wrong host key"), "{log}");

    let prods = prod.host_key.public.to_str().unwrap();
    for dodge in [&[][..], &["--names", prods]] {
        let said = attack.log_in_at_prod(dodge);
        assert!(said.contains("sign: 5"), "{dodge:?}: {said}");
    }
    assert_eq!(prod.logins(), 0);
}

/// May only log in to `server`.
const ONLY_THE_SERVER: &str = "default = \"deny\"

[host.server]
names = [\"server\"]
# proof

[[rule]]
kind = \"login\"
host = \"server\"
action = \"allow\"
";

/// Whoever holds the private key of the allowed server binds by it over the session with another, and asks for a
/// login that names no host.
#[test]
fn a_bind_by_another_hosts_key_borrows_no_rule() {
    let attack = Attack::under(ONLY_THE_SERVER);
    let allowed = attack.lab.server.host_key.private.to_str().unwrap();
    let said = attack.log_in_at_prod(&["--bind", allowed]);
    assert!(
        said.contains("bind: 6") && said.contains("sign: 5"),
        "{said}"
    );
    assert_eq!(attack.lab.second.logins(), 0);
    let record = attack.last_signature();
    assert_eq!(
        (&record["host"][0], &record["proof"], &record["verdict"]),
        (&"server".into(), &"bound".into(), &"deny".into())
    );

    // That is what `proof = "bound"` gives away, and the guide says so.
    let attack = Attack::under(&ONLY_THE_SERVER.replace("# proof", "proof = \"bound\""));
    let allowed = attack.lab.server.host_key.private.to_str().unwrap();
    let said = attack.log_in_at_prod(&["--bind", allowed]);
    assert!(said.contains("inside"), "{said}");
}

/// The control: ssh-agent's own constraint does not hold here.
#[test]
fn the_same_bind_gets_past_ssh_add_h() {
    let lab = Lab::new();
    let mut agent = lab.agent;
    agent.stop();
    let agent = testbed::agent::Agent::start_named(&lab.world, "constrained");
    let lab = Lab { agent, ..lab };
    let hosts = lab.world.file("hosts", lab.known_hosts());
    let hosts = hosts.to_str().unwrap();
    lab.agent
        .add_with(&lab.world, &lab.key, &["-h", "server", "-H", hosts]);
    let socket = &lab.agent.socket;
    let honest = hostile_login(&lab, socket, &[]);
    assert!(honest.contains("sign: 5"), "not constrained: {honest}");
    let allowed = lab.server.host_key.private.to_str().unwrap();
    let said = hostile_login(&lab, socket, &["--bind", allowed]);
    assert!(said.contains("inside"), "{said}");
    assert_eq!(lab.second.logins(), 1);
}

/// sshd takes a login without the length of its session id from clients of this name.
const OLD_SESSION_ID: [&str; 3] = ["--called", "3.0 SecureCRT", "--bare"];

/// Denies every login, and allows raw data.
const RAW_DATA: &str = "default = \"deny\"

[[rule]]
kind = \"login\"
action = \"deny\"

[[rule]]
kind = \"raw\"
action = \"allow\"
";

/// To a strict reader such data is no login. To the server it is.
#[test]
fn a_login_in_another_form_is_no_raw_data() {
    let attack = Attack::under(RAW_DATA);
    let prods = attack.lab.second.host_key.public.to_str().unwrap();
    for names in [&[][..], &["--names", prods]] {
        let said = attack.log_in_at_prod(&[&OLD_SESSION_ID[..], names].concat());
        assert!(said.contains("sign: 5"), "{said}");
        let record = attack.last_signature();
        assert_eq!(
            (&record["outcome"], &record["looks_like"], &record["kind"]),
            (&"refused".into(), &"login".into(), &serde_json::Value::Null)
        );
    }
    assert_eq!(attack.lab.second.logins(), 0);

    // What the rule is for.
    let challenge = testbed::message::sign(&attack.lab.key.blob(), &[7; 32]);
    let reply = Connection::open(&attack.client.socket).ask(&challenge);
    assert_eq!(reply.number(), Some(testbed::message::SIGNATURE));
    assert_eq!(attack.last_signature()["kind"], "raw");
}

/// The control: whoever gets such data signed is in.
#[test]
fn a_login_in_another_form_lets_its_client_in() {
    let lab = Lab::new();
    let prods = lab.second.host_key.public.to_str().unwrap();
    for (logins, names) in [(1, &[][..]), (2, &["--names", prods])] {
        let words = [&OLD_SESSION_ID[..], names].concat();
        let said = hostile_login(&lab, &lab.agent.socket, &words);
        // The sshd of OpenSSH 9.8 to 10.0 (Debian 13) takes it, too, but its monitor forgets what the client calls itself.
        if lab.second.process.log().contains("monitor_valid_userblob") {
            assert!(said.contains("sign: 14"), "{said}");
            continue;
        }
        assert!(said.contains("inside"), "{said}");
        assert_eq!(lab.second.logins(), logins);
    }
}
