//! The crate `ssh-key` as a second opinion, on what it is known to read rightly: plain keys, and
//! certificates that end (it refuses those without an end, and folds the trailer of security keys
//! into their signatures).

mod common;

use common::vectors;
use ssh_key::public::KeyData;
use wire::certificate::{Certificate, CertificateKind};
use wire::key::PublicKey;
use wire::plain_key::PlainKey;

#[test]
fn plain_keys_are_read_alike() {
    let mut agreed = 0;
    for (name, blob) in vectors("key") {
        let ours = PublicKey::parse(&blob).unwrap();
        let PublicKey::Plain(ours) = ours else {
            continue;
        };
        if matches!(ours, PlainKey::Mldsa44Ed25519 { .. }) {
            continue; // to them a type that they do not know
        }
        let theirs = ssh_key::PublicKey::from_bytes(&blob).unwrap();
        let theirs = theirs.key_data();
        assert_eq!(theirs.algorithm().as_str(), ours.algorithm(), "{name}");
        match (&ours, theirs) {
            (PlainKey::Ed25519 { point }, KeyData::Ed25519(key)) => assert_eq!(*point, &key.0),
            (PlainKey::Ecdsa { point, .. }, KeyData::Ecdsa(key)) => {
                assert_eq!(*point, key.as_sec1_bytes());
            }
            (PlainKey::Rsa { e, n }, KeyData::Rsa(key)) => {
                assert_eq!(Some(*e), key.e.as_positive_bytes());
                assert_eq!(Some(*n), key.n.as_positive_bytes());
            }
            (PlainKey::Dsa { p, q, g, y }, KeyData::Dsa(key)) => {
                let theirs = [&key.p, &key.q, &key.g, &key.y].map(|n| n.as_positive_bytes());
                assert_eq!([*p, *q, *g, *y].map(Some), theirs);
            }
            (PlainKey::SkEd25519 { point, application }, KeyData::SkEd25519(key)) => {
                assert_eq!(
                    (*point, *application),
                    (&key.public_key().0, key.application().as_bytes())
                );
            }
            (PlainKey::SkEcdsa { point, application }, KeyData::SkEcdsaSha2NistP256(key)) => {
                assert_eq!(*point, key.ec_point().as_bytes());
                assert_eq!(*application, key.application().as_bytes());
            }
            _ => panic!("{name}: {ours:?} is {theirs:?}"),
        }
        agreed += 1;
    }
    assert_eq!(agreed, 8);
}

#[test]
fn certificates_that_end_are_read_alike() {
    let mut agreed = 0;
    for (name, blob) in vectors("key") {
        let Ok(ours) = Certificate::parse(&blob) else {
            continue;
        };
        let Ok(theirs) = ssh_key::Certificate::from_bytes(&blob) else {
            assert_eq!(ours.valid_before, u64::MAX, "{name}");
            continue;
        };
        assert_eq!(theirs.nonce(), ours.nonce);
        assert_eq!(theirs.serial(), ours.serial);
        assert_eq!(
            theirs.cert_type().is_host(),
            ours.kind == CertificateKind::Host
        );
        assert_eq!(theirs.key_id().as_bytes(), ours.key_id);
        assert_eq!(
            (theirs.valid_after(), theirs.valid_before()),
            (ours.valid_after, ours.valid_before)
        );
        let principals: Vec<&[u8]> = theirs
            .valid_principals()
            .iter()
            .map(|p| p.as_bytes())
            .collect();
        assert_eq!(principals, ours.principals);
        assert_eq!(theirs.extensions().len(), ours.extensions.len());
        agreed += 1;
    }
    assert!(agreed >= 1);
}

/// Whatever we accept as one of their types they accept too: being stricter is fine, laxer is not.
#[test]
fn nothing_is_accepted_that_ssh_key_refuses() {
    let mut random = seeded::Random::new(3);
    let mut accepted = 0;
    for (name, mut blob) in vectors("key") {
        if name.ends_with("-cert") {
            continue;
        }
        for place in 0..blob.len() {
            let old = blob[place];
            blob[place] = [old ^ 1, 0, 0xff, random.byte()][random.below(4)];
            match PublicKey::parse(&blob) {
                // They know no opaque names without `@`, and want UTF-8 in applications.
                Err(_) | Ok(PublicKey::Plain(PlainKey::Opaque { .. })) => {}
                Ok(ours) => {
                    if let Err(error) = ssh_key::PublicKey::from_bytes(&blob) {
                        let application = match ours {
                            PublicKey::Plain(
                                PlainKey::SkEd25519 { application, .. }
                                | PlainKey::SkEcdsa { application, .. },
                            ) => application,
                            _ => panic!("{name} at {place}: {error}"),
                        };
                        assert!(
                            std::str::from_utf8(application).is_err(),
                            "{name} at {place}"
                        );
                    }
                    accepted += 1;
                }
            }
            blob[place] = old;
        }
    }
    assert!(accepted > 500);
}
