//! Signatures and host certificates by real keys of every type, checked by the guard.

mod keygen;

use common::crypto::Ring;
use keygen::{Folder, Key, SshSignature};
use policy::crypto::{Crypto as _, Verified};
use policy::facts::HostIdentity;
use policy::host_certificate::{self, CheckedCertificate};
use policy::known_hosts::{HostKey, KnownHosts};
use wire::key::PublicKey;
use wire::signature::Signature;

fn verify(key: &[u8], signature: &[u8], data: &[u8]) -> Option<Verified> {
    let key = PublicKey::parse(key).ok()?;
    let signature = Signature::parse(signature).ok()?;
    Some(Ring.verify(key.plain(), &signature, data))
}

fn p521() -> Verified {
    if cfg!(feature = "p521") {
        Verified::Good
    } else {
        Verified::Unverifiable
    }
}

fn signed_by_every_type(folder: &Folder) -> Vec<(&'static str, SshSignature, Verified)> {
    let types = [
        ("ed25519", "256", Verified::Good),
        ("ecdsa", "256", Verified::Good),
        ("ecdsa", "384", Verified::Good),
        ("ecdsa", "521", p521()),
        ("rsa", "1024", Verified::Unverifiable),
        ("rsa", "2048", Verified::Good),
        ("rsa", "3072", Verified::Good),
        ("rsa", "4096", Verified::Good),
    ];
    let mut signed: Vec<_> = types
        .iter()
        .map(|&(kind, bits, expected)| {
            let key = folder.key(&format!("{kind}{bits}"), kind, bits);
            (kind, folder.sign(&key, "a message"), expected)
        })
        .collect();
    // ssh-keygen takes minutes for this one.
    let large = SshSignature::parse(include_str!("host_keys/rsa8192.sig"), b"a message\n");
    signed.push(("rsa", large, Verified::Good));
    signed
}

#[test]
fn real_signatures_are_good_and_no_changed_byte_is() {
    let folder = Folder::new();
    for (kind, signed, expected) in signed_by_every_type(&folder) {
        let SshSignature {
            key,
            signature,
            data,
        } = &signed;
        let name = format!("{kind}, key of {} bytes", key.len());
        assert_eq!(verify(key, signature, data), Some(expected), "{name}");
        for (part, bytes) in [("key", key), ("signature", signature), ("data", data)] {
            for index in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << (index % 8);
                let found = match part {
                    "key" => verify(&changed, signature, data),
                    "signature" => verify(key, &changed, data),
                    _ => verify(key, signature, &changed),
                };
                assert_ne!(
                    found,
                    Some(Verified::Good),
                    "{name}: byte {index} of the {part}"
                );
            }
        }
        for end in 0..signature.len() {
            assert_ne!(
                verify(key, &signature[..end], data),
                Some(Verified::Good),
                "{name}: cut at {end}"
            );
        }
    }
}

#[test]
fn a_signature_by_another_key_or_type_is_not_good() {
    let folder = Folder::new();
    let signed = signed_by_every_type(&folder);
    for (index, (_, one, _)) in signed.iter().enumerate() {
        for (_, other, _) in signed.iter().skip(index + 1) {
            assert_ne!(
                verify(&one.key, &other.signature, &other.data),
                Some(Verified::Good)
            );
            assert_ne!(
                verify(&other.key, &one.signature, &one.data),
                Some(Verified::Good)
            );
        }
    }
}

#[test]
fn sha1_and_sizes_that_cannot_be_checked_are_unverifiable() {
    let folder = Folder::new();
    let signed = folder.sign(&folder.key("rsa", "rsa", "2048"), "a message");
    let parsed = Signature::parse(&signed.signature).unwrap();
    let sha1 = keygen::strings(&[b"ssh-rsa", parsed.blob]);
    assert_eq!(
        verify(&signed.key, &sha1, &signed.data),
        Some(Verified::Unverifiable)
    );
    let mut modulus = vec![0; 2049];
    modulus[1] = 0x80;
    modulus[2048] = 1;
    let large = keygen::strings(&[b"ssh-rsa", &[1, 0, 1], &modulus]);
    assert_eq!(
        verify(&large, &signed.signature, &signed.data),
        Some(Verified::Unverifiable)
    );
    let tomorrow = keygen::strings(&[b"ssh-mldsa44-ed25519@openssh.com", &[7; 1344]]);
    assert_eq!(
        verify(&tomorrow, &signed.signature, &signed.data),
        Some(Verified::Unverifiable)
    );
}

mod security_keys {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    };

    const APPLICATION: &[u8] = b"ssh:";
    const FLAGS: u8 = 1;
    const COUNTER: u32 = 77;

    /// What an authenticator signs.
    fn signed(data: &[u8]) -> Vec<u8> {
        [
            &Ring.sha256(APPLICATION)[..],
            &[FLAGS],
            &COUNTER.to_be_bytes(),
            &Ring.sha256(data),
        ]
        .concat()
    }

    fn with_trailer(algorithm: &[u8], blob: &[u8], flags: u8) -> Vec<u8> {
        [
            &keygen::strings(&[algorithm, blob])[..],
            &[flags],
            &COUNTER.to_be_bytes(),
        ]
        .concat()
    }

    #[test]
    fn ed25519() {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let key = keygen::strings(&[
            b"sk-ssh-ed25519@openssh.com",
            pair.public_key().as_ref(),
            APPLICATION,
        ]);
        let blob = pair.sign(&signed(b"data"));
        let good = with_trailer(b"sk-ssh-ed25519@openssh.com", blob.as_ref(), FLAGS);
        assert_eq!(verify(&key, &good, b"data"), Some(Verified::Good));
        assert_eq!(verify(&key, &good, b"dat4"), Some(Verified::Bad));
        let other_flags = with_trailer(b"sk-ssh-ed25519@openssh.com", blob.as_ref(), FLAGS | 4);
        assert_eq!(verify(&key, &other_flags, b"data"), Some(Verified::Bad));
        let other = keygen::strings(&[
            b"sk-ssh-ed25519@openssh.com",
            pair.public_key().as_ref(),
            b"ssh:x",
        ]);
        assert_eq!(verify(&other, &good, b"data"), Some(Verified::Bad));
    }

    #[test]
    fn ecdsa() {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let name: &[u8] = b"sk-ecdsa-sha2-nistp256@openssh.com";
        let key = keygen::strings(&[name, b"nistp256", pair.public_key().as_ref(), APPLICATION]);
        // Often enough that some r or s is short.
        for round in 0_u32..600 {
            let data = round.to_be_bytes();
            let fixed = pair.sign(&random, &signed(&data)).unwrap();
            let (r, s) = fixed.as_ref().split_at(32);
            let blob = keygen::strings(&[&keygen::mpint(r), &keygen::mpint(s)]);
            let good = with_trailer(name, &blob, FLAGS);
            assert_eq!(verify(&key, &good, &data), Some(Verified::Good));
            assert_eq!(verify(&key, &good, b"data"), Some(Verified::Bad));
        }
    }
}

const NOW: u64 = 1_700_000_000;

fn checked(certificate: &[u8], unix: u64) -> Option<CheckedCertificate<'_>> {
    let PublicKey::Certificate(certificate) = PublicKey::parse(certificate).unwrap() else {
        panic!("not a certificate");
    };
    host_certificate::check(&certificate, &Ring, unix)
}

fn is_good(certificate: &[u8], unix: u64) -> bool {
    checked(certificate, unix).is_some()
}

#[test]
fn certificates_by_every_type_of_authority() {
    let folder = Folder::new();
    let host = folder.key("host", "ed25519", "256");
    for (kind, bits, algorithm, expected) in [
        ("ed25519", "256", "", Verified::Good),
        ("ecdsa", "256", "", Verified::Good),
        ("ecdsa", "384", "", Verified::Good),
        ("ecdsa", "521", "", p521()),
        ("rsa", "1024", "", Verified::Unverifiable),
        ("rsa", "3072", "rsa-sha2-256", Verified::Good),
        ("rsa", "3072", "rsa-sha2-512", Verified::Good),
        ("rsa", "2048", "ssh-rsa", Verified::Unverifiable),
    ] {
        let ca = folder.key(&format!("ca-{kind}{bits}{algorithm}"), kind, bits);
        let options: &[&str] = if algorithm.is_empty() {
            &[]
        } else {
            &["-t", algorithm]
        };
        let certificate = folder.certify(
            &ca,
            &host,
            &[&["-h", "-n", "a.example,b.example"], options].concat(),
        );
        let found = checked(&certificate, NOW);
        let is_good = expected == Verified::Good;
        assert_eq!(found.is_some(), is_good, "{kind} {bits} {algorithm}");
        if let Some(good) = found {
            assert_eq!(good.authority, ca.blob);
            assert_eq!(good.principals, ["a.example", "b.example"]);
        }
    }
}

#[test]
fn a_certificate_of_every_type_of_host_key() {
    let folder = Folder::new();
    let ca = folder.key("ca", "ed25519", "256");
    for (kind, bits) in [
        ("ed25519", "256"),
        ("ecdsa", "256"),
        ("ecdsa", "521"),
        ("rsa", "2048"),
    ] {
        let host = folder.key(&format!("{kind}{bits}"), kind, bits);
        let certificate = folder.certify(&ca, &host, &["-h", "-n", "a.example"]);
        assert!(is_good(&certificate, NOW), "{kind} {bits}");
        assert_eq!(
            HostKey::parse(&certificate).unwrap().plain_blob(),
            host.blob
        );
    }
}

#[test]
fn no_changed_byte_of_a_certificate_is_good() {
    let folder = Folder::new();
    let (ca, host) = (
        folder.key("ca", "ed25519", "256"),
        folder.key("host", "ed25519", "256"),
    );
    let certificate = folder.certify(
        &ca,
        &host,
        &["-h", "-n", "a.example", "-V", "always:forever"],
    );
    assert!(is_good(&certificate, NOW));
    for index in 0..certificate.len() {
        let mut changed = certificate.clone();
        changed[index] ^= 1 << (index % 8);
        if let Ok(PublicKey::Certificate(changed)) = PublicKey::parse(&changed) {
            let found = host_certificate::check(&changed, &Ring, NOW);
            assert_eq!(found, None, "byte {index}");
        }
    }
}

#[test]
fn validity_kind_options_and_principals_are_checked() {
    let folder = Folder::new();
    let (ca, host) = (
        folder.key("ca", "ed25519", "256"),
        folder.key("host", "ed25519", "256"),
    );
    let make = |options: &[&str]| folder.certify(&ca, &host, options);

    let day = make(&["-h", "-n", "a", "-V", "20240101000000:20240102000000"]); // UTC, see keygen
    let start = 1_704_067_200;
    assert_eq!(checked(&day, start - 1), None);
    assert!(is_good(&day, start));
    assert!(is_good(&day, start + 86_399));
    assert_eq!(checked(&day, start + 86_400), None);

    let forever = make(&["-h", "-n", "a", "-V", "always:forever"]);
    for unix in [0, NOW, u64::MAX - 1] {
        assert!(is_good(&forever, unix), "{unix}");
    }

    assert_eq!(checked(&make(&["-n", "a"]), NOW), None);
    assert_eq!(checked(&make(&["-h"]), NOW), None);
    let critical = make(&["-h", "-n", "a", "-O", "critical:x@example.com=1"]);
    assert_eq!(checked(&critical, NOW), None);
}

/// What known hosts say of what a server showed.
fn identify(known_hosts: &str, shown: &[u8], tries: &[&str], unix: u64) -> HostIdentity {
    let (known, warnings) = KnownHosts::parse(&[("known_hosts", known_hosts.as_bytes())]);
    assert_eq!(warnings, []);
    let tries: Vec<String> = tries.iter().map(|&name| name.to_owned()).collect();
    known.identify(&HostKey::parse(shown).unwrap(), &tries, &Ring, unix)
}

#[test]
fn a_certificate_names_what_its_authority_is_trusted_for() {
    let folder = Folder::new();
    let (ca, host) = (
        folder.key("ca", "ed25519", "256"),
        folder.key("host", "ed25519", "256"),
    );
    let (by, key) = (&ca.line, &host.line);
    let principals = "a.example,b.example,db.test";
    let shown = folder.certify(
        &ca,
        &host,
        &["-h", "-n", principals, "-V", "always:20300101"],
    );
    let authority = |names: &str| format!("@cert-authority {names} {by}");
    for (file, tries, expected) in [
        (authority("*.example"), "", "a.example b.example"),
        (authority("*.example,!b.example"), "", "a.example"),
        (authority("*.org"), "", ""),
        (
            authority("[*.example]:2222"),
            "",
            "[a.example]:2222 [b.example]:2222",
        ),
        (
            authority("*:2222"),
            "[db.test]:2222 [x.test]:2222",
            "[db.test]:2222",
        ),
        (
            authority("*"),
            "other.example",
            "a.example b.example db.test",
        ),
        // Not a CA's line, or another CA's.
        (format!("*.example {by}"), "a.example", ""),
        (format!("@cert-authority *.example {key}"), "a.example", ""),
        // The plain key inside stands on its own lines, as in ssh.
        (format!("plain {key}"), "", "plain"),
        (
            format!("plain {key}\n{}", authority("*.test")),
            "",
            "db.test plain",
        ),
    ] {
        let tries: Vec<&str> = tries.split_terminator(' ').collect();
        let found = identify(&file, &shown, &tries, NOW);
        assert_eq!(found.names.join(" "), expected, "{file}");
        assert_eq!(found.ca, Some(Ring.fingerprint(&ca.blob)));
        assert_eq!(found.fingerprint, Ring.fingerprint(&host.blob));
        assert!(!found.revocation.is_some());
    }

    let expired = identify(
        &format!("plain {key}\n{}", authority("*")),
        &shown,
        &[],
        4_000_000_000,
    );
    assert_eq!(
        (expired.names.join(" ").as_str(), expired.ca),
        ("plain", None)
    );
    for revoked in [by, key] {
        let file = format!("@revoked elsewhere {revoked}\n{}", authority("*"));
        assert!(
            identify(&file, &shown, &[], NOW).revocation.is_some(),
            "{file}"
        );
    }
}

#[test]
fn a_principal_with_a_wildcard_names_only_what_is_asked() {
    let folder = Folder::new();
    let (ca, host) = (
        folder.key("ca", "ed25519", "256"),
        folder.key("host", "ed25519", "256"),
    );
    let shown = folder.certify(&ca, &host, &["-h", "-n", "*.example"]);
    let file = format!("@cert-authority *.example,*.test {}", ca.line);
    assert_eq!(identify(&file, &shown, &[], NOW).names, [""; 0]);
    let tries = ["a.example", "a.test", "*.example"];
    assert_eq!(identify(&file, &shown, &tries, NOW).names, ["a.example"]);
}

#[test]
fn an_unverifiable_or_forged_certificate_names_only_the_plain_key() {
    let folder = Folder::new();
    let host = folder.key("host", "ed25519", "256");
    let (weak, strong) = (
        folder.key("weak", "rsa", "1024"),
        folder.key("strong", "ed25519", "256"),
    );
    let unverifiable = folder.certify(&weak, &host, &["-h", "-n", "a.example"]);
    let mut forged = folder.certify(&strong, &host, &["-h", "-n", "a.example"]);
    *forged.last_mut().unwrap() ^= 1;
    for (ca, shown) in [(weak, unverifiable), (strong, forged)] {
        let file = format!("@cert-authority * {}\nplain {}", ca.line, host.line);
        let found = identify(&file, &shown, &["a.example"], NOW);
        assert_eq!((found.names.join(" ").as_str(), found.ca), ("plain", None));
    }
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    let folder = Folder::new();
    let key: Key = folder.key("key", "ecdsa", "384");
    let printed = folder.ssh_keygen(&["-l", "-f", "key.pub"]);
    assert_eq!(
        printed.split(' ').nth(1),
        Some(Ring.fingerprint(&key.blob).0.as_str())
    );
}

#[test]
fn a_key_whose_name_is_not_found_out_is_not_unnamed() {
    let folder = Folder::new();
    let host = folder.key("host", "ed25519", "256");
    let salt = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let hashed = format!("|1|{salt}|{salt} {}\n", host.line);
    let names = |file: &str| {
        identify(file, &host.blob, &["a.example"], NOW)
            .names
            .join(" ")
    };
    assert_eq!(names(&hashed), policy::known_hosts::HASHED);
    assert_eq!(
        names(&format!("{hashed}a.test {}\n", host.line)),
        "a.test (hashed)",
        "one name that is told does not say what the other is"
    );
    assert_eq!(names(&format!("*.test,!b.test {}\n", host.line)), "*.test");
    assert_eq!(
        names(&format!("*.example {}\n", host.line)),
        "a.example *.example"
    );
}
