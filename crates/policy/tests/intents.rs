//! What is to be signed is one thing only, and what is almost one is nothing that a rule could allow.

use policy::caller::{Caller, Keyring};
use policy::crypto::{Crypto, Fingerprint, Verified};
use policy::facts::{HostIdentity, IntentKind, KeyFacts, Proof};
use policy::gather::{Gathered, RequestContext, RequestRefusal, gather};
use policy::session::{BindOutcome, Session};
use policy::sign_request::ClassifiedRequest;
use wire::bind::SessionBind;
use wire::certificate::CertificateToSign;
use wire::plain_key::PlainKey;
use wire::request::SignRequest;
use wire::signature::Signature;
use wire::sshsig::SshsigRequest;
use wire::sudo::SudoRequest;
use wire::userauth::UserauthRequest;
use wire::writer::Writer;

/// An RSA key whose modulus begins with `zeros` zero bytes: one is proper.
fn rsa(zeros: usize) -> Vec<u8> {
    let modulus = [vec![0; zeros], vec![0xC3; 256]].concat();
    Writer::build(|w| {
        w.string("ssh-rsa").string([1, 0, 1]).string(modulus);
    })
}

fn ed25519(byte: u8) -> Vec<u8> {
    Writer::build(|w| {
        w.string("ssh-ed25519").string([byte; 32]);
    })
}

struct Login<'a> {
    session: &'a [u8],
    number: u8,
    user: &'a [u8],
    service: &'a str,
    method: &'a str,
    algorithm: &'a str,
    key: Vec<u8>,
    end: &'a [u8],
}

impl Login<'_> {
    fn bytes(&self) -> Vec<u8> {
        Writer::build(|w| {
            w.string(self.session).u8(self.number).string(self.user);
            w.string(self.service).string(self.method).bool(true);
            w.string(self.algorithm).string(&self.key).raw(self.end);
        })
    }
}

fn login() -> Login<'static> {
    Login {
        session: &[7; 32],
        number: 50,
        user: b"root",
        service: "ssh-connection",
        method: "publickey",
        algorithm: "rsa-sha2-512",
        key: rsa(1),
        end: b"",
    }
}

fn sshsig(namespace: &[u8], hash: &str) -> Vec<u8> {
    Writer::build(|w| {
        w.raw(b"SSHSIG").string(namespace).string("").string(hash);
        w.string([9; 64]);
    })
}

fn certificate(algorithm: &str, nonce: &[u8], key_id: &[u8], authority: &[u8]) -> Vec<u8> {
    Writer::build(|w| {
        w.string(algorithm).string(nonce).string([5; 32]);
        w.u64(1).u32(1).string(key_id).string("");
        w.u64(0).u64(u64::MAX).string("").string("").string("");
        w.string(authority);
    })
}

fn sudo(user: &[u8], key: &[u8]) -> Vec<u8> {
    let session = Writer::build(|w| {
        w.u32(101).string("cookie").string(user).string(user);
        w.string("sudo")
            .string("/")
            .string("")
            .string("host")
            .u64(1);
    });
    Writer::build(|w| {
        w.string(session)
            .u8(54)
            .string(user)
            .string("pam_ssh_agent_auth");
        w.string("publickey")
            .bool(true)
            .string("ssh-ed25519")
            .string(key);
    })
}

fn gathered(key: &[u8], data: &[u8]) -> Result<Gathered, RequestRefusal> {
    gathered_on(&Session::default(), key, data, 4)
}

fn gathered_on(
    session: &Session,
    key: &[u8],
    data: &[u8],
    flags: u32,
) -> Result<Gathered, RequestRefusal> {
    let facts = KeyFacts {
        fingerprint: Fingerprint("SHA256:x".to_owned()),
        algorithm: "ssh-rsa".to_owned(),
        comment: Vec::new(),
    };
    let sign = SignRequest { key, data, flags };
    let context = RequestContext {
        caller: &Caller::parse("work").unwrap(),
        keyring: &Keyring::from_argument("").unwrap(),
        key: &facts,
        request: &ClassifiedRequest::of(sign)?,
        session,
    };
    gather(
        &context,
        policy::content::PendingContent::default(),
        &|_| HostIdentity {
            fingerprint: Fingerprint("SHA256:h".to_owned()),
            algorithm: String::new(),
            ca: None,
            names: Vec::new(),
            label: None,
            possible_names: Vec::new(),
            revocation: policy::facts::Revocation::None,
        },
    )
}

/// sshd reads most of these, and would let the user in.
#[test]
fn what_is_almost_a_login_is_no_raw_data() {
    let proper = gathered(&rsa(1), &login().bytes()).unwrap();
    assert_eq!(proper.facts().kind, IntentKind::Login);
    let bound = "publickey-hostbound-v00@openssh.com";
    for (what, data) in [
        (
            "a key with a needless zero",
            Login {
                key: rsa(2),
                ..login()
            },
        ),
        (
            "another key",
            Login {
                key: ed25519(1),
                algorithm: "ssh-ed25519",
                ..login()
            },
        ),
        (
            "something after it",
            Login {
                end: b"x",
                ..login()
            },
        ),
        (
            "a server's key with a needless zero",
            Login {
                method: bound,
                end: &Writer::build(|w| {
                    w.string(rsa(2));
                }),
                ..login()
            },
        ),
        (
            "no server's key",
            Login {
                method: bound,
                ..login()
            },
        ),
        (
            "a server's key too many",
            Login {
                end: &Writer::build(|w| {
                    w.string(rsa(1));
                }),
                ..login()
            },
        ),
        (
            "a long user",
            Login {
                user: &[b'a'; 257],
                ..login()
            },
        ),
        (
            "a user with a NUL",
            Login {
                user: b"root\0",
                ..login()
            },
        ),
        (
            "a long session",
            Login {
                session: &[1; 129],
                ..login()
            },
        ),
        (
            "no session",
            Login {
                session: b"",
                ..login()
            },
        ),
        (
            "an algorithm of other keys",
            Login {
                algorithm: "ssh-ed25519",
                ..login()
            },
        ),
        (
            "another method",
            Login {
                method: "hostbased",
                ..login()
            },
        ),
    ] {
        let refused = gathered(&rsa(1), &data.bytes());
        assert!(
            matches!(refused, Err(RequestRefusal::LooksLike(_))),
            "{what}: {refused:?}"
        );
    }
}

#[test]
fn what_is_almost_something_else_is_no_raw_data_either() {
    let key = ed25519(4);
    let ours = "ssh-ed25519-cert-v01@openssh.com";
    let with = |bytes: &[u8], more: &[u8]| [bytes, more].concat();
    for (what, data) in [
        ("a namespace with a NUL", sshsig(b"git\0", "sha512")),
        ("no namespace", sshsig(b"", "sha512")),
        ("another hash", sshsig(b"git", "sha1")),
        ("more than an sshsig", with(&sshsig(b"git", "sha512"), b"x")),
        (
            "a certificate of tomorrow",
            certificate("ssh-new-cert-v01@openssh.com", b"n", b"", &key),
        ),
        (
            "another authority",
            certificate(ours, b"n", b"", &ed25519(8)),
        ),
        (
            "more than a certificate",
            with(&certificate(ours, b"n", b"", &key), b"x"),
        ),
        (
            "a signed certificate",
            with(
                &certificate(ours, b"n", b"", &key),
                &Writer::build(|w| {
                    w.string("signature");
                }),
            ),
        ),
        ("another's sudo", sudo(b"root", &ed25519(8))),
        ("a sudo user with a NUL", sudo(b"root\0", &key)),
    ] {
        let refused = gathered(&key, &data);
        assert!(
            matches!(refused, Err(RequestRefusal::LooksLike(_))),
            "{what}: {refused:?}"
        );
    }
}

/// Whole messages of each kind inside the free fields of each other kind.
#[test]
fn nothing_is_two_things() {
    let key = ed25519(4);
    let login = |session: &[u8], user: &[u8]| {
        Login {
            session,
            user,
            algorithm: "ssh-ed25519",
            key: key.clone(),
            ..self::login()
        }
        .bytes()
    };
    let name = "ssh-ed25519-cert-v01@openssh.com";
    let mut fillings: Vec<Vec<u8>> = vec![
        b"x".to_vec(),
        name.as_bytes().to_vec(),
        b"SSHSIG".to_vec(),
        vec![50],
        vec![0, 0, 0, 0],
        u32::to_be_bytes(0x3200_0000).to_vec(),
    ];
    let mut seen = [0; 4];
    for _ in 0..2 {
        let mut made = Vec::new();
        for filling in &fillings {
            made.extend([
                login(filling, filling),
                login(&[1; 32], filling),
                sshsig(filling, "sha512"),
                certificate(name, filling, b"", &key),
                certificate(name, b"", filling, &key),
                sudo(filling, &key),
            ]);
        }
        for data in &made {
            // Also what a reader that begins elsewhere, or stops early, would see.
            let parts = (0..data.len().min(64)).flat_map(|from| {
                let tail = data.get(from..).unwrap_or_default();
                [tail, tail.get(..tail.len() / 2).unwrap_or_default()]
            });
            for part in parts {
                let read_as = [
                    UserauthRequest::parse(part).is_ok(),
                    SshsigRequest::parse(part).is_ok(),
                    CertificateToSign::parse(part).is_ok(),
                    SudoRequest::parse(part).is_ok(),
                ];
                let number = read_as.iter().filter(|is| **is).count();
                assert!(number <= 1, "{read_as:?} {part:?}");
                for (seen, is) in seen.iter_mut().zip(read_as) {
                    *seen += usize::from(is);
                }
            }
        }
        made.retain(|data| data.len() < 512);
        fillings.extend(made);
    }
    assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
}

/// Takes every bind.
struct Credulous;

impl Crypto for Credulous {
    fn sha256(&self, _: &[u8]) -> [u8; 32] {
        [0; 32]
    }

    fn content_hasher(&self) -> Box<dyn policy::crypto::ContentHasher> {
        panic!("no content here")
    }
    fn hmac_sha1_for_known_hosts(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [0; 20]
    }

    fn verify(&self, _: &PlainKey<'_>, _: &Signature<'_>, _: &[u8]) -> Verified {
        Verified::Good
    }

    fn fingerprint(&self, _: &[u8]) -> Fingerprint {
        Fingerprint(String::new())
    }
}

/// A connection with one bind, by host 1 for session 7.
fn bound(is_forwarding: bool) -> Session {
    let mut session = Session::default();
    let bind = SessionBind {
        host_key: &ed25519(1),
        session_id: &[7; 32],
        signature: &Writer::build(|w| {
            w.string("ssh-ed25519").string([0; 64]);
        }),
        is_forwarding,
    };
    assert_eq!(session.bind(&bind, &Credulous), BindOutcome::Good);
    session
}

#[test]
fn what_the_connection_has_shown_is_among_the_facts() {
    let key = ed25519(4);
    let fresh = Session::default();
    let sshsig = sshsig(b"git", "sha512");
    let facts =
        |session: &Session| gathered_on(session, &key, &sshsig, 0).map(|it| it.facts().clone());
    assert!(!facts(&fresh).unwrap().forwarded);
    assert!(facts(&bound(true)).unwrap().forwarded);
    assert_eq!(
        facts(&bound(false)),
        Err(RequestRefusal::SshsigOnLoginConnection)
    );

    let login = Login {
        algorithm: "ssh-ed25519",
        key: key.clone(),
        ..login()
    }
    .bytes();
    let shown = gathered_on(&bound(false), &key, &login, 0).unwrap();
    assert_eq!(
        (shown.facts().proof, shown.host().host_key.as_deref()),
        (Proof::Bound, Some(&*ed25519(1)))
    );

    // A connection that tried to deceive signs nothing, whatever it is.
    let mut failed = bound(true);
    failed.refuse_signatures();
    for data in [&login, &sshsig, &vec![0; 32], &sudo(b"root", &key)] {
        let refused = gathered_on(&failed, &key, data, 0);
        assert_eq!(refused, Err(RequestRefusal::BindFailed));
    }
}

#[test]
fn flags_say_which_hash_an_rsa_key_signs_with() {
    let (plain, other) = (rsa(1), ed25519(4));
    let certified = Writer::build(|w| {
        w.string("ssh-rsa-cert-v01@openssh.com").string("nonce");
        w.string([1, 0, 1])
            .string([vec![0], vec![0xC3; 256]].concat());
        w.u64(1).u32(1).string("id").string("").u64(0).u64(u64::MAX);
        w.string("").string("").string("").string(&other);
        w.string(Writer::build(|w| {
            w.string("ssh-ed25519").string([0; 64]);
        }));
    });
    let data = sshsig(b"git", "sha512");
    for flags in 0..16 {
        for (key, may_be_sha1) in [(&plain, true), (&certified, true), (&other, false)] {
            let gathered = gathered_on(&Session::default(), key, &data, flags);
            let sha1 = gathered.map(|it| it.facts().sha1);
            let expected = match flags {
                0 => Ok(may_be_sha1),
                2 | 4 | 6 => Ok(false),
                unknown => Err(RequestRefusal::UnknownFlags(unknown)),
            };
            assert_eq!(sha1, expected, "{flags}");
        }
    }
}
