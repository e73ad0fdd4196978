//! Random values of every type: what is built is read back as the same value and the same bytes.

mod common;
mod rebuild;

use common::{Dice, string, strings};
use rebuild::Rebuild as _;
use wire::algorithm::{Curve, of_certified_key};
use wire::bind::SessionBind;
use wire::certificate::{Certificate, CertificateKind, CertificateToSign};
use wire::content::ContentChunk;
use wire::key::PublicKey;
use wire::plain_key::PlainKey;
use wire::reply::{Identity, Reply};
use wire::request::{Extension, Request, SignRequest, name_of_number};
use wire::signature::{Signature, Trailer};
use wire::sshsig::SshsigRequest;
use wire::sudo::SudoRequest;
use wire::userauth::{Method, UserauthRequest};

const ROUNDS: u64 = 2000;

fn curve(dice: &mut Dice<'_>) -> Curve {
    [Curve::P256, Curve::P384, Curve::P521][dice.below(3)]
}

fn point(dice: &mut Dice<'_>, curve: Curve) -> &'static [u8] {
    let coordinates = dice.bytes(2 * curve.coordinate_bytes());
    Vec::leak([&[4][..], coordinates].concat())
}

fn ed25519_point(dice: &mut Dice<'_>) -> &'static [u8; 32] {
    dice.bytes(32).try_into().unwrap()
}

fn known_plain_key(dice: &mut Dice<'_>) -> PlainKey<'static> {
    match dice.below(7) {
        0 => PlainKey::Ed25519 {
            point: ed25519_point(dice),
        },
        1 => {
            let curve = curve(dice);
            PlainKey::Ecdsa {
                curve,
                point: point(dice, curve),
            }
        }
        2 => PlainKey::Rsa {
            e: dice.magnitude(4),
            n: dice.magnitude(300),
        },
        3 => PlainKey::Dsa {
            p: dice.magnitude(128),
            q: dice.magnitude(20),
            g: dice.magnitude(128),
            y: dice.magnitude(128),
        },
        4 => PlainKey::SkEd25519 {
            point: ed25519_point(dice),
            application: dice.text(9),
        },
        5 => PlainKey::Mldsa44Ed25519 {
            key: dice.bytes(1344).try_into().unwrap(),
        },
        _ => PlainKey::SkEcdsa {
            point: point(dice, Curve::P256),
            application: dice.text(9),
        },
    }
}

fn plain_key(dice: &mut Dice<'_>) -> PlainKey<'static> {
    if dice.below(5) > 0 {
        return known_plain_key(dice);
    }
    let rest = [&[dice.byte()], dice.some(50)].concat().leak();
    PlainKey::Opaque {
        algorithm: "new-type@example.com",
        rest,
    }
}

fn options(dice: &mut Dice<'_>) -> Vec<(&'static [u8], &'static [u8])> {
    (0..dice.below(3))
        .map(|_| (dice.text(9), dice.some(9)))
        .collect()
}

fn terms(dice: &mut Dice<'_>) -> CertificateToSign<'static> {
    let key = known_plain_key(dice);
    let base = key.algorithm().trim_end_matches("@openssh.com");
    let algorithm: &str = format!("{base}-cert-v01@openssh.com").leak();
    assert_eq!(of_certified_key(algorithm), Some(key.algorithm()));
    CertificateToSign {
        algorithm,
        nonce: dice.some(40),
        key,
        serial: u64::from_be_bytes(dice.bytes(8).try_into().unwrap()),
        kind: [CertificateKind::User, CertificateKind::Host][dice.below(2)],
        key_id: dice.text(20),
        principals: (0..dice.below(4)).map(|_| dice.text(9)).collect(),
        valid_after: u64::from(dice.byte()),
        valid_before: [u64::MAX, 0, 1_900_000_000][dice.below(3)],
        critical_options: options(dice),
        extensions: options(dice),
        reserved: dice.some(3),
        signature_key: plain_key(dice).rebuild().leak(),
    }
}

fn certificate_blob(dice: &mut Dice<'_>) -> &'static [u8] {
    let signature = signature(dice).rebuild();
    Vec::leak([terms(dice).rebuild(), string(signature)].concat())
}

/// A key of any type.
fn any_key(dice: &mut Dice<'_>) -> PublicKey<'static> {
    PublicKey::parse(key_blob(dice)).unwrap()
}

/// A blob of any key.
fn key_blob(dice: &mut Dice<'_>) -> &'static [u8] {
    if dice.below(3) == 0 {
        certificate_blob(dice)
    } else {
        plain_key(dice).rebuild().leak()
    }
}

fn magnitude_string(magnitude: &[u8]) -> Vec<u8> {
    let zero: &[u8] = if magnitude[0] >= 0x80 { &[0] } else { &[] };
    string([zero, magnitude].concat())
}

fn signature(dice: &mut Dice<'_>) -> Signature<'static> {
    let mut numbers = |most| {
        [
            magnitude_string(dice.magnitude(most)),
            magnitude_string(dice.magnitude(most)),
        ]
        .concat()
        .leak() as &[u8]
    };
    let (p256, p384, p521) = (numbers(32), numbers(48), numbers(66));
    let sk = Trailer::Sk {
        flags: dice.byte(),
        counter: u32::from(dice.byte()),
    };
    let webauthn = Trailer::Webauthn {
        flags: dice.byte(),
        counter: u32::MAX,
        origin: dice.text(9),
        client_data: dice.some(30),
        extensions: dice.some(9),
    };
    let rest = [&[dice.byte()], dice.some(9)].concat().leak();
    let rsa = dice.bytes(256);
    let all = [
        ("ssh-ed25519", dice.bytes(64), Trailer::None),
        ("ssh-dss", dice.bytes(40), Trailer::None),
        (
            "ssh-mldsa44-ed25519@openssh.com",
            dice.bytes(2484),
            Trailer::None,
        ),
        ("ssh-rsa", rsa, Trailer::None),
        ("rsa-sha2-256", rsa, Trailer::None),
        ("rsa-sha2-512", rsa, Trailer::None),
        ("ecdsa-sha2-nistp256", p256, Trailer::None),
        ("ecdsa-sha2-nistp384", p384, Trailer::None),
        ("ecdsa-sha2-nistp521", p521, Trailer::None),
        ("sk-ssh-ed25519@openssh.com", dice.bytes(64), sk.clone()),
        ("sk-ecdsa-sha2-nistp256@openssh.com", p256, sk),
        (
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
            p256,
            webauthn,
        ),
        ("new-type@example.com", rsa, Trailer::None),
        ("new-type@example.com", rsa, Trailer::Opaque(rest)),
    ];
    let (algorithm, blob, trailer) = all[dice.below(all.len())].clone();
    Signature {
        algorithm,
        blob,
        trailer,
    }
}

fn session_id(dice: &mut Dice<'_>) -> &'static [u8] {
    let length = [1, 20, 32, 48, 64, 128][dice.below(6)];
    dice.bytes(length)
}

fn bind(dice: &mut Dice<'_>) -> SessionBind<'static> {
    SessionBind {
        host_key: key_blob(dice),
        session_id: session_id(dice),
        signature: signature(dice).rebuild().leak(),
        is_forwarding: dice.below(2) == 0,
    }
}

/// A key and an algorithm that fits it.
fn key_and_algorithm(dice: &mut Dice<'_>) -> (&'static [u8], &'static str) {
    let key = key_blob(dice);
    (key, PublicKey::parse(key).unwrap().algorithm())
}

fn login(dice: &mut Dice<'_>) -> UserauthRequest<'static> {
    let (key, algorithm) = key_and_algorithm(dice);
    let hostbound = dice.below(2) == 0;
    UserauthRequest {
        session_id: session_id(dice),
        user: dice.text(257),
        service: "ssh-connection",
        method: if hostbound {
            Method::Hostbound {
                host_key: key_blob(dice),
            }
        } else {
            Method::Publickey
        },
        algorithm,
        key,
    }
}

fn sudo(dice: &mut Dice<'_>) -> SudoRequest<'static> {
    let (key, algorithm) = key_and_algorithm(dice);
    SudoRequest {
        cookie: dice.some(256),
        user: dice.text(9),
        ruser: dice.text(9),
        service: dice.text(9),
        cwd: dice.text(40),
        action: (dice.below(4) > 0).then(|| (0..dice.below(5)).map(|_| dice.text(20)).collect()),
        hostname: dice.text(20),
        time: 1_800_000_000,
        algorithm,
        key,
    }
}

fn request(dice: &mut Dice<'_>) -> Request<'static> {
    match dice.below(6) {
        0 => Request::List,
        1 => Request::Sign(SignRequest {
            key: dice.some(60),
            data: dice.some(300),
            flags: u32::from(dice.byte()),
        }),
        2 => Request::Extension(Extension::SessionBind(bind(dice))),
        3 => Request::Extension(Extension::Query),
        4 => Request::Extension(Extension::Content(ContentChunk {
            key: dice.some(60),
            total: 1 << 20,
            offset: u64::from(dice.byte()),
            bytes: dice.bytes(30),
        })),
        _ => Request::Extension(Extension::Other {
            name: "x@y",
            contents: dice.some(30),
        }),
    }
}

#[test]
fn requests_that_are_never_served_keep_their_bodies() {
    let mut random = seeded::Random::new(5);
    let mut dice = Dice(&mut random);
    let served = [11, 13, 27];
    for number in (0..=255).filter(|number| !served.contains(number)) {
        for _ in 0..20 {
            let message = [&[number], dice.some(300)].concat();
            let request = Request::parse(&message);
            assert_eq!(request.is_ok(), name_of_number(number).is_some());
            if let Ok(request) = request {
                assert!(matches!(request, Request::NeverServed(_)));
                assert_eq!((request.number(), request.rebuild()), (number, message));
            }
        }
    }
}

fn reply(dice: &mut Dice<'_>) -> Reply<'static> {
    match dice.below(6) {
        0 => Reply::Failure,
        1 => Reply::Success,
        2 => {
            let count = dice.below(20);
            let identity = |_| Identity {
                key: dice.some(60),
                comment: dice.some(20),
            };
            Reply::Identities((0..count).map(identity).collect())
        }
        3 => Reply::Signature(dice.some(100)),
        4 => Reply::ExtensionFailure,
        _ => Reply::ExtensionResponse {
            name: "query",
            contents: strings(["a", "b"]).leak(),
        },
    }
}

/// Checks `parse` against values that `make` makes up.
macro_rules! roundtrips {
    ($name:ident, $make:expr, $type:ty) => {
        #[test]
        fn $name() {
            seeded::cases(ROUNDS, |random| {
                let value: $type = $make(&mut Dice(random));
                let bytes = value.rebuild();
                let again = <$type>::parse(&bytes).unwrap_or_else(|bad| panic!("{bad}: {value:?}"));
                assert_eq!(again, value);
                assert_eq!(again.rebuild(), bytes);
            });
        }
    };
}

roundtrips!(keys, any_key, PublicKey<'_>);
roundtrips!(signatures, signature, Signature<'_>);
roundtrips!(certificates_to_sign, terms, CertificateToSign<'_>);
roundtrips!(binds, bind, SessionBind<'_>);
roundtrips!(logins, login, UserauthRequest<'_>);
roundtrips!(sudo_requests, sudo, SudoRequest<'_>);
roundtrips!(requests, request, Request<'_>);
roundtrips!(replies, reply, Reply<'_>);
roundtrips!(
    sshsig_requests,
    |dice: &mut Dice<'_>| {
        let (hash_algorithm, length) = [("sha256", 32), ("sha512", 64)][dice.below(2)];
        let namespace = [b"n", dice.text(20)].concat().leak();
        let reserved = dice.some(3);
        SshsigRequest {
            namespace,
            reserved,
            hash_algorithm,
            hash: dice.bytes(length),
        }
    },
    SshsigRequest<'_>
);
#[test]
fn certificates() {
    seeded::cases(ROUNDS, |random| {
        let mut dice = Dice(random);
        let terms = terms(&mut dice);
        let signature = signature(&mut dice).rebuild();
        let to_be_signed = terms.rebuild();
        let blob = [to_be_signed.clone(), string(&signature)].concat();
        let certificate = Certificate::parse(&blob).unwrap();
        assert_eq!(certificate.terms, terms);
        assert_eq!(certificate.signature, signature);
        assert_eq!(certificate.to_be_signed, to_be_signed);
        let key = PublicKey::parse(&blob).unwrap();
        assert_eq!(key.plain_blob(), terms.key.rebuild());
        assert_eq!(
            (key.rebuild(), key.algorithm()),
            (blob.clone(), terms.algorithm)
        );
    });
}
