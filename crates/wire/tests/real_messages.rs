//! What real programs say (see `vectors/capture.py`): read to the last byte, given back byte for
//! byte, and refused as soon as one byte is missing or too many.

mod common;
mod rebuild;

use common::{vector, vectors};
use rebuild::Rebuild as _;
use wire::bind::SessionBind;
use wire::certificate::{Certificate, CertificateKind, CertificateToSign};
use wire::key::PublicKey;
use wire::reply::Reply;
use wire::request::{Extension, Request};
use wire::signature::{Signature, Trailer};
use wire::sshsig::SshsigRequest;
use wire::sudo::SudoRequest;
use wire::userauth::{Method, UserauthRequest};

type Roundtrip = fn(&[u8]) -> Option<Vec<u8>>;

const REQUEST: Roundtrip = |bytes| Some(Request::parse(bytes).ok()?.rebuild());
const REPLY: Roundtrip = |bytes| Some(Reply::parse(bytes).ok()?.rebuild());
const KEY: Roundtrip = |bytes| Some(PublicKey::parse(bytes).ok()?.rebuild());
const SIGNATURE: Roundtrip = |bytes| Some(Signature::parse(bytes).ok()?.rebuild());
const BIND: Roundtrip = |bytes| Some(SessionBind::parse(bytes).ok()?.rebuild());

const LOGIN: Roundtrip = |bytes| Some(UserauthRequest::parse(bytes).ok()?.rebuild());
const SSHSIG: Roundtrip = |bytes| Some(SshsigRequest::parse(bytes).ok()?.rebuild());
const TO_CERTIFY: Roundtrip = |bytes| Some(CertificateToSign::parse(bytes).ok()?.rebuild());
const SUDO: Roundtrip = |bytes| Some(SudoRequest::parse(bytes).ok()?.rebuild());

/// All that a sign request can be read as, with the labels of the vectors.
const TO_BE_SIGNED: [(&str, Roundtrip); 4] = [
    ("login", LOGIN),
    ("sshsig", SSHSIG),
    ("certificate", TO_CERTIFY),
    ("sudo", SUDO),
];

/// Every real value with its reader, also those inside others.
fn everything() -> Vec<(String, Vec<u8>, Roundtrip)> {
    let mut all = Vec::new();
    for (name, bytes) in vectors("request") {
        match Request::parse(&bytes).unwrap_or_else(|bad| panic!("{name}: {bad}")) {
            Request::Sign(sign) => {
                if let Some(reader) = reader_of(&name) {
                    all.push((format!("{name} data"), sign.data.to_vec(), reader));
                }
            }
            Request::Extension(Extension::SessionBind(bind)) => {
                all.push((format!("{name} bind"), bind.rebuild(), BIND));
                all.push((format!("{name} host key"), bind.host_key.to_vec(), KEY));
                all.push((
                    format!("{name} signature"),
                    bind.signature.to_vec(),
                    SIGNATURE,
                ));
            }
            _ => {}
        }
        all.push((name, bytes, REQUEST));
    }
    for (name, bytes) in vectors("reply") {
        match Reply::parse(&bytes).unwrap_or_else(|bad| panic!("{name}: {bad}")) {
            Reply::Signature(signature) => {
                all.push((format!("{name} signature"), signature.to_vec(), SIGNATURE));
            }
            Reply::Identities(identities) => {
                for identity in identities {
                    all.push((format!("{name} key"), identity.key.to_vec(), KEY));
                }
            }
            _ => {}
        }
        all.push((name, bytes, REPLY));
    }
    for (name, bytes) in vectors("key") {
        all.push((name, bytes, KEY));
    }
    all
}

/// How the data of a sign request should be read; `None` for raw data.
fn reader_of(name: &str) -> Option<Roundtrip> {
    if name == "login-of-hostkeyagent-13" {
        return None; // sshd signs its exchange hash through the agent
    }
    let label = name.split('-').next().unwrap();
    TO_BE_SIGNED
        .iter()
        .find(|(kind, _)| *kind == label)
        .map(|(_, reader)| *reader)
}

fn signed(name: &str) -> Vec<u8> {
    let request = vector("request", name);
    match Request::parse(&request) {
        Ok(Request::Sign(sign)) => sign.data.to_vec(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn all_are_read_and_given_back() {
    for (name, bytes, roundtrip) in everything() {
        assert_eq!(roundtrip(&bytes), Some(bytes), "{name}");
    }
}

#[test]
fn one_byte_too_few_or_too_many_is_refused() {
    for (name, bytes, roundtrip) in everything() {
        if matches!(Request::parse(&bytes), Ok(Request::NeverServed(_))) {
            continue; // whatever its body is
        }
        for length in 0..bytes.len() {
            assert_eq!(roundtrip(&bytes[..length]), None, "{name}: {length}");
        }
        for junk in [0, 1, 2, 255] {
            let padded = [&bytes[..], &[junk]].concat();
            assert_eq!(roundtrip(&padded), None, "{name}: {junk}");
        }
    }
}

#[test]
fn a_changed_byte_is_refused_or_given_back() {
    let mut random = seeded::Random::new(1);
    for (name, mut bytes, roundtrip) in everything() {
        if matches!(Request::parse(&bytes), Ok(Request::NeverServed(_))) {
            continue; // whatever its body is
        }
        for place in 0..bytes.len() {
            let old = bytes[place];
            for new in [old ^ 1, old ^ 0x80, 0, 255, random.byte()] {
                bytes[place] = new;
                if let Some(again) = roundtrip(&bytes) {
                    assert_eq!(again, bytes, "{name}: {new} at {place}");
                }
            }
            bytes[place] = old;
        }
    }
}

#[test]
fn what_is_to_be_signed_is_one_thing_only() {
    let mut seen = 0;
    for (name, bytes) in vectors("request") {
        let Ok(Request::Sign(sign)) = Request::parse(&bytes) else {
            continue;
        };
        let read_as: Vec<&str> = TO_BE_SIGNED
            .iter()
            .filter(|(_, reader)| reader(sign.data).is_some())
            .map(|(kind, _)| *kind)
            .collect();
        let expected: Vec<&str> = TO_BE_SIGNED
            .iter()
            .filter(|(kind, _)| reader_of(&name).is_some() && name.starts_with(kind))
            .map(|(kind, _)| *kind)
            .collect();
        assert_eq!(read_as, expected, "{name}");
        seen += 1;
    }
    assert!(seen > 30);
}

#[test]
fn the_vectors_cover_every_request_that_openssh_sends() {
    let numbers: std::collections::BTreeSet<u8> = vectors("request")
        .iter()
        .map(|(_, bytes)| bytes[0])
        .collect();
    assert_eq!(
        numbers.into_iter().collect::<Vec<_>>(),
        [9, 11, 13, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27]
    );
}

#[test]
fn a_certificate_holds_its_plain_key() {
    for (name, algorithm) in [
        ("ed25519", "ssh-ed25519"),
        ("ecdsa256", "ecdsa-sha2-nistp256"),
        ("ecdsa384", "ecdsa-sha2-nistp384"),
        ("ecdsa521", "ecdsa-sha2-nistp521"),
        ("rsa", "ssh-rsa"),
        ("dsa", "ssh-dss"),
        ("sk-ed25519", "sk-ssh-ed25519@openssh.com"),
        ("sk-ecdsa", "sk-ecdsa-sha2-nistp256@openssh.com"),
    ] {
        let plain = vector("key", name);
        let key = PublicKey::parse(&plain).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.plain_blob(), plain);

        let certified = vector("key", &format!("{name}-cert"));
        let certificate = PublicKey::parse(&certified).unwrap();
        assert_eq!(certificate.plain_blob(), plain);
        let base = algorithm.trim_end_matches("@openssh.com");
        assert_eq!(
            certificate.algorithm(),
            format!("{base}-cert-v01@openssh.com")
        );
    }
}

#[test]
fn certificates_say_what_the_ca_said() {
    let blob = vector("key", "ed25519-cert");
    let certificate = Certificate::parse(&blob).unwrap();
    assert_eq!(certificate.key_id, b"ed25519 id");
    assert_eq!(certificate.principals, [&b"root"[..], b"alice"]);
    assert_eq!(
        (certificate.valid_after, certificate.valid_before),
        (0, u64::MAX)
    );
    assert_eq!(certificate.kind, CertificateKind::User);
    assert_eq!(
        CertificateToSign::parse(certificate.to_be_signed).unwrap(),
        certificate.terms
    );
    assert_eq!(
        Signature::parse(certificate.signature).unwrap().algorithm,
        "ssh-ed25519"
    );

    let blob = vector("key", "options-cert");
    let certificate = Certificate::parse(&blob).unwrap();
    assert_eq!(certificate.serial, 7);
    assert!(certificate.principals.is_empty());
    assert_eq!(
        certificate.critical_options,
        [
            (&b"force-command"[..], &b"\0\0\0\x09/bin/true"[..]),
            (b"source-address", b"\0\0\0\x0a10.0.0.0/8"),
        ]
    );
    assert_eq!(certificate.extensions, [(&b"permit-pty"[..], &b""[..])]);
    assert_eq!(
        PublicKey::parse(certificate.signature_key)
            .unwrap()
            .algorithm(),
        "ssh-rsa"
    );
    assert_eq!(
        Signature::parse(certificate.signature).unwrap().algorithm,
        "rsa-sha2-512"
    );

    let blob = vector("key", "expiry-cert");
    let certificate = Certificate::parse(&blob).unwrap();
    assert_eq!(
        (certificate.valid_after, certificate.valid_before),
        (1_767_225_600, 1_798_761_600)
    );
    let blob = vector("key", "host-cert");
    assert_eq!(
        Certificate::parse(&blob).unwrap().kind,
        CertificateKind::Host
    );
}

#[test]
fn logins_name_user_key_and_host() {
    for (label, algorithm, host) in [
        ("to-ed25519", "ssh-ed25519", "ssh-ed25519"),
        ("to-rsa", "ssh-ed25519", "ssh-rsa"),
        ("to-ecdsa521", "ssh-ed25519", "ecdsa-sha2-nistp521"),
        (
            "to-certificate",
            "ssh-ed25519",
            "ssh-ed25519-cert-v01@openssh.com",
        ),
        ("with-rsa", "rsa-sha2-512", "ssh-ed25519"),
        (
            "with-certificate",
            "ssh-ed25519-cert-v01@openssh.com",
            "ssh-ed25519",
        ),
        (
            "with-rsa-certificate",
            "rsa-sha2-512-cert-v01@openssh.com",
            "ssh-ed25519",
        ),
        (
            "with-sk-ed25519",
            "sk-ssh-ed25519@openssh.com",
            "ssh-ed25519",
        ),
        (
            "with-sk-ecdsa",
            "sk-ecdsa-sha2-nistp256@openssh.com",
            "ssh-ed25519",
        ),
    ] {
        let data = signed(&format!("login-{label}-13"));
        let login = UserauthRequest::parse(&data).unwrap();
        assert_eq!(
            (login.user, login.service),
            (&b"root"[..], "ssh-connection"),
            "{label}"
        );
        assert_eq!(login.algorithm, algorithm, "{label}");
        let host_key = PublicKey::parse(login.host_key().unwrap()).unwrap();
        assert_eq!(host_key.algorithm(), host, "{label}");

        // The bind before it is of the same session and host.
        let request = vector("request", &format!("login-{label}-27"));
        let Ok(Request::Extension(Extension::SessionBind(bind))) = Request::parse(&request) else {
            panic!("{label}")
        };
        assert_eq!(
            (bind.session_id, bind.is_forwarding),
            (login.session_id, false),
            "{label}"
        );
        assert_eq!(Some(bind.host_key), login.host_key(), "{label}");
    }
    let data = signed("login-unbound-13");
    assert_eq!(
        UserauthRequest::parse(&data).unwrap().method,
        Method::Publickey
    );
    let data = signed("login-curve25519-13");
    assert_eq!(UserauthRequest::parse(&data).unwrap().session_id.len(), 32);
    let request = vector("request", "login-forwarding-27-2");
    let Ok(Request::Extension(Extension::SessionBind(bind))) = Request::parse(&request) else {
        panic!()
    };
    assert!(bind.is_forwarding);
}

#[test]
fn other_signing_requests_tell_what_they_are_for() {
    for (label, namespace, hash) in [
        ("ed25519", "git", "sha512"),
        ("rsa", "file", "sha512"),
        ("sha256", "file", "sha256"),
    ] {
        let data = signed(&format!("sshsig-{label}-13"));
        let sshsig = SshsigRequest::parse(&data).unwrap();
        assert_eq!(sshsig.namespace, namespace.as_bytes());
        assert_eq!(sshsig.hash_algorithm, hash);
    }

    let data = signed("sudo-13");
    let sudo = SudoRequest::parse(&data).unwrap();
    assert_eq!(
        (sudo.user, sudo.ruser, sudo.service),
        (&b"root"[..], &b"root"[..], &b"sudo"[..])
    );
    assert_eq!(
        sudo.action,
        Some(vec![&b"python3"[..], b"make install", b"all of it"])
    );
    assert_eq!(sudo.hostname, b"work");

    let data = signed("certificate-ed25519-13");
    let certificate = CertificateToSign::parse(&data).unwrap();
    assert_eq!(
        (certificate.key_id, &certificate.principals),
        (&b"id"[..], &vec![&b"root"[..]])
    );
    let data = signed("certificate-host-13");
    assert_eq!(
        CertificateToSign::parse(&data).unwrap().kind,
        CertificateKind::Host
    );
}

#[test]
fn signatures_of_security_keys_keep_their_trailer() {
    for (name, touched) in [("sk-ed25519", true), ("sk-ecdsa", true), ("ed25519", false)] {
        let bytes = vector("reply", &format!("test-{name}-14"));
        let Ok(Reply::Signature(signature)) = Reply::parse(&bytes) else {
            panic!()
        };
        let signature = Signature::parse(signature).unwrap();
        assert_eq!(
            matches!(signature.trailer, Trailer::Sk { flags: 1, .. }),
            touched,
            "{name}"
        );
    }
}

#[test]
fn secrets_are_not_printed() {
    for name in ["lock-22", "smartcard-20", "add-ed25519-17"] {
        let bytes = vector("request", name);
        let request = Request::parse(&bytes).unwrap();
        let number = bytes[0];
        let printed = format!("NeverServed(NeverServed {{ number: {number}, .. }})");
        assert_eq!(format!("{request:?}"), printed);
    }
}
