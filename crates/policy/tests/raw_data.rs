//! Nothing that a server or a tool could take for something else is raw data, and what raw data is for still is.

mod login_oracle;

use login_oracle::could_be_login;
use policy::intent::{Intent, LooksLike};
use seeded::Random;

const RAW: Option<LooksLike> = None;

/// Not `wire`'s own writer, so that both can be wrong independently.
fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

fn strings<const N: usize>(all: [&[u8]; N]) -> Vec<u8> {
    all.into_iter().flat_map(string).collect()
}

fn ed25519(byte: u8) -> Vec<u8> {
    strings([b"ssh-ed25519", &[byte; 32]])
}

/// The key that is asked to sign.
fn signer() -> Vec<u8> {
    ed25519(4)
}

/// What data looks like when [`signer`] is asked to sign it; `None` for raw data.
fn looks_like(data: &[u8]) -> Option<LooksLike> {
    match Intent::classify(data, &signer()) {
        Ok(Intent::Raw) => RAW,
        Err(looks_like) => Some(looks_like),
        Ok(other) => panic!("{other:?}"),
    }
}

/// A userauth request without what is before byte 50.
fn request(user: &[u8], service: &[u8], method: &[u8], tail: &[u8]) -> Vec<u8> {
    let names = strings([user, service, method]);
    let key = strings([b"ssh-ed25519", &signer()]);
    [&[50][..], &names, &[1], &key, tail].concat()
}

/// What sshd verifies for `hostbased`: no mark, and the client's host and user at the end.
fn hostbased(session: &[u8]) -> Vec<u8> {
    let fields: [&[u8]; 7] = [
        b"root",
        b"ssh-connection",
        b"hostbased",
        b"ssh-ed25519",
        &signer(),
        b"client.example.",
        b"root",
    ];
    [session, &[50], &strings(fields)].concat()
}

/// OpenSSH's sshd leaves out the length for clients of some names, and nobody knows what others do.
#[test]
fn a_login_after_anything_is_a_login() {
    let plain = request(b"root", b"ssh-connection", b"publickey", b"");
    let bound = b"publickey-hostbound-v00@openssh.com";
    let bound = request(b"root", b"ssh-connection", bound, &string(ed25519(9)));
    let mut random = Random::new(7);
    for request in [&plain, &bound] {
        for length in [0, 1, 4, 19, 20, 32, 33, 48, 64, 129, 5000] {
            let session = random.bytes(length);
            let bare = [&session[..], request].concat();
            assert_eq!(looks_like(&bare), Some(LooksLike::Login), "{length} bytes");
            // With its length it is a login that we read, or one that is too long or too short for us.
            let whole = [&string(&session)[..], request].concat();
            match Intent::classify(&whole, &signer()) {
                Ok(Intent::Login(_)) => assert!((1..=128).contains(&length)),
                other => assert_eq!(other, Err(LooksLike::Login), "{length} bytes"),
            }
            assert!(could_be_login(&bare) && could_be_login(&whole));
        }
    }
}

#[test]
fn a_login_with_any_user_service_and_method_is_a_login() {
    let long = vec![b'x'; 3000];
    let session = string([7; 32]);
    let services: [&[u8]; 9] = [
        b"ssh-connection",
        b"SSH-CONNECTION",
        b"ssh-connection-of-x",
        b"ssh-userauth",
        b"",
        b"xxxxxxxxxxxxxx",
        b"\0",
        &[0xff; 14],
        &long,
    ];
    let methods: [&[u8]; 8] = [
        b"publickey",
        b"PUBLICKEY",
        b"publickey-hostbound-v00@openssh.com",
        b"hostbased",
        b"new-method@example.com",
        b"",
        &[0xff; 9],
        &long,
    ];
    for user in [&b"root"[..], b"", b"root\0", b"\xff\n", &long] {
        for service in services {
            for method in methods {
                for tail in [&b""[..], b"x", &string(ed25519(9))] {
                    let data = [&session[..], &request(user, service, method, tail)].concat();
                    match Intent::classify(&data, &signer()) {
                        Ok(Intent::Login(_)) => {}
                        other => assert_eq!(other, Err(LooksLike::Login)),
                    }
                    assert!(could_be_login(&data));
                }
            }
        }
    }
}

#[test]
fn a_login_that_names_another_key_or_none_is_a_login() {
    let names = strings([b"root", b"ssh-connection", b"publickey"]);
    let another = strings([b"ssh-ed25519", &ed25519(8)]);
    for tail in [
        [&[1][..], &another].concat(),
        [&[0][..], &another].concat(),
        [&[9][..], &strings([b"", b""])].concat(),
        Vec::new(),
    ] {
        let data = [&string([7; 20])[..], &[50], &names, &tail].concat();
        let found = looks_like(&data);
        let refused = [LooksLike::Login, LooksLike::RequestOfAnotherKey];
        assert!(found.is_some_and(|it| refused.contains(&it)), "{found:?}");
    }
    assert_eq!(
        looks_like(&hostbased(&string([7; 32]))),
        Some(LooksLike::Login)
    );
    assert_eq!(looks_like(&hostbased(&[7; 32])), Some(LooksLike::Login));
}

/// Whoever verifies a signature needs the key, so it stands in whatever asks for one.
#[test]
fn data_that_names_the_signer_is_a_request_of_some_kind() {
    let signers: [(&str, Vec<u8>); 7] = [
        ("ed25519", signer()),
        (
            "rsa",
            strings([
                b"ssh-rsa",
                &[1, 0, 1],
                &[&[0, 0xc3][..], &[7; 255]].concat(),
            ]),
        ),
        (
            "ecdsa",
            strings([
                b"ecdsa-sha2-nistp256",
                b"nistp256",
                &[&[4][..], &[6; 64]].concat(),
            ]),
        ),
        (
            "sk-ed25519",
            strings([b"sk-ssh-ed25519@openssh.com", &[3; 32], b"ssh:"]),
        ),
        (
            "sk-ecdsa",
            strings([
                b"sk-ecdsa-sha2-nistp256@openssh.com",
                b"nistp256",
                &[&[4][..], &[6; 64]].concat(),
                b"ssh:",
            ]),
        ),
        (
            "dsa",
            strings([b"ssh-dss", &[7; 128], &[5; 20], &[2; 128], &[3; 128]]),
        ),
        ("unknown", strings([b"new@example.com", &[5; 99]])),
    ];
    for (name, blob) in signers {
        let plain = [b"a protocol of tomorrow: ", &blob[..]].concat();
        let found = Intent::classify(&plain, &blob);
        assert_eq!(found, Err(LooksLike::RequestOfThisKey), "{name}");
        let other = [b"a protocol of tomorrow: ", &ed25519(99)[..]].concat();
        assert_eq!(Intent::classify(&other, &blob), Ok(Intent::Raw), "{name}");
    }
    // RSA numbers in a second spelling, which other programs read.
    let modulus = [&[0xc3][..], &[7; 255]].concat();
    let rsa = strings([b"ssh-rsa", &[1, 0, 1], &[&[0][..], &modulus].concat()]);
    let padded = strings([
        b"ssh-rsa",
        &[0, 0, 1, 0, 1],
        &[&[0, 0, 0][..], &modulus].concat(),
    ]);
    assert_eq!(
        Intent::classify(&padded, &rsa),
        Err(LooksLike::RequestOfThisKey)
    );
}

#[test]
fn other_structures_of_ssh_are_told_also_when_they_are_malformed() {
    let with = |start: &[u8], more: &[u8]| [start, more].concat();
    let prove: &[u8] = b"hostkeys-prove-00@openssh.com";
    let sudo = |number: u8, service: &[u8]| {
        let session = string([&[0, 0, 0, 102][..], &string("cookie")].concat());
        let names = strings([b"root", service, b"publickey"]);
        [&session[..], &[number], &names, b"\x01"].concat()
    };
    for (what, data, expected) in [
        (
            "sshsig without fields",
            b"SSHSIG".to_vec(),
            LooksLike::Sshsig,
        ),
        (
            "sshsig in another case",
            b"sshsig\0\0\0\x03git".to_vec(),
            LooksLike::Sshsig,
        ),
        (
            "a revocation list",
            b"SSHKRL\n\0\0\0\0\x01".to_vec(),
            LooksLike::RevocationList,
        ),
        (
            "hostkeys-prove",
            strings([prove, &[7; 32], &ed25519(9)]),
            LooksLike::HostKeyProof,
        ),
        (
            "hostkeys-prove alone",
            string(prove),
            LooksLike::HostKeyProof,
        ),
        (
            "hostkeys-prove of a later version",
            string("hostkeys-prove-01@x"),
            LooksLike::HostKeyProof,
        ),
        (
            "hostkeys-prove without a length",
            with(prove, &strings([&[7; 32], &[8; 32]])),
            LooksLike::HostKeyProof,
        ),
        (
            "hostkeys-prove without a session",
            strings([prove, b"", &ed25519(9)]),
            LooksLike::HostKeyProof,
        ),
        (
            "a certificate of version 0",
            strings([b"ssh-rsa-cert-v00@openssh.com", &[1], &[2]]),
            LooksLike::Certificate,
        ),
        (
            "a certificate of version 2",
            strings([b"ssh-ed25519-cert-v02@openssh.com", b"nonce"]),
            LooksLike::Certificate,
        ),
        (
            "a certificate type alone",
            string("ecdsa-sha2-nistp256-cert-v01@openssh.com"),
            LooksLike::Certificate,
        ),
        (
            "a certificate type at another place",
            with(&[0; 4], b"ssh-dss-cert-v01@openssh.com"),
            LooksLike::Certificate,
        ),
        (
            "a certificate without a version",
            strings([b"ssh-ed25519-CERT", b"n"]),
            LooksLike::Certificate,
        ),
        (
            "another version of sudo",
            sudo(54, b"pam_ssh_agent_auth"),
            LooksLike::Sudo,
        ),
        (
            "sudo by another name",
            sudo(54, b"pam_ssh_agent"),
            LooksLike::Sudo,
        ),
        (
            "sudo by another number",
            sudo(55, b"pam_ssh_agent_auth"),
            LooksLike::Sudo,
        ),
        ("SHA-1", vec![0x81; 20], LooksLike::ExchangeHash),
        ("SHA-384", vec![0x81; 48], LooksLike::ExchangeHash),
        ("SHA-512", vec![0x81; 64], LooksLike::ExchangeHash),
    ] {
        assert_eq!(looks_like(&data), Some(expected), "{what}");
    }
}

#[test]
fn what_raw_data_is_for_stays_raw() {
    let token = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0".repeat(20);
    // The head of a tar archive: a name that ends in 2 and 6, padded with zeros, then numbers as text.
    let name = [b"file26", &[0; 94][..]].concat();
    let archive = [&name, &b"0000644\x000001750\x00"[..], &[0; 400]].concat();
    let mut random = Random::new(3);
    let mut all: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"SSHSI".to_vec(),
        vec![0; 32],
        vec![50; 1024],
        vec![0; 256 * 1024],
        // Texts as long as a hash.
        b"derive my disk's key".to_vec(),
        "0123456789abcdef".repeat(4).into_bytes(),
        token.into_bytes(),
        archive.repeat(500),
        [
            &string("pam-ssh-agent-auth-challenge")[..],
            &random.bytes(32),
        ]
        .concat(),
    ];
    // ssh-add -T, PAM modules, and the largest message.
    for length in [1, 16, 31, 32, 33, 1024, 256 * 1024] {
        all.push(random.bytes(length));
    }
    for data in all {
        let shown = &data[..data.len().min(40)];
        assert_eq!(looks_like(&data), RAW, "{} bytes: {shown:?}", data.len());
    }
    for _ in 0..20_000 {
        assert_eq!(looks_like(&random.bytes(32)), RAW);
    }
}

/// What is raw, the oracle takes for nothing, however a login is mangled.
#[test]
fn no_mangled_login_is_raw_data() {
    let session = string([7; 32]);
    let bound = b"publickey-hostbound-v00@openssh.com";
    let bases = [
        [
            &session[..],
            &request(b"root", b"ssh-connection", b"publickey", b""),
        ]
        .concat(),
        [
            &session[..],
            &request(b"root", b"", bound, &string(ed25519(9))),
        ]
        .concat(),
        hostbased(&session),
    ];
    let (mut raw, mut logins) = (0, 0);
    let is_whole = seeded::cases(10_000, |random| {
        let mut data = bases[random.below(bases.len())].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(data.len());
            match random.below(5) {
                0 => data[at] = random.byte(),
                1 => drop(data.splice(at..at, [[0, 1, 4, 50, 255][random.below(5)]])),
                2 => drop(data.remove(at)),
                3 => drop(data.drain(..at.min(40))),
                _ => {
                    let end = (at + random.below(30)).min(data.len());
                    let copy = data[at..end].to_vec();
                    let to = random.below(data.len());
                    drop(data.splice(to..to, copy));
                }
            }
            if data.is_empty() {
                data.push(50);
            }
        }
        let could_be = could_be_login(&data);
        logins += usize::from(could_be);
        if Intent::classify(&data, &signer()) == Ok(Intent::Raw) {
            raw += 1;
            assert!(!could_be, "{data:?}");
        }
    });
    assert!(
        !is_whole || raw > 500 && logins > 500,
        "{raw} raw, {logins} logins"
    );
}

/// A client may send such data as fast as it likes.
#[test]
fn the_worst_data_takes_little_time() {
    let most = 256 * 1024;
    let name = vec![b'x'; 4096];
    let near = [&[50][..], &strings([b"", b"", &name])[..4 + 4 + 4 + 63]].concat();
    for piece in [
        &near[..],
        b"-cert-v",
        &[50, 0, 0, 0, 0],
        &[4; 31],
        b"hostkeys-prov",
    ] {
        let data: Vec<u8> = piece.iter().copied().cycle().take(most).collect();
        let began = std::time::Instant::now();
        let _ = Intent::classify(&data, &signer());
        let took = began.elapsed();
        assert!(
            took < std::time::Duration::from_secs(5),
            "{took:?} for {piece:?}"
        );
    }
}
