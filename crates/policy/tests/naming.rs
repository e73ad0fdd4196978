//! Random known hosts that tell a part of what there is, and a server `prod.example` that a rule denies: whichever
//! of its keys a client meets, by its plain key or its certificate, nothing is signed in silence.

use policy::caller::{Caller, Keyring};
use policy::crypto::{Crypto, Fingerprint, Verified};
use policy::facts::{Facts, IntentKind, KeyFacts, Moment, Proof};
use policy::judgement::Verdict;
use policy::known_hosts::{HASHED, HostKey, KnownHosts};
use policy::rate::RateCounter;
use policy::rules::{Policy, Source};
use seeded::Random;
use wire::plain_key::PlainKey;
use wire::signature::Signature;
use wire::writer::Writer;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const NOON: Moment = Moment {
    unix: 1_700_000_000,
    local_minute: 720,
    boot: 0,
};

/// Not a bit of cryptography: mixes bytes so that no two of these tests' values are alike.
struct Mixer;

fn mixed<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut out = [0; N];
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    for byte in &mut out {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        *byte = (state >> 56) as u8;
    }
    out
}

impl Crypto for Mixer {
    fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        mixed(&[bytes])
    }

    fn content_hasher(&self) -> Box<dyn policy::crypto::ContentHasher> {
        panic!("no content here")
    }
    fn hmac_sha1_for_known_hosts(&self, key: &[u8], bytes: &[u8]) -> [u8; 20] {
        mixed(&[key, bytes])
    }

    fn verify(&self, key: &PlainKey<'_>, signature: &Signature<'_>, bytes: &[u8]) -> Verified {
        match signature.blob == signed(&key.rebuild(), bytes) {
            true => Verified::Good,
            false => Verified::Bad,
        }
    }

    fn fingerprint(&self, blob: &[u8]) -> Fingerprint {
        let digits = base64::engine::general_purpose::STANDARD_NO_PAD.encode(self.sha256(blob));
        Fingerprint(format!("SHA256:{digits}"))
    }
}

fn signed(key: &[u8], bytes: &[u8]) -> [u8; 64] {
    mixed(&[key, bytes])
}

fn ed25519(seed: &str) -> Vec<u8> {
    Writer::build(|w| {
        w.string("ssh-ed25519")
            .string(mixed::<32>(&[seed.as_bytes()]));
    })
}

fn ecdsa(seed: &str) -> Vec<u8> {
    let mut point = mixed::<65>(&[seed.as_bytes()]);
    point[0] = 4;
    Writer::build(|w| {
        w.string("ecdsa-sha2-nistp256")
            .string("nistp256")
            .string(point);
    })
}

fn rsa(seed: &str) -> Vec<u8> {
    let mut modulus = mixed::<257>(&[seed.as_bytes()]);
    (modulus[0], modulus[1]) = (0, 0xC5);
    Writer::build(|w| {
        w.string("ssh-rsa").string([1, 0, 1]).string(modulus);
    })
}

/// What an authority says of an ed25519 key.
#[derive(Clone, Copy)]
struct Terms<'a> {
    key: &'a [u8],
    principals: &'a [&'a str],
    authority: &'a [u8],
    kind: u32,
    after: u64,
    before: u64,
    options: &'a str,
    forged: bool,
}

impl<'a> Terms<'a> {
    /// A host's, for ever.
    fn of(key: &'a [u8], principals: &'a [&'a str], authority: &'a [u8]) -> Self {
        Self {
            key,
            principals,
            authority,
            kind: 2,
            after: 0,
            before: u64::MAX,
            options: "",
            forged: false,
        }
    }

    fn certificate(self) -> Vec<u8> {
        let point = &self.key[self.key.len() - 32..];
        let names = Writer::build(|w| {
            for name in self.principals {
                w.string(name);
            }
        });
        let options = Writer::build(|w| {
            if !self.options.is_empty() {
                w.string(self.options).string("");
            }
        });
        let terms = Writer::build(|w| {
            w.string("ssh-ed25519-cert-v01@openssh.com")
                .string("nonce")
                .string(point);
            w.u64(1).u32(self.kind).string("id").string(names);
            w.u64(self.after).u64(self.before);
            w.string(options)
                .string("")
                .string("")
                .string(self.authority);
        });
        let signer = if self.forged {
            self.key
        } else {
            self.authority
        };
        let signature = Writer::build(|w| {
            w.string("ssh-ed25519").string(signed(signer, &terms));
        });
        Writer::build(|w| {
            w.raw(&terms).string(signature);
        })
    }
}

fn line(random: &mut Random, names: &str, key: &[u8], may_hash: bool) -> String {
    let kind = String::from_utf8_lossy(&key[4..4 + usize::from(key[3])]).into_owned();
    let key = STANDARD.encode(key);
    if !may_hash || random.one_in(2) {
        return format!("{names} {kind} {key}\n");
    }
    let hashed = names.split(',').map(|name| {
        let salt: [u8; 20] = mixed(&[name.as_bytes(), key.as_bytes()]);
        let hash = Mixer.hmac_sha1_for_known_hosts(&salt, name.as_bytes());
        format!(
            "|1|{}|{} {kind} {key}\n",
            STANDARD.encode(salt),
            STANDARD.encode(hash)
        )
    });
    hashed.collect()
}

/// A random part of the truth about `prod.example`, others, and everything that a client could show as prod's key.
struct World {
    known_hosts: String,
    prods: Vec<Vec<u8>>,
    web: Vec<u8>,
    authority: Vec<u8>,
    /// What the rule for prod can name it by.
    tables: Vec<String>,
}

fn world(random: &mut Random) -> World {
    let name = ["prod.example", "[prod.example]:2222"][usize::from(random.one_in(4))];
    let keys = [ed25519("prod"), ecdsa("prod"), rsa("prod")];
    let (authority, web) = (ed25519("authority"), ed25519("web"));
    let host = "prod.example";
    let mut prods = keys.to_vec();
    let stranger = ed25519("another authority");
    for principals in [&[host][..], &[host, "web.example"], &[]] {
        for by in [&authority, &stranger] {
            prods.push(Terms::of(&keys[0], principals, by).certificate());
        }
    }
    let principals = [host];
    let good = Terms::of(&keys[0], &principals, &authority);
    prods.push(Terms { before: 5, ..good }.certificate());
    prods.push(
        Terms {
            forged: true,
            ..good
        }
        .certificate(),
    );
    // Neither is told by known hosts: a name with a port behind a hash, unless the policy spells it out, and that
    // the name of a certificate is the one behind a key's hash, unless a line spells it out.
    let may_hash = name == host && random.one_in(2);
    let patterns = ["prod.example", "*.example", "*.example,!web.example", "*"];
    let certified = random.one_in(2).then(|| patterns[random.below(4)]);
    let tells_keys = !may_hash || certified.is_none_or(|names| names == host);

    let mut lines = Vec::new();
    let mut tables: Vec<String> = ["prod.example", "*.example", "pro?.*"]
        .map(|name| format!("names = [\"{name}\"]"))
        .into();
    for key in &keys {
        if random.one_in(2) {
            // Under further names of the same line, at times.
            let names = match random.one_in(3) {
                true => format!("{name},192.0.2.9"),
                false => name.to_owned(),
            };
            lines.push(line(random, &names, key, may_hash));
            if tells_keys {
                tables.push(format!("keys = [\"{}\"]", Mixer.fingerprint(key)));
            }
        }
    }
    if let Some(names) = certified {
        let authorities = line(random, names, &authority, false);
        lines.push(format!("@cert-authority {authorities}"));
        if tells_keys {
            tables.push(format!("ca = [\"{}\"]", Mixer.fingerprint(&authority)));
        }
    }
    lines.push(line(random, "web.example", &web, false));
    for other in 0..[0, 3, 60][random.below(3)] {
        let name = format!("other{other}.test");
        let key = [ed25519, ecdsa, rsa][random.below(3)](&name);
        lines.push(line(random, &name, &key, true));
    }
    if random.one_in(3) {
        lines.push(line(random, "*.test", &rsa("pattern"), false));
    }
    let mut known_hosts = String::new();
    while !lines.is_empty() {
        let next = random.below(lines.len());
        known_hosts += &lines.swap_remove(next);
    }
    World {
        known_hosts,
        prods,
        web,
        authority,
        tables,
    }
}

fn policy(text: &str) -> Policy {
    let source = Source {
        name: "policy.toml",
        text,
        main: true,
    };
    Policy::parse(&[source]).unwrap()
}

fn login(known: &KnownHosts, policy: &Policy, blob: &[u8]) -> Facts {
    let tries: Vec<String> = policy.literal_host_names();
    let shown = HostKey::parse(blob).unwrap();
    Facts {
        caller: Caller::parse("work").unwrap(),
        keyring: Keyring::from_argument("").unwrap(),
        key: KeyFacts {
            fingerprint: Mixer.fingerprint(b"key"),
            algorithm: "ssh-ed25519".to_owned(),
            comment: b"key".to_vec(),
        },
        kind: IntentKind::Login,
        sha1: false,
        user: Some(b"me".to_vec()),
        proof: Proof::Proven,
        host: Some(known.identify(&shown, &tries, &Mixer, NOON.unix)),
        namespace: None,
        content: None,
        forwarded: false,
    }
}

/// What somebody else than prod could show. The last few are certified by the authority that known hosts may trust.
fn strange(world: &World) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (own, other) = (ed25519("stranger"), ed25519("another authority"));
    let prod = ["prod.example"];
    let good = Terms::of(&own, &prod, &world.authority);
    let by_nobody = vec![
        own.clone(),
        ecdsa("stranger"),
        world.web.clone(),
        Terms::of(&own, &prod, &other).certificate(),
        Terms::of(&own, &prod, &own).certificate(),
        Terms {
            forged: true,
            ..good
        }
        .certificate(),
        Terms { kind: 1, ..good }.certificate(),
        Terms {
            before: NOON.unix,
            ..good
        }
        .certificate(),
        Terms {
            after: NOON.unix + 1,
            ..good
        }
        .certificate(),
        Terms {
            options: "force-command",
            ..good
        }
        .certificate(),
        Terms {
            principals: &[],
            ..good
        }
        .certificate(),
    ];
    let for_others = [
        &["evil.test"][..],
        &["xprod.example.org"],
        &["PROD.EXAMPLE"],
        &["*.test"],
        &["[prod.example]:2222"],
    ];
    let for_others = for_others.map(|principals| Terms { principals, ..good }.certificate());
    (by_nobody, for_others.into())
}

#[test]
fn nobody_else_is_taken_for_the_server_of_a_rule() {
    let mut allowed = 0;
    let is_whole = seeded::cases(400, |random| {
        let world = world(random);
        let (known, _) = KnownHosts::parse(&[("known_hosts", world.known_hosts.as_bytes())]);
        // `*.example` is web, too.
        let tables: Vec<_> = world
            .tables
            .iter()
            .filter(|table| !table.contains("*.ex"))
            .collect();
        let table = tables[random.below(tables.len())];
        let by_port = match table.starts_with("keys") {
            true => "",
            false => ", \"[prod.example]:2222\"",
        };
        let text = format!(
            "default = \"ask\"\n[host.prod]\n{table}\n[[rule]]\nhost = [\"prod\"{by_port}]\naction = \"allow\"\n"
        );
        let policy = policy(&text).with_known_hosts(&known, &Mixer);
        let judge = |blob: &Vec<u8>| {
            let facts = login(&known, &policy, blob);
            policy
                .judge(&facts, &NOON, &RateCounter::default())
                .verdict()
        };
        let (by_nobody, for_others) = strange(&world);
        for (index, blob) in by_nobody.iter().enumerate() {
            assert_eq!(
                judge(blob),
                Verdict::Ask,
                "{index}\n{text}\n{:?}",
                login(&known, &policy, blob).host
            );
        }
        // A table may name all hosts of an authority.
        if !table.starts_with("ca") {
            for (index, blob) in for_others.iter().enumerate() {
                assert_eq!(
                    judge(blob),
                    Verdict::Ask,
                    "{index}\n{text}\n{:?}",
                    login(&known, &policy, blob).host
                );
            }
        }
        // A key is one key: that a rule denies the others too does not mean that it allows them.
        let others = world.prods.iter().filter(|blob| {
            let key = HostKey::parse(blob).unwrap();
            !table.contains(&Mixer.fingerprint(&key.plain_blob()).0)
        });
        if table.starts_with("keys") {
            assert!(
                others.into_iter().all(|blob| judge(blob) == Verdict::Ask),
                "{text}"
            );
        }
        allowed += world
            .prods
            .iter()
            .filter(|blob| judge(blob) == Verdict::Allow)
            .count();
    });
    assert!(
        !is_whole || allowed > 100,
        "the rule allows prod itself: {allowed}"
    );
}

#[test]
fn what_is_revoked_is_denied_in_every_form_and_under_every_name() {
    let text = "default = \"ask\"\n[[rule]]\nhost = [\"*\", \"unnamed\"]\naction = \"allow\"\n";
    let policy = policy(text);
    seeded::cases(100, |random| {
        let World {
            known_hosts,
            web,
            authority,
            ..
        } = world(random);
        let other = ed25519("another authority");
        for (revoked, key, by) in [(&web, &web, &other), (&authority, &web, &authority)] {
            let line = line(random, "some.where", revoked, true);
            let lines = [&*known_hosts, &format!("@revoked {line}"), &known_hosts].concat();
            let shown = [
                (revoked == key).then(|| key.clone()),
                Some(Terms::of(key, &["web.example"], by).certificate()),
                Some(
                    Terms {
                        before: 5,
                        ..Terms::of(key, &[], by)
                    }
                    .certificate(),
                ),
            ];
            for (lines, expected) in [(&lines, Verdict::Deny), (&known_hosts, Verdict::Allow)] {
                let (known, _) = KnownHosts::parse(&[("known_hosts", lines.as_bytes())]);
                for blob in shown.iter().flatten() {
                    let facts = login(&known, &policy, blob);
                    let verdict = policy
                        .judge(&facts, &NOON, &RateCounter::default())
                        .verdict();
                    assert_eq!(verdict, expected, "{:?}", facts.host);
                }
            }
        }
    });
}

#[test]
fn no_key_of_a_server_is_a_way_past_a_rule_for_it() {
    let (mut denied, mut asked, mut web_allowed, mut hashed) = (0, 0, 0, 0);
    let is_whole = seeded::cases(400, |random| {
        let world = world(random);
        let (known, warnings) = KnownHosts::parse(&[("known_hosts", world.known_hosts.as_bytes())]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let table = &world.tables[random.below(world.tables.len())];
        let action = ["deny", "ask"][random.below(2)];
        let text = format!(
            "default = \"ask\"\n[host.prod]\n{table}\n[[rule]]\nhost = \"prod\"\naction = \"{action}\"\n\
             [[rule]]\nkind = \"login\"\naction = \"allow\"\n\
             [[rule]]\nhost = [\"*\", \"unnamed\", \"unproven\", \"web.example\"]\naction = \"allow\"\n"
        );
        let policy = policy(&text).with_known_hosts(&known, &Mixer);
        let judge = |facts: &Facts| {
            policy
                .judge(facts, &NOON, &RateCounter::default())
                .verdict()
        };
        for blob in &world.prods {
            let facts = login(&known, &policy, blob);
            match judge(&facts) {
                Verdict::Deny => denied += 1,
                Verdict::Ask => asked += 1,
                Verdict::Allow => panic!("{text}\n{:?}", facts.host),
            }
            hashed += usize::from(
                facts
                    .host
                    .is_some_and(|host| host.names.iter().any(|name| name == HASHED)),
            );
        }
        let web = login(&known, &policy, &world.web);
        web_allowed += usize::from(judge(&web) == Verdict::Allow);
    });
    let seen = [denied, asked, web_allowed, hashed];
    assert!(
        !is_whole || seen.iter().all(|count| *count > 100),
        "{seen:?}"
    );
}

#[test]
fn a_port_in_a_pattern_of_known_hosts_is_no_way_past_a_rule() {
    let key = ed25519("prod");
    let judge = |names: &str, denied: &str| {
        let line = format!("{names} ssh-ed25519 {}\n", STANDARD.encode(&key));
        let (known, warnings) = KnownHosts::parse(&[("known_hosts", line.as_bytes())]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let text = format!(
            "default = \"deny\"\n[[rule]]\nhost = \"{denied}\"\naction = \"deny\"\n[[rule]]\nhost = \"*\"\naction = \"allow\"\n"
        );
        let policy = policy(&text);
        let facts = login(&known, &policy, &key);
        let judgement = policy.judge(&facts, &NOON, &RateCounter::default());
        judgement.verdict()
    };
    for names in [
        "[*.example]:2222",
        "[prod.*]:22??",
        "[*.example]:*",
        "*]:2222",
        "*:2222",
    ] {
        assert_eq!(judge(names, "prod.example"), Verdict::Deny, "{names}");
    }
    for (names, denied) in [
        ("[*.example]:2222", "prod.test"),
        ("*.example", "prod.test"),
        ("2001:db8::*", "prod.example"),
        ("prod.example*", "example"),
    ] {
        assert_eq!(judge(names, denied), Verdict::Allow, "{names} {denied}");
    }
}
