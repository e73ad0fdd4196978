//! Keys, certificates and signatures of types that this OpenSSH does not know: those of OpenSSH 10.4 and later,
//! browsers' signatures, and types of tomorrow. The agent here says what such an agent would.

use std::sync::Arc;

use testbed::agent::Agent;
use testbed::impostor::Impostor;
use testbed::keys::{Key, Kind};
use testbed::message::{self, Message};
use testbed::raw::Connection;
use testbed::split_ssh::Vault;
use testbed::world::World;

const POLICY: &str = "default = \"deny\"

[host.server]
names = [\"plain.pq\", \"ca.pq\"]

[[rule]]
kind = [\"login\"]
host = [\"server\", \"unproven\"]
action = \"allow\"

[[rule]]
kind = [\"sshsig\", \"certificate\"]
action = \"allow\"
";

const SESSION: [u8; 32] = [7; 32];
const MLDSA: &str = "ssh-mldsa44-ed25519@openssh.com";
const MLDSA_CERTIFICATE: &str = "ssh-mldsa44-ed25519-cert-v01@openssh.com";
const SK: &str = "sk-ecdsa-sha2-nistp256@openssh.com";
const SK_CERTIFICATE: &str = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";
const WEBAUTHN: &str = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
const WEBAUTHN_CERTIFICATE: &str = "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";

/// What of a key stands in its blob and in its certificate after the type (ssh-mldsa-eddsa.c and PROTOCOL.u2f).
fn mldsa_fields(fill: u8) -> Message {
    Message::new().string([fill; 1312 + 32])
}

fn sk_fields() -> Message {
    let point = [&[4][..], &[6; 64]].concat();
    let fields = Message::new().string("nistp256").string(point);
    fields.string("ssh:")
}

fn blob(key_type: &str, fields: &Message) -> Vec<u8> {
    Message::new().string(key_type).raw(&fields.0).0
}

/// A certificate up to its signature (PROTOCOL.certkeys), for users (1) or hosts (2).
fn to_certify(
    certificate_type: &str,
    fields: &Message,
    kind: u32,
    name: &str,
    ca: &[u8],
) -> Vec<u8> {
    let names = Message::new().string(name).0;
    let certificate = Message::new().string(certificate_type).string("nonce");
    let certificate = certificate.raw(&fields.0).long(1).int(kind);
    let certificate = certificate.string("id").string(names);
    let certificate = certificate.long(0).long(u64::MAX);
    certificate.string("").string("").string("").string(ca).0
}

fn certificate(certificate_type: &str, fields: &Message) -> Vec<u8> {
    let ca = blob(MLDSA, &mldsa_fields(9));
    let certificate = to_certify(certificate_type, fields, 1, "root", &ca);
    let signature = Message::new().string(MLDSA).string([8; 2420 + 64]).0;
    Message(certificate).string(signature).0
}

fn mldsa_signature() -> Vec<u8> {
    Message::new().string(MLDSA).string([5; 2420 + 64]).0
}

fn browsers_signature() -> Vec<u8> {
    let numbers = Message::new().string([1; 32]).string([2; 32]).0;
    let signature = Message::new().string(WEBAUTHN).string(numbers);
    let signature = signature.byte(1).int(9).string("https://example.com");
    signature.string("{}").string("").0
}

/// A vault whose agent has one key, and signs with it whatever it is asked.
struct Bench {
    vault: Vault,
    _agent: Agent,
    _world: World,
}

impl Bench {
    fn new(key: &[u8], signature: &[u8], known_hosts: impl FnOnce(&World) -> String) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let list = Message::of(message::IDENTITIES).int(1);
        let list = Arc::new(list.string(key).string("the key").framed());
        let signed = Arc::new(Message::of(message::SIGNATURE).string(signature).framed());
        let socket = world.path("impostor.sock");
        let impostor = Impostor::start(socket, &agent.socket, move |request, answer| match request
            .first()
        {
            Some(&message::LIST) => list.to_vec(),
            Some(&message::SIGN) => signed.to_vec(),
            _ => Message(answer).framed(),
        });
        let known_hosts = known_hosts(&world);
        let vault = Vault::start_on(&world, &impostor.socket, POLICY, &known_hosts);
        Self {
            vault,
            _agent: agent,
            _world: world,
        }
    }

    fn signs(&self, key: &[u8], data: &[u8]) -> bool {
        let mut connection = Connection::call(&self.vault.qrexec_socket, "work");
        let reply = connection.ask(&message::sign(key, data));
        reply.number() == Some(message::SIGNATURE)
    }
}

fn no_hosts(_: &World) -> String {
    String::new()
}

#[test]
fn every_type_of_key_and_certificate_logs_in_and_signs() {
    let (sk, mldsa) = (sk_fields(), mldsa_fields(3));
    let tomorrow = "ssh-new-cert-v01@example.com";
    let new_signature = Message::new().string("ssh-new@example.com").string("s").0;
    let cases: [(&str, Vec<u8>, &str, Vec<u8>); 6] = [
        (MLDSA, blob(MLDSA, &mldsa), MLDSA, mldsa_signature()),
        (
            MLDSA_CERTIFICATE,
            certificate(MLDSA_CERTIFICATE, &mldsa),
            MLDSA_CERTIFICATE,
            mldsa_signature(),
        ),
        (SK, blob(SK, &sk), WEBAUTHN, browsers_signature()),
        (
            SK_CERTIFICATE,
            certificate(SK_CERTIFICATE, &sk),
            WEBAUTHN_CERTIFICATE,
            browsers_signature(),
        ),
        (SK, blob(SK, &sk), SK, browsers_signature()),
        (
            tomorrow,
            blob(tomorrow, &mldsa_fields(1)),
            tomorrow,
            new_signature,
        ),
    ];
    for (key_type, key, algorithm, signature) in cases {
        let bench = Bench::new(&key, &signature, no_hosts);
        let login = message::login(&SESSION, "root", algorithm, &key, None);
        assert!(
            bench.signs(&key, &login),
            "{key_type}: {:?}",
            bench.vault.records()
        );
        let commit = message::sshsig("git", &[1; 64]);
        assert!(
            bench.signs(&key, &commit),
            "{key_type}: {:?}",
            bench.vault.records()
        );
        let record = bench.vault.records().pop().unwrap();
        assert_eq!(record["key_algorithm"], key_type);
    }
}

/// The client has the certificate on its disk, and the agent the plain key.
#[test]
fn a_certificate_on_disk_logs_in_by_the_plain_key() {
    let fields = mldsa_fields(3);
    let plain = blob(MLDSA, &fields);
    let bench = Bench::new(&plain, &mldsa_signature(), no_hosts);
    let certificate = certificate(MLDSA_CERTIFICATE, &fields);
    let login = message::login(&SESSION, "root", MLDSA_CERTIFICATE, &certificate, None);
    assert!(bench.signs(&plain, &login), "{:?}", bench.vault.records());
}

#[test]
fn an_authority_of_the_newest_type_certifies_keys_of_all() {
    let ca = blob(MLDSA, &mldsa_fields(9));
    let bench = Bench::new(&ca, &mldsa_signature(), no_hosts);
    let ed25519 = Message::new().string([1; 32]);
    for (certificate_type, fields) in [
        (MLDSA_CERTIFICATE, mldsa_fields(3)),
        (SK_CERTIFICATE, sk_fields()),
        ("ssh-ed25519-cert-v01@openssh.com", ed25519),
    ] {
        let data = to_certify(certificate_type, &fields, 1, "root", &ca);
        assert!(bench.signs(&ca, &data), "{:?}", bench.vault.records());
        assert_eq!(bench.vault.records().pop().unwrap()["kind"], "certificate");
    }
}

/// Who the server is, the signed data says, whatever we can check of its key; and the authority of its
/// certificate is one that we can check.
#[test]
fn servers_of_the_newest_type_are_named() {
    let plain = blob(MLDSA, &mldsa_fields(3));
    let certified = mldsa_fields(4);
    let world = World::new();
    let agent = Agent::start(&world);
    let ca = Key::generate(&world, "ca", Kind::Ed25519);
    agent.add(&world, &ca);
    let host = to_certify(MLDSA_CERTIFICATE, &certified, 2, "ca.pq", &ca.blob());
    let signature = Connection::open(&agent.socket).ask(&message::sign(&ca.blob(), &host));
    let host = Message(host).string(signature.signature().unwrap()).0;

    let known_hosts = [
        format!("plain.pq {MLDSA} {}\n", base64(&plain)),
        format!("@cert-authority *.pq {}\n", ca.line()),
    ]
    .concat();
    let user = blob(MLDSA, &mldsa_fields(5));
    let bench = Bench::new(&user, &mldsa_signature(), |_| known_hosts);
    for (host_key, name) in [(&plain, "plain.pq"), (&host, "ca.pq")] {
        let login = message::login(&SESSION, "root", MLDSA, &user, Some(host_key));
        assert!(
            bench.signs(&user, &login),
            "{name}: {:?}",
            bench.vault.records()
        );
        let record = bench.vault.records().pop().unwrap();
        assert_eq!(
            (&record["host"][0], &record["proof"]),
            (&name.into(), &"proven".into())
        );
        assert_eq!(record["host_algorithm"], MLDSA);
    }
    // An authority of that type cannot be checked: nothing is named by it.
    let ca = blob(MLDSA, &mldsa_fields(9));
    let host = to_certify(MLDSA_CERTIFICATE, &mldsa_fields(6), 2, "ca.pq", &ca);
    let host = Message(host).string(mldsa_signature()).0;
    let login = message::login(&SESSION, "root", MLDSA, &user, Some(&host));
    assert!(!bench.signs(&user, &login));
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
