//! known_hosts files as ssh-keygen finds names in them, and as the guard does.

mod keygen;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::crypto::Ring;
use keygen::{Folder, Key};
use policy::caller::{Caller, Keyring};
use policy::crypto::Crypto as _;
use policy::facts::{Facts, IntentKind, KeyFacts, Moment, Proof, Revocation};
use policy::judgement::Verdict;
use policy::known_hosts::{HASHED, HostKey, KnownHosts, Marker, UnreadLine};
use policy::rate::RateCounter;
use policy::rules::{LoginTo, Policy, Source, VisibilityQuery};

const NAMES: [&str; 26] = [
    "github.com",
    "GitHub.com",
    "github.com.",
    "gist.github.com",
    "192.0.2.7",
    "192.0.2.8",
    "[github.com]:443",
    "[github.com]:444",
    "[gist.github.com]:443",
    "a.example.com",
    "b.example.com",
    "secret.example.com",
    "deep.a.example.com",
    "example.com",
    "web1.test",
    "web12.test",
    "web.test",
    "alone",
    "negated",
    "2001:db8::1",
    "[2001:db8::1]:2222",
    "tabs",
    "commented",
    "mixed.case",
    "anything.corp",
    "nothing",
];

struct Keys {
    all: Vec<Key>,
    file: String,
}

fn keys(folder: &Folder) -> Keys {
    let all: Vec<Key> = (0..4)
        .map(|n| folder.key(&format!("key{n}"), "ed25519", "256"))
        .collect();
    let [a, b, c, d] = [0, 1, 2, 3].map(|n| all[n].line.as_str());
    let file = format!(
        "# comment\n\
         \n\
         github.com,192.0.2.7,[github.com]:443 {a}\n\
         *.example.com,!secret.example.com {b} comment with words\n\
         web?.test {b}\n\
         alone,!alone,negated {c}\n\
         [2001:db8::1]:2222,2001:db8::1 {c}\n\
         \ttabs\t{} \t# not a comment here\n\
         Mixed.CASE {a}\n\
         @cert-authority *.corp,*.example.com {d}\n\
         @revoked * {c}\n\
         @cert-authority github.com {d}\n\
         broken ssh-ed25519 AAAA\n\
         github.com {c}\n\
         commented {d}",
        b.replace(' ', "\t"),
    );
    Keys { all, file }
}

/// Lines that `ssh-keygen -F` finds, with what it says of their marker.
fn by_ssh_keygen(folder: &Folder, file: &str, name: &str) -> Vec<(usize, Marker)> {
    let mut command = std::process::Command::new("ssh-keygen");
    let output = command
        .args(["-F", name, "-f", file])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text
        .lines()
        .filter_map(|line| line.split_once(" found: line "));
    found
        .map(|(_, place)| {
            let (number, marker) = place.split_once(' ').unwrap_or((place, ""));
            let marker = match marker {
                "CA" => Marker::Authority,
                "REVOKED" => Marker::Revoked,
                _ => Marker::Plain,
            };
            (number.parse().unwrap(), marker)
        })
        .collect()
}

fn by_guard(contents: &[u8], name: &str) -> Vec<(usize, Marker)> {
    let (known, _) = KnownHosts::parse(&[("file", contents)]);
    known
        .entries_for(name, &Ring)
        .into_iter()
        .map(|entry| (entry.place.line, entry.line.marker))
        .collect()
}

#[test]
fn names_are_found_where_ssh_keygen_finds_them() {
    let folder = Folder::new();
    let keys = keys(&folder);
    folder.write("plain", &keys.file);
    folder.write("hashed", &keys.file);
    folder.ssh_keygen_may_complain(&["-H", "-f", "hashed"]);
    let hashed = std::fs::read(folder.path().join("hashed")).unwrap();
    assert!(String::from_utf8_lossy(&hashed).matches("|1|").count() >= 8);
    let mut found = 0;
    for name in NAMES {
        for (file, contents) in [("plain", keys.file.as_bytes()), ("hashed", &hashed)] {
            // ssh itself looks for lower case; ssh-keygen does so only where nothing is hashed.
            let expected = by_ssh_keygen(&folder, file, &name.to_ascii_lowercase());
            assert_eq!(
                by_guard(contents, name),
                expected,
                "{name} in the {file} file"
            );
            found += usize::from(
                expected
                    .iter()
                    .any(|(_, marker)| *marker != Marker::Revoked),
            );
        }
    }
    assert!(found >= 30, "the table has names that are found: {found}");
}

fn names(contents: &[u8], key: &Key, tries: &[&str]) -> Vec<String> {
    let (known, _) = KnownHosts::parse(&[("file", contents)]);
    let tries: Vec<String> = tries.iter().map(|&name| name.to_owned()).collect();
    known
        .identify(&HostKey::parse(&key.blob).unwrap(), &tries, &Ring, 0)
        .names
}

#[test]
fn a_key_has_the_names_of_its_lines() {
    let folder = Folder::new();
    let Keys { all, file } = keys(&folder);
    let file = file.as_bytes();
    assert_eq!(
        names(file, &all[0], &[]),
        ["192.0.2.7", "[github.com]:443", "github.com", "mixed.case"]
    );
    assert_eq!(
        names(file, &all[1], &[]),
        ["tabs", "*.example.com", "web?.test"]
    );
    let tries = [
        "web1.test",
        "web12.test",
        "A.example.com",
        "secret.example.com",
        "*.example.com",
        "github.com",
    ];
    assert_eq!(
        names(file, &all[1], &tries),
        [
            "a.example.com",
            "tabs",
            "web1.test",
            "*.example.com",
            "web?.test"
        ]
    );
    // A CA's key is no host's.
    assert_eq!(names(file, &all[3], &["a.example.com"]), ["commented"]);
}

#[test]
fn hashed_names_are_found_by_tries_and_by_names_of_other_lines() {
    let folder = Folder::new();
    let (one, two) = (
        folder.key("one", "ed25519", "256"),
        folder.key("two", "ed25519", "256"),
    );
    folder.write(
        "hashed",
        format!(
            "secret.host,[secret.host]:2222 {}\nlearned {}\n",
            one.line, one.line
        ),
    );
    folder.ssh_keygen_may_complain(&["-H", "-f", "hashed"]);
    let mut file = std::fs::read(folder.path().join("hashed")).unwrap();
    assert_eq!(names(&file, &one, &[]), [HASHED]);
    let tries = [
        "SECRET.host",
        "[secret.host]:2222",
        "[secret.host]:22",
        "other",
    ];
    assert_eq!(
        names(&file, &one, &tries),
        ["[secret.host]:2222", "secret.host", HASHED],
        "one of its names is found under no line"
    );
    file.extend_from_slice(format!("x,learned {}\n", two.line).as_bytes());
    assert_eq!(names(&file, &one, &[]), ["learned", HASHED]);
    assert_eq!(
        names(&file, &one, &tries),
        ["[secret.host]:2222", "learned", "secret.host"]
    );
    let negated = format!("!x {}\n", two.line);
    assert!(names(negated.as_bytes(), &two, &["x", "y"]).is_empty());
    assert_eq!(names(&file, &two, &["secret.host"]), ["learned", "x"]);
}

#[test]
fn port_22_is_the_plain_host() {
    let folder = Folder::new();
    let key = folder.key("key", "ed25519", "256");
    let file = format!("[a]:22,[b]:2222 {}\n", key.line);
    assert_eq!(names(file.as_bytes(), &key, &["[a]:22"]), ["[b]:2222", "a"]);
    let plain = format!("a {}\n", key.line);
    assert_eq!(names(plain.as_bytes(), &key, &["[a]:22"]), ["a"]);
    assert_eq!(names(plain.as_bytes(), &key, &["[a]:2222"]), ["a"]);
}

#[test]
fn a_revoked_key_is_revoked_under_every_name() {
    let folder = Folder::new();
    let key = folder.key("key", "ed25519", "256");
    let file = format!("a {0}\n@revoked b {0}\n", key.line);
    let (known, _) = KnownHosts::parse(&[("file", file.as_bytes())]);
    assert!(
        known
            .identify(&HostKey::parse(&key.blob).unwrap(), &[], &Ring, 0)
            .revocation
            .is_some()
    );
    assert!(known.knows("a", &Ring) && !known.knows("b", &Ring));
}

#[test]
fn bad_lines_are_named_and_skipped() {
    let folder = Folder::new();
    let (key, ca) = (
        folder.key("key", "ed25519", "256"),
        folder.key("ca", "ed25519", "256"),
    );
    folder.certify(&ca, &key, &["-h", "-n", "x"]);
    let certificate = std::fs::read_to_string(folder.path().join("key-cert.pub")).unwrap();
    let line = &key.line;
    let bad: Vec<Vec<u8>> = vec![
        "@cert-authority a ssh-ed25519 AAAA".into(),
        "a".into(),
        "a ssh-ed25519".into(),
        "a ssh-ed25519 AAAA".into(),
        "a 1024 35 12345".into(),
        format!("a {}", line.replacen("ssh-ed25519", "ssh-rsa", 1)).into(),
        format!("a {}=", line).into(),
        format!("a {}", certificate.trim()).into(),
        format!("|1|AAAA|AAAA {line}").into(),
        [b"caf\xe9 ", line.as_bytes()].concat(),
        format!("{} {line}", "a,".repeat(9000)).into(),
    ];
    let mut file = bad.join(&b'\n');
    file.extend_from_slice(format!("\ngood {line} caf\u{e9}\r\n").as_bytes());
    let (known, warnings) = KnownHosts::parse(&[("empty", b""), ("dir/file", &file)]);
    let lines: Vec<usize> = warnings.iter().map(|warning| warning.place.line).collect();
    assert_eq!(lines, (1..=bad.len()).collect::<Vec<_>>());
    let first: &UnreadLine = &warnings[0];
    assert_eq!(
        first.to_string(),
        "dir/file:1: the key is malformed; the line is ignored"
    );
    assert_eq!(known.entries().len(), 1);
    assert!(known.knows("good", &Ring) && known.unreadable_revocations().is_empty());
}

/// Each of these may have been meant to revoke the key of `a`, and nobody can tell which key.
#[test]
fn a_revocation_that_cannot_be_read_refuses_what_it_could_revoke() {
    let folder = Folder::new();
    let [key, other] = ["key", "other"].map(|name| folder.key(name, "ed25519", "256"));
    let of_future = folder.key("future", "ed25519", "256");
    // A certificate type that nobody knows yet.
    let blob = [&b"\0\0\0\x13ssh-new-cert-v01@xy"[..], &of_future.blob].concat();
    let future = STANDARD.encode(&blob);
    let line = &key.line;
    let good = format!("a,[a]:2222 {line}\nb {}\n", other.line);
    let at = |file: &[u8], key: &Key| {
        let (known, _) = KnownHosts::parse(&[("file", file)]);
        let unreadable = known.unreadable_revocations().len();
        let shown = HostKey::parse(&key.blob).unwrap();
        (unreadable, known.identify(&shown, &[], &Ring, 0).revocation)
    };
    let stranger = folder.key("stranger", "ed25519", "256");
    use Revocation::{None, Revoked, Unreadable};
    // Each: the line, and what it leaves of `a`, of `b`, and of a host without a name.
    for (bad, expected) in [
        (
            "@revoked a ssh-ed25519 AAAA".to_owned(),
            [Unreadable, None, Unreadable],
        ),
        (
            format!("@revoked a ssh-new-cert-v01@xy {future}"),
            [Unreadable, None, Unreadable],
        ),
        (
            format!("@revoked * ssh-new-cert-v01@xy {future}"),
            [Unreadable; 3],
        ),
        (
            "@revoked a,!b 1024 35 12345".to_owned(),
            [Unreadable, None, Unreadable],
        ),
        (
            "@revoked |1|AAAA|AAAA ssh-ed25519 AAAA".to_owned(),
            [Unreadable; 3],
        ),
        ("@revoked a".to_owned(), [Unreadable, None, Unreadable]),
        ("@revoked".to_owned(), [Unreadable; 3]),
        (
            format!("@revoked a {}", line.replacen("ssh-ed25519", "ssh-rsa", 1)),
            [Unreadable, None, Unreadable],
        ),
        (format!("@revoked @revoked a {line}"), [Unreadable; 3]),
        (format!("@Revoked a {line}"), [Unreadable; 3]),
        (format!("@revoke a {line}"), [Unreadable; 3]),
        (format!("@revoked,a {line}"), [Unreadable; 3]),
        (format!("\"@revoked\" a {line}"), [Unreadable; 3]),
        (format!("@cert-authority\u{a0}a {line}"), [Unreadable; 3]),
        // What can be read is revoked, however odd the rest.
        (format!("\u{feff}@revoked a {line}"), [Revoked, None, None]),
        (
            format!("@revoked {} {line}", "x".repeat(600)),
            [Revoked, None, None],
        ),
        (
            format!("@revoked {} {line}", "x,".repeat(20_000)),
            [Revoked, None, None],
        ),
        (
            format!(" \t@revoked\t\tb\u{7}\t{line} {}", "x".repeat(50_000)),
            [Revoked, None, None],
        ),
        (format!("# @revoked a {line}"), [None; 3]),
        (format!("c {} @revoked", other.line), [None; 3]),
    ] {
        let file = format!("{bad}\n{good}");
        let found = [&key, &other, &stranger].map(|key| at(file.as_bytes(), key).1);
        assert_eq!(found, expected, "{}", &bad[..bad.len().min(200)]);
        let is_unreadable = expected.contains(&Unreadable);
        assert_eq!(at(file.as_bytes(), &key).0, usize::from(is_unreadable));
    }
    let (known, _) = KnownHosts::parse(&[("file", b"x\n@revoked a,*.b ssh-ed25519 AAAA\n")]);
    assert_eq!(
        known.unreadable_revocations()[0].to_string(),
        "file:2: a @revoked line cannot be read, the key is malformed; logins at a,*.b and at hosts without a name \
         are refused"
    );
    // What a host shows in a form that cannot be read cannot be compared with what is revoked.
    let shown = HostKey::parse(&blob).unwrap();
    let revokes = format!("@revoked elsewhere {}\n", other.line);
    for (file, expected) in [("", None), (revokes.as_str(), Unreadable)] {
        let (known, _) = KnownHosts::parse(&[("file", file.as_bytes())]);
        assert_eq!(known.identify(&shown, &[], &Ring, 0).revocation, expected);
    }
}

#[test]
fn a_revocation_that_cannot_be_read_is_denied_and_not_listed_whatever_rules_say() {
    let folder = Folder::new();
    let key = folder.key("key", "ed25519", "256");
    let source = Source {
        name: "policy.toml",
        text: "default = \"ask\"\n[[rule]]\naction = \"allow\"\n",
        main: true,
    };
    let policy = Policy::parse(&[source]).unwrap();
    for (line, expected) in [("", Verdict::Allow), ("@revoked a x y\n", Verdict::Deny)] {
        let file = format!("{line}a {}\n", key.line);
        let (known, _) = KnownHosts::parse(&[("file", file.as_bytes())]);
        let shown = HostKey::parse(&key.blob).unwrap();
        let facts = Facts {
            caller: Caller::parse("work").unwrap(),
            keyring: Keyring::from_argument("").unwrap(),
            key: KeyFacts {
                fingerprint: Ring.fingerprint(b""),
                algorithm: "ssh-ed25519".to_owned(),
                comment: b"key".to_vec(),
            },
            kind: IntentKind::Login,
            sha1: false,
            user: Some(b"me".to_vec()),
            proof: Proof::Proven,
            host: Some(known.identify(&shown, &[], &Ring, 0)),
            content: None,
            namespace: None,
            forwarded: false,
        };
        let moment = Moment {
            unix: 0,
            local_minute: 0,
            boot: 0,
        };
        let judgement = policy.judge(&facts, &moment, &RateCounter::default());
        assert_eq!(judgement.verdict(), expected, "{}", judgement.reason());
        let query = VisibilityQuery {
            caller: &facts.caller,
            keyring: &facts.keyring,
            key: &facts.key,
            forwarded: false,
            login_to: facts.host.as_ref().map(|host| LoginTo {
                host,
                verified: true,
            }),
        };
        assert_eq!(policy.visible(&query), expected == Verdict::Allow);
    }
}

#[test]
fn no_bytes_make_the_parser_panic() {
    let folder = Folder::new();
    let Keys { all, file } = keys(&folder);
    let tries = ["a.example.com".to_owned()];
    let file = file.as_bytes();
    for index in 0..file.len() {
        for byte in [0, b'\n', b'*', b'!', b'|', b'@', b'[', 0xff] {
            let mut changed = file.to_vec();
            changed[index] = byte;
            let (known, _) = KnownHosts::parse(&[("file", &changed)]);
            if index % 16 == 0 {
                known.identify(&HostKey::parse(&all[0].blob).unwrap(), &tries, &Ring, 0);
            }
        }
    }
}

#[test]
fn an_unnamed_key_could_be_a_host_known_by_its_authority_alone() {
    let folder = Folder::new();
    let keys = keys(&folder);
    let [a, ca, other] = [0, 3, 1].map(|n| keys.all[n].line.clone());
    let file = format!(
        "@cert-authority prod.example,both.example,*.corp {ca}\nboth.example {a}\nplain.example {other}\n"
    );
    let (known, _) = KnownHosts::parse(&[("test", file.as_bytes())]);
    let identify = |n: usize, tries: &[&str]| {
        let blob = keys.all[n].blob.clone();
        let tries: Vec<String> = tries.iter().map(|name| (*name).to_owned()).collect();
        known.identify(&HostKey::parse(&blob).unwrap(), &tries, &Ring, 0)
    };
    let unnamed = identify(2, &["db.corp", "plain.example"]);
    assert!(unnamed.names.is_empty());
    assert_eq!(
        unnamed.possible_names,
        ["*.corp", "db.corp", "prod.example"]
    );
    assert!(
        identify(0, &["db.corp"]).possible_names.is_empty(),
        "a host with a name is that host"
    );
}

#[test]
fn an_unnamed_key_could_be_a_host_known_by_another_type_of_key() {
    let folder = Folder::new();
    let keys = keys(&folder);
    let (shown, known_one) = (&keys.all[2], keys.all[0].line.clone());
    let ecdsa = folder.key("ecdsa", "ecdsa", "256").line.clone();
    let could_be = |file: &str, tries: &[&str]| {
        let (known, _) = KnownHosts::parse(&[("test", file.as_bytes())]);
        let tries: Vec<String> = tries.iter().map(|name| (*name).to_owned()).collect();
        let identity = known.identify(&HostKey::parse(&shown.blob).unwrap(), &tries, &Ring, 0);
        assert!(identity.names.is_empty());
        identity.possible_names
    };
    let file = format!(
        "both,one {ecdsa}\nboth,other {known_one}\n*.example {ecdsa}\n@revoked old {ecdsa}\n"
    );
    assert_eq!(could_be(&file, &["other", "one"]), ["*.example", "one"]);
    assert_eq!(
        could_be(&file, &["nobody", "x.example"]),
        ["*.example", "nobody", "one", "x.example"],
        "a name that known hosts do not have could have any key"
    );
    let hashed = |key: &str| {
        folder.write("hashed", format!("secret.example {key}\n"));
        folder.ssh_keygen_may_complain(&["-H", "-f", "hashed"]);
        std::fs::read_to_string(folder.path().join("hashed")).unwrap()
    };
    assert!(could_be(&hashed(&known_one), &[]).is_empty());
    assert_eq!(could_be(&hashed(&ecdsa), &[]), ["(hashed)"]);
    assert_eq!(
        could_be(&hashed(&ecdsa), &["secret.example"]),
        ["secret.example"]
    );
    assert!(could_be(&hashed(&known_one), &["secret.example"]).is_empty());

    let many: String = (0..40).map(|n| format!("host{n} {ecdsa}\n")).collect();
    assert_eq!(could_be(&many, &[]), ["*"], "a record stays short");
    assert_eq!(
        could_be(&many, &["host7", "nobody", "*.example"]),
        ["*", "host7", "nobody"],
        "but tells what rules for one host need"
    );
    let names: Vec<String> = (0..40).map(|n| format!("host{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(could_be(&many, &names), ["(any)"]);
}

/// A server has several keys, and the client chooses. A table that knows one of them, or the authority, means the
/// server all the same.
#[test]
fn a_rule_for_a_key_is_not_dodged_by_another_key_of_its_server() {
    let folder = Folder::new();
    let keys = keys(&folder);
    let ecdsa = folder.key("ecdsa", "ecdsa", "256");
    let [one, ca, stranger] = [0, 3, 1].map(|n| &keys.all[n]);
    let plain = format!(
        "prod.example {}\nprod.example,192.0.2.1 {}\nother.example {}\n",
        one.line, ecdsa.line, stranger.line
    );
    folder.write("hashed", &plain);
    folder.ssh_keygen_may_complain(&["-H", "-f", "hashed"]);
    let hashed = std::fs::read_to_string(folder.path().join("hashed")).unwrap();
    let certified = format!(
        "@cert-authority *.example {}\n192.0.2.1 {}\n",
        ca.line, ecdsa.line
    ) + &format!(
        "prod.example {}\nother.test {}\n",
        ecdsa.line, stranger.line
    );
    for (file, table, key, other) in [
        (&plain, "keys", one, Verdict::Allow),
        // Without a name that is told it could be prod, too.
        (&hashed, "keys", one, Verdict::Deny),
        (&certified, "ca", ca, Verdict::Allow),
    ] {
        let fingerprint = Ring.fingerprint(&key.blob);
        let text = format!(
            "default = \"ask\"\n[host.prod]\n{table} = \"{fingerprint}\"\n[[rule]]\nhost = \"prod\"\naction = \"deny\"\n[[rule]]\nhost = \"*\"\naction = \"allow\"\n"
        );
        let source = Source {
            name: "policy.toml",
            text: &text,
            main: true,
        };
        let (known, _) = KnownHosts::parse(&[("test", file.as_bytes())]);
        let policy = Policy::parse(&[source])
            .unwrap()
            .with_known_hosts(&known, &Ring);
        let tries = policy.literal_host_names();
        let at = |shown: &Key| {
            let shown = HostKey::parse(&shown.blob).unwrap();
            let identity = known.identify(&shown, &tries, &Ring, 0);
            let facts = Facts {
                caller: Caller::parse("work").unwrap(),
                keyring: Keyring::from_argument("").unwrap(),
                key: KeyFacts {
                    fingerprint: Ring.fingerprint(b""),
                    algorithm: "ssh-ed25519".to_owned(),
                    comment: b"key".to_vec(),
                },
                kind: IntentKind::Login,
                sha1: false,
                user: Some(b"me".to_vec()),
                proof: Proof::Proven,
                host: Some(identity),
                content: None,
                namespace: None,
                forwarded: false,
            };
            let noon = Moment {
                unix: 0,
                local_minute: 720,
                boot: 0,
            };
            policy
                .judge(&facts, &noon, &RateCounter::default())
                .verdict()
        };
        assert_eq!(at(&ecdsa), Verdict::Deny, "{table}");
        assert_eq!(at(stranger), other, "{table}");
    }
}
