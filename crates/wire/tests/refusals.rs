//! Messages made by hand: the second spellings, the borders and the look-alikes.

mod common;
mod rebuild;

use common::{join, string, strings, vector};
use rebuild::Rebuild as _;
use wire::Problem;
use wire::bind::SessionBind;
use wire::certificate::{Certificate, CertificateToSign};
use wire::key::PublicKey;
use wire::limits::{MAX_IDENTITIES, MAX_MESSAGE, MAX_PRINCIPALS};
use wire::plain_key::PlainKey;
use wire::reply::Reply;
use wire::request::{Extension, Request, name_of_number};
use wire::signature::{Signature, Trailer};
use wire::sshsig::SshsigRequest;
use wire::userauth::UserauthRequest;

const CERTIFICATE_NAME: &str = "ssh-ed25519-cert-v01@openssh.com";

fn plain_key() -> Vec<u8> {
    strings([&b"ssh-ed25519"[..], &[7; 32]])
}

fn plain_signature() -> Vec<u8> {
    strings([&b"ssh-ed25519"[..], &[9; 64]])
}

/// A login for `session_id` whose fields between number and key are given.
fn login(session_id: &[u8], user: &[u8], service: &str, method: &str, mark: u8) -> Vec<u8> {
    join([
        string(session_id),
        vec![50],
        strings([user, service.as_bytes(), method.as_bytes()]),
        vec![mark],
        strings([&b"ssh-ed25519"[..], &plain_key()]),
    ])
}

fn bind(session_id: &[u8], forwarding: u8) -> Vec<u8> {
    join([
        strings([&plain_key()[..], session_id, &plain_signature()]),
        vec![forwarding],
    ])
}

#[test]
fn every_number_has_its_answer() {
    let named: Vec<u8> = (0..=255)
        .filter(|number| name_of_number(*number).is_some())
        .collect();
    let known = [
        1, 3, 7, 8, 9, 11, 13, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
    ];
    assert_eq!(named, known);
    for number in 0..=255 {
        match Request::parse(&[number]) {
            // Without a body, signing and extensions are not whole; what is never served may be anything.
            Ok(request) => {
                assert!(![13, 27].contains(&number));
                assert_eq!(request.number(), number);
                assert_eq!(Some(request.name()), name_of_number(number));
            }
            Err(bad) => {
                assert_eq!(bad.number, number);
                assert_eq!(
                    bad.problem == Problem::Unknown,
                    !known.contains(&number),
                    "{number}"
                );
            }
        }
        let is_whole = Reply::parse(&[number]).is_ok();
        assert_eq!(is_whole, [5, 6, 28].contains(&number), "{number}");
    }
}

#[test]
fn a_message_of_nothing_is_malformed() {
    let bad = Request::parse(&[]).unwrap_err();
    assert_eq!(
        bad.to_string(),
        "message 0: expected a message number at byte 0"
    );
    assert_eq!(Reply::parse(&[]).unwrap_err().number, 0);
}

#[test]
fn errors_say_what_and_where() {
    let bad = Request::parse(&[11, 0]).unwrap_err();
    assert_eq!(
        bad.to_string(),
        "message 11: expected the end of the data at byte 1"
    );
    let message = join([
        vec![27],
        string("session-bind@openssh.com"),
        bind(&[1; 129], 0),
    ]);
    let bad = Request::parse(&message).unwrap_err();
    assert_eq!(
        bad.to_string(),
        "message 27: expected a session id of 1 to 128 bytes at byte 84"
    );
    // Inside a nested string places still count from the message's start.
    let message = join([
        vec![27],
        string("session-bind@openssh.com"),
        string(strings([&b"ssh-ed25519"[..], &[7; 31]])),
    ]);
    let bad = Request::parse(&message).unwrap_err();
    assert_eq!(
        bad.to_string(),
        "message 27: expected an ed25519 key of 32 bytes at byte 48"
    );
    assert_eq!(
        Request::parse(&[2]).unwrap_err().to_string(),
        "message 2: unknown message number"
    );
}

#[test]
fn chunks_lie_within_their_content() {
    const MOST: u64 = wire::limits::MAX_CONTENT;
    let chunk = |total: u64, offset: u64, bytes: &str| {
        let numbers = [total.to_be_bytes(), offset.to_be_bytes()].concat();
        let message = join([
            vec![27],
            string("content@split-ssh"),
            string("key"),
            numbers,
            string(bytes),
        ]);
        assert!(Request::parse(&join([&message[..], b"x"])).is_err());
        assert!(Request::parse(&message[..message.len() - 1]).is_err());
        Request::parse(&message).is_ok()
    };
    for (total, offset, bytes) in [
        (4, 0, "tree"),
        (4, 3, "e"),
        (MOST, MOST - 1, "e"),
        (0, 0, ""),
    ] {
        assert!(chunk(total, offset, bytes), "{total} {offset} {bytes}");
    }
    assert!(chunk(MOST + 1, 0, ""), "too long a content is announced");
    for (total, offset, bytes) in [
        (4, 0, ""),
        (4, 1, "tree"),
        (4, 4, ""),
        (0, 0, "t"),
        (0, 1, ""),
        (MOST + 1, 0, "t"),
        (MOST + 1, 1, ""),
        (MOST, u64::MAX, "t"),
    ] {
        assert!(!chunk(total, offset, bytes), "{total} {offset} {bytes}");
    }
}

#[test]
fn extensions_are_told_apart_by_their_whole_name() {
    let query = join([vec![27], string("query")]);
    assert_eq!(
        Request::parse(&query),
        Ok(Request::Extension(Extension::Query))
    );
    assert!(Request::parse(&join([&query[..], b"x"])).is_err());
    let other = join([vec![27], string("query@openssh.com"), vec![1, 2]]);
    let extension = Extension::Other {
        name: "query@openssh.com",
        contents: &[1, 2],
    };
    assert_eq!(Request::parse(&other), Ok(Request::Extension(extension)));
    for name in ["", "a b", "a,b", "a\n", "a\0", "\u{e9}", &"a".repeat(65)] {
        assert!(
            Request::parse(&join([vec![27], string(name)])).is_err(),
            "{name:?}"
        );
    }
}

#[test]
fn session_ids_and_flags_of_binds_have_one_form() {
    for (length, fits) in [(0, false), (1, true), (20, true), (128, true), (129, false)] {
        assert_eq!(
            SessionBind::parse(&bind(&vec![1; length], 0)).is_ok(),
            fits,
            "{length}"
        );
    }
    for (byte, forwarding) in [(0, Some(false)), (1, Some(true)), (2, None), (255, None)] {
        let bytes = bind(&[1; 32], byte);
        assert_eq!(
            SessionBind::parse(&bytes)
                .map(|bind| bind.is_forwarding)
                .ok(),
            forwarding
        );
    }
}

/// ssh-encoding 0.2 reads the inner session id of this bind, OpenSSH refuses it.
#[test]
fn a_host_key_longer_than_its_fields_is_refused() {
    let hidden = join([
        plain_key(),
        strings([&[2; 32][..], &plain_signature()]),
        vec![0],
    ]);
    let bytes = join([
        strings([&hidden[..], &[1; 32], &plain_signature()]),
        vec![1],
    ]);
    assert!(SessionBind::parse(&bytes).is_err());
}

#[test]
fn numbers_have_one_spelling() {
    let rsa = |e: &[u8], n: &[u8]| PublicKey::parse(&strings([b"ssh-rsa", e, n])).is_ok();
    let n = [&[0x80][..], &[1; 127]].concat();
    let signed = [&[0][..], &n].concat();
    assert!(rsa(&[1, 0, 1], &signed));
    for (e, n) in [
        (&[1, 0, 1][..], &n[..]), // negative
        (&[0, 1, 0, 1], &signed), // a needless zero
        (&[], &signed),           // zero
        (&[0], &signed),          // zero, needlessly
        (&[0, 0], &signed),       // alike
        (&[1, 0, 1], &[&[0][..], &signed].concat()),
        (&[0xff], &signed),
    ] {
        assert!(!rsa(e, n), "{e:?}");
    }
}

#[test]
fn curves_and_points_fit_the_type() {
    let key = |name: &str, curve: &str, point: &[u8]| {
        PublicKey::parse(&strings([name.as_bytes(), curve.as_bytes(), point])).is_ok()
    };
    let point = |form: u8, count: usize| [&[form][..], &vec![1; count]].concat();
    assert!(key("ecdsa-sha2-nistp256", "nistp256", &point(4, 64)));
    assert!(key("ecdsa-sha2-nistp384", "nistp384", &point(4, 96)));
    assert!(key("ecdsa-sha2-nistp521", "nistp521", &point(4, 132)));
    assert!(!key("ecdsa-sha2-nistp256", "nistp384", &point(4, 64)));
    assert!(!key("ecdsa-sha2-nistp256", "nistp384", &point(4, 96)));
    assert!(!key("ecdsa-sha2-nistp256", "nistp256", &point(4, 63)));
    assert!(!key("ecdsa-sha2-nistp256", "nistp256", &point(2, 32)));
    assert!(!key("ecdsa-sha2-nistp256", "nistp256", &point(3, 64)));
    assert!(!key("ecdsa-sha2-nistp256", "nistp256", &[]));
}

#[test]
fn unknown_keys_are_kept_and_second_names_of_known_ones_refused() {
    for name in [
        "ssh-mldsa87@example.com",
        "ssh-ed448",
        "x@y",
        &"a".repeat(64),
    ] {
        for rest in [&b"z"[..], b"\0\0\0\x05four", &[0; 1000]] {
            let blob = join([&string(name)[..], rest]);
            let key = PublicKey::parse(&blob).unwrap();
            assert_eq!(
                key,
                PublicKey::Plain(PlainKey::Opaque {
                    algorithm: name,
                    rest
                })
            );
            assert_eq!(
                (key.rebuild(), key.plain_blob()),
                (blob.clone(), blob.clone())
            );
        }
        assert!(PublicKey::parse(&string(name)).is_err());
    }
    // OpenSSH reads each of these as a key of a known type.
    for name in [
        "RSA",
        "rsa",
        "Ed25519",
        "ecdsa-SK",
        "rsa-sha2-512",
        "rsa-sha2-256-cert-v01@openssh.com",
        "MLDSA44-ed25519",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    ] {
        assert!(
            PublicKey::parse(&strings([name.as_bytes(), b"rest"])).is_err(),
            "{name}"
        );
    }
    for name in ["", "a b", "a\u{7f}", &"a".repeat(65)] {
        assert!(
            PublicKey::parse(&strings([name.as_bytes(), b"rest"])).is_err(),
            "{name:?}"
        );
    }
}

#[test]
fn one_odd_key_spoils_no_list() {
    let keys = [&plain_key()[..], b"", b"\0\0\0", b"\xff\xff\xff\xff junk"];
    let mut message = vec![12, 0, 0, 0, 4];
    for key in keys {
        message.extend(strings([key, b"\xff comment \0"]));
    }
    let Ok(Reply::Identities(identities)) = Reply::parse(&message) else {
        panic!()
    };
    assert_eq!(
        identities
            .iter()
            .map(|identity| identity.key)
            .collect::<Vec<_>>(),
        keys
    );
}

#[test]
fn the_count_of_identities_is_the_number_of_identities() {
    let list = |claimed: usize, given: usize| {
        let count = u32::try_from(claimed).unwrap().to_be_bytes();
        let message = join([&[12][..], &count, &strings(vec![b"k"; 2 * given])]);
        Reply::parse(&message).is_ok()
    };
    assert!(list(0, 0) && list(2, 2) && list(MAX_IDENTITIES, MAX_IDENTITIES));
    assert!(!list(1, 0) && !list(2, 1) && !list(1, 2));
    assert!(!list(MAX_IDENTITIES + 1, MAX_IDENTITIES + 1));
    assert!(!list(u32::MAX as usize, 0));
}

#[test]
fn signatures_fit_their_algorithm() {
    let signature = |name: &str, blob: &[u8], tail: &[u8]| {
        Signature::parse(&join([&strings([name.as_bytes(), blob])[..], tail])).is_ok()
    };
    assert!(signature("ssh-ed25519", &[1; 64], b""));
    assert!(!signature("ssh-ed25519", &[1; 63], b""));
    assert!(!signature("ssh-ed25519", &[1; 64], &[0; 5]));
    assert!(signature("sk-ssh-ed25519@openssh.com", &[1; 64], &[0; 5]));
    assert!(!signature("sk-ssh-ed25519@openssh.com", &[1; 64], &[0; 4]));
    assert!(!signature("sk-ssh-ed25519@openssh.com", &[1; 64], &[0; 6]));
    assert!(signature("rsa-sha2-512", &[1; 256], b""));
    assert!(!signature("rsa-sha2-512", &[1; 256], b"x"));
    assert!(!signature("rsa-sha2-512", &[], b""));

    let ecdsa = "ecdsa-sha2-nistp256";
    assert!(signature(ecdsa, &strings([[1; 32], [2; 32]]), b""));
    assert!(signature(ecdsa, &strings([&[0, 0x80][..], &[1]]), b""));
    assert!(!signature(ecdsa, &strings([&[0x80][..], &[1]]), b""));
    assert!(!signature(ecdsa, &strings([&[0, 1][..], &[1]]), b""));
    assert!(!signature(ecdsa, &strings([&[1][..]]), b""));
    assert!(!signature(ecdsa, &strings([[1; 33], [1; 33]]), b""));
    assert!(!signature(ecdsa, &strings([&[1][..], &[1], &[1]]), b""));
    let bytes = strings([ecdsa.as_bytes(), &strings([&[0, 0x80, 7][..], &[1]])]);
    let parsed = Signature::parse(&bytes).unwrap();
    assert_eq!(parsed.ecdsa_numbers(), Some((&[0x80, 7][..], &[1][..])));

    let webauthn = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
    let numbers = strings([[1; 32], [2; 32]]);
    let tail = join([
        vec![5, 0, 0, 0, 9],
        strings([&b"https://example"[..], b"{}", b""]),
    ]);
    let bytes = join([strings([webauthn.as_bytes(), &numbers]), tail]);
    let parsed = Signature::parse(&bytes).unwrap();
    let (origin, client_data) = (&b"https://example"[..], &b"{}"[..]);
    let trailer = Trailer::Webauthn {
        flags: 5,
        counter: 9,
        origin,
        client_data,
        extensions: b"",
    };
    assert_eq!(parsed.trailer, trailer);
    assert_eq!(parsed.rebuild(), bytes);

    let bytes = join([&strings([&b"new@example"[..], b"blob"])[..], b"tail"]);
    assert_eq!(
        Signature::parse(&bytes).unwrap().trailer,
        Trailer::Opaque(b"tail")
    );
}

#[test]
fn logins_are_exact() {
    let accepts = |bytes: Vec<u8>| UserauthRequest::parse(&bytes).is_ok();
    let id = [1; 32];
    assert!(accepts(login(
        &id,
        b"root",
        "ssh-connection",
        "publickey",
        1
    )));
    assert!(accepts(login(
        &[1; 128],
        &[b'u'; 256],
        "ssh-connection",
        "publickey",
        1
    )));
    assert!(!accepts(login(
        &[],
        b"root",
        "ssh-connection",
        "publickey",
        1
    )));
    assert!(!accepts(login(
        &[1; 129],
        b"root",
        "ssh-connection",
        "publickey",
        1
    )));
    assert!(!accepts(login(
        &id,
        &[b'u'; 257],
        "ssh-connection",
        "publickey",
        1
    )));
    assert!(!accepts(login(
        &id,
        b"root\0",
        "ssh-connection",
        "publickey",
        1
    )));
    assert!(!accepts(login(
        &id,
        b"root",
        "ssh-userauth",
        "publickey",
        1
    )));
    assert!(!accepts(login(
        &id,
        b"root",
        "ssh-connection",
        "hostbased",
        1
    )));
    assert!(!accepts(login(
        &id,
        b"root",
        "ssh-connection",
        "publickey",
        0
    )));
    assert!(!accepts(login(
        &id,
        b"root",
        "ssh-connection",
        "publickey",
        2
    )));
    let hostbound = "publickey-hostbound-v00@openssh.com";
    assert!(!accepts(login(
        &id,
        b"root",
        "ssh-connection",
        hostbound,
        1
    )));
    let whole = join([
        login(&id, b"root", "ssh-connection", hostbound, 1),
        string(plain_key()),
    ]);
    assert!(accepts(whole.clone()));
    // The same host key after plain `publickey` is left over.
    assert!(!accepts(join([
        login(&id, b"root", "ssh-connection", "publickey", 1),
        string(plain_key())
    ])));
    let mut other_number = whole;
    other_number[36] = 51;
    assert!(!accepts(other_number));
}

#[test]
fn the_algorithm_of_a_login_fits_its_key() {
    let accepts = |algorithm: &str, key: &[u8]| {
        UserauthRequest::parse(&join([
            string([1; 32]),
            vec![50],
            strings(["root", "ssh-connection", "publickey"]),
            vec![1],
            strings([algorithm.as_bytes(), key]),
        ]))
        .is_ok()
    };
    let (rsa, rsa_certificate) = (vector("key", "rsa"), vector("key", "rsa-cert"));
    for algorithm in ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"] {
        assert!(accepts(algorithm, &rsa));
        assert!(!accepts(algorithm, &rsa_certificate));
        assert!(!accepts(algorithm, &plain_key()));
        let certified = format!("{algorithm}-cert-v01@openssh.com");
        assert!(accepts(&certified, &rsa_certificate));
        assert!(!accepts(&certified, &rsa));
    }
    let (sk, sk_certificate) = (vector("key", "sk-ecdsa"), vector("key", "sk-ecdsa-cert"));
    for prefix in ["", "webauthn-"] {
        let plain = format!("{prefix}sk-ecdsa-sha2-nistp256@openssh.com");
        let certified = format!("{prefix}sk-ecdsa-sha2-nistp256-cert-v01@openssh.com");
        assert!(accepts(&plain, &sk) && accepts(&certified, &sk_certificate));
        assert!(!accepts(&plain, &sk_certificate) && !accepts(&certified, &sk));
        assert!(!accepts(&plain, &rsa));
    }
    assert!(!accepts(
        "webauthn-sk-ssh-ed25519@openssh.com",
        &vector("key", "sk-ed25519")
    ));
    assert!(!accepts("ssh-ed25519", &rsa));
    assert!(!accepts(CERTIFICATE_NAME, &plain_key()));
    assert!(accepts("new@example", &strings(["new@example", "key"])));
    assert!(!accepts("newer@example", &strings(["new@example", "key"])));
}

/// A session id of 32 bytes may spell a certificate's type, and the other way round.
#[test]
fn a_session_id_that_spells_a_certificate_type_is_a_session_id() {
    assert_eq!(CERTIFICATE_NAME.len(), 32);
    let data = login(
        CERTIFICATE_NAME.as_bytes(),
        b"root",
        "ssh-connection",
        "publickey",
        1,
    );
    assert!(UserauthRequest::parse(&data).is_ok());
    assert!(CertificateToSign::parse(&data).is_err());
    let certificate = vector("key", "ed25519-cert");
    let to_be_signed = Certificate::parse(&certificate).unwrap().to_be_signed;
    assert!(CertificateToSign::parse(to_be_signed).is_ok());
    assert!(UserauthRequest::parse(to_be_signed).is_err());
    // With its signature it is a certificate, and nothing that a CA is asked to sign.
    assert!(CertificateToSign::parse(&certificate).is_err());
}

#[test]
fn sshsig_names_a_purpose_and_a_whole_hash() {
    let accepts = |magic: &str, namespace: &[u8], hash: &str, digest: &[u8]| {
        let fields = strings([namespace, b"", hash.as_bytes(), digest]);
        SshsigRequest::parse(&join([magic.as_bytes(), &fields])).is_ok()
    };
    assert!(accepts("SSHSIG", b"git", "sha512", &[1; 64]));
    assert!(accepts("SSHSIG", b"git", "sha256", &[1; 32]));
    assert!(!accepts("SSHSIG", b"git", "sha256", &[1; 64]));
    assert!(!accepts("SSHSIG", b"git", "sha512", &[1; 32]));
    assert!(!accepts("SSHSIG", b"git", "sha1", &[1; 20]));
    assert!(!accepts("SSHSIG", b"", "sha512", &[1; 64]));
    assert!(!accepts("SSHSIG", b"git\0", "sha512", &[1; 64]));
    assert!(!accepts("sshsig", b"git", "sha512", &[1; 64]));
}

/// A certificate made by hand around `key_fields`, with the given kind, principals and CA.
fn certificate(kind: u32, principals: &[u8], options: &[u8], ca: &[u8]) -> Vec<u8> {
    join([
        strings([CERTIFICATE_NAME.as_bytes(), b"nonce", &[7; 32]]),
        1_u64.to_be_bytes().to_vec(),
        kind.to_be_bytes().to_vec(),
        strings([b"id", principals]),
        [[0; 8], [0xff; 8]].concat(),
        strings([options, b"", b"", ca]),
    ])
}

#[test]
fn certificates_are_whole_inside_too() {
    let accepts = |bytes: Vec<u8>| CertificateToSign::parse(&bytes).is_ok();
    let ca = plain_key();
    assert!(accepts(certificate(1, b"", b"", &ca)));
    assert!(accepts(certificate(
        2,
        &strings(["b", "a", "a"]),
        &strings(["z", "1", "a", ""]),
        &ca
    )));
    for kind in [0, 3, 0x0100_0001] {
        assert!(!accepts(certificate(kind, b"", b"", &ca)));
    }
    assert!(!accepts(certificate(1, b"\0\0\0\x05root", b"", &ca)));
    assert!(!accepts(certificate(1, &string("root\0"), b"", &ca)));
    assert!(!accepts(certificate(1, b"", &string("only a name"), &ca)));
    assert!(!accepts(certificate(1, b"", b"", b"")));
    assert!(!accepts(certificate(
        1,
        b"",
        b"",
        &vector("key", "ed25519-cert")
    )));
    assert!(accepts(certificate(
        1,
        &strings(vec!["p"; MAX_PRINCIPALS]),
        b"",
        &ca
    )));
    assert!(!accepts(certificate(
        1,
        &strings(vec!["p"; MAX_PRINCIPALS + 1]),
        b"",
        &ca
    )));

    let signed = join([certificate(1, b"", b"", &ca), string(plain_signature())]);
    assert!(PublicKey::parse(&signed).is_ok());
    let badly = join([certificate(1, b"", b"", &ca), string([0; 12])]);
    assert!(PublicKey::parse(&badly).is_err());
}

/// A claimed length or count costs nothing: all of these end at once.
#[test]
fn claims_are_not_believed() {
    for number in [13, 27] {
        for claim in [u32::MAX, 0x7fff_ffff, 0x0004_0000] {
            let message = join([&[number][..], &claim.to_be_bytes(), &[0; 64]]);
            assert!(Request::parse(&message).is_err(), "{number}");
        }
    }
    let big = join([
        vec![13],
        strings([&b"k"[..], &vec![0; MAX_MESSAGE - 14]]),
        vec![0; 4],
    ]);
    assert_eq!(big.len(), MAX_MESSAGE);
    assert!(Request::parse(&big).is_ok());
}

/// OpenSSH's ssh-mldsa-eddsa.c: ML-DSA-44 (1 312 and 2 420 bytes), then Ed25519 (32 and 64).
#[test]
fn mldsa_keys_and_signatures_have_their_sizes() {
    let name = "ssh-mldsa44-ed25519@openssh.com";
    for (length, fits) in [(1343, false), (1344, true), (1345, false), (1312, false)] {
        let blob = strings([name.as_bytes(), &vec![1; length]]);
        assert_eq!(PublicKey::parse(&blob).is_ok(), fits, "{length}");
    }
    for (length, fits) in [(2483, false), (2484, true), (2485, false), (2420, false)] {
        let blob = strings([name.as_bytes(), &vec![1; length]]);
        assert_eq!(Signature::parse(&blob).is_ok(), fits, "{length}");
    }
    let key = strings([name.as_bytes(), &[1; 1344], b"x"]);
    assert!(PublicKey::parse(&key).is_err());
}
