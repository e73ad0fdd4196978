use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof};
use policy::judgement::Verdict;
use policy::rate::RateCounter;
use policy::record::{DecidedBy, Event, Record, RecordOutcome, Timestamp};
use policy::rules::{Policy, Source};

use super::lessons::RecordedCases;

const NOW: Moment = Moment {
    unix: 1_795_289_000,
    local_minute: 700,
    boot: 1_795_289_000,
};

fn fingerprint(letter: char) -> Fingerprint {
    Fingerprint(format!("SHA256:{}A", letter.to_string().repeat(42)))
}

fn login(user: &[u8], name: &str, proof: Proof) -> Facts {
    Facts {
        caller: Caller::parse("work").unwrap(),
        keyring: Keyring::from_argument("job").unwrap(),
        key: KeyFacts {
            fingerprint: fingerprint('k'),
            algorithm: "ssh-ed25519".into(),
            comment: b"me".to_vec(),
        },
        kind: IntentKind::Login,
        sha1: false,
        user: Some(user.to_vec()),
        proof,
        host: (proof > Proof::Unproven).then(|| HostIdentity {
            fingerprint: fingerprint(if name == "gh" { 'g' } else { 'h' }),
            algorithm: "ssh-ed25519".into(),
            ca: None,
            names: if name.is_empty() {
                vec![]
            } else {
                vec![name.into()]
            },
            label: None,
            possible_names: Vec::new(),
            revocation: policy::facts::Revocation::None,
        }),
        content: None,
        namespace: None,
        forwarded: false,
    }
}

fn sshsig(namespace: &[u8]) -> Facts {
    Facts {
        kind: IntentKind::Sshsig,
        user: None,
        content: None,
        namespace: Some(namespace.to_vec()),
        ..login(b"", "", Proof::Unproven)
    }
}

fn answered(facts: &Facts, yes: bool) -> Record {
    let outcome = if yes {
        RecordOutcome::Ok
    } else {
        RecordOutcome::Refused
    };
    let mut record = Record::new(
        Event::Sign,
        outcome,
        Timestamp::from_unix_ms(NOW.unix * 1000),
    )
    .of(facts, &NOW);
    record.verdict = Some(Verdict::Ask);
    record.decided_by = Some(DecidedBy::Prompt);
    record
}

const MAIN: &str = "default = \"ask\"\n";

fn read(main: &str, proposal: &str) -> Policy {
    let sources = [
        Source {
            name: "policy.toml",
            text: main,
            main: true,
        },
        Source {
            name: "learned.toml",
            text: proposal,
            main: false,
        },
    ];
    Policy::parse(&sources).unwrap_or_else(|error| panic!("{error}\n{proposal}"))
}

/// The policy with what was learned from a yes to each of `facts`.
fn learned(main: &str, facts: &[Facts]) -> (Policy, String) {
    let mut lessons = RecordedCases::default();
    for facts in facts {
        lessons.add(&answered(facts, true));
    }
    let proposal = lessons.propose(&read(main, ""));
    assert!(
        proposal
            .bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
        "{proposal}"
    );
    (read(main, &proposal), proposal)
}

fn allows(policy: &Policy, facts: &Facts) -> bool {
    policy.judge(facts, &NOW, &RateCounter::default()).verdict() == Verdict::Allow
}

/// Texts that would like to be more than a name.
const EVIL: [&[u8]; 24] = [
    b"*",
    b"?",
    b"**",
    b"\\",
    b"\\*",
    b"a*",
    b"\"",
    b"\"\n[[rule]]\naction = \"allow\"\n#",
    b"'''",
    b"\"\"\"",
    b"git\"]\nhost = \"unproven\"",
    b"x\r\ny",
    b"\t",
    b" ",
    b"#",
    b"\x00",
    b"\x7f",
    b"\x1b[2J",
    "b\u{fc}ro".as_bytes(),
    "\u{202e}tig".as_bytes(),
    "\u{1f600}".as_bytes(),
    b"git",
    b"a,b",
    b"\"#\"=[[rule]]",
];

/// No rule can hold these: the policy refuses patterns with control characters, blanks at an end, or commas.
fn is_writable(text: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() || *byte == b',';
    !text.iter().any(is_control) && text.trim_ascii().len() == text.len()
}

#[test]
fn each_yes_is_allowed_and_nothing_else_whatever_the_names() {
    let all: Vec<Facts> = EVIL
        .iter()
        .flat_map(|text| {
            [
                login(text, "host.example", Proof::Proven),
                login(text, "gh", Proof::Bound),
                sshsig(text),
            ]
        })
        .collect();
    let text = |facts: &Facts| facts.user.clone().or(facts.namespace.clone()).unwrap();
    let (all_writable, unwritable): (Vec<Facts>, Vec<Facts>) = all
        .iter()
        .cloned()
        .partition(|facts| is_writable(&text(facts)));
    assert!(all_writable.len() > 30 && unwritable.len() > 20);
    for yes in &unwritable {
        let (policy, proposal) = learned(MAIN, std::slice::from_ref(yes));
        assert!(policy.rules.is_empty(), "{proposal}");
        assert!(proposal.contains("cannot be written"), "{proposal}");
    }
    for yes in &all_writable {
        let (policy, proposal) = learned(MAIN, std::slice::from_ref(yes));
        assert_eq!(policy.rules.len(), 1, "{proposal}");
        for other in &all {
            assert_eq!(
                allows(&policy, other),
                other == yes,
                "{other:?}\n{proposal}"
            );
        }
        for changed in neighbours(yes) {
            assert!(!allows(&policy, &changed), "{changed:?}\n{proposal}");
        }
    }
    let (policy, _) = learned(MAIN, &all);
    assert!(all_writable.iter().all(|facts| allows(&policy, facts)));
    assert!(!unwritable.iter().any(|facts| allows(&policy, facts)));
    assert!(!allows(
        &policy,
        &login(b"root", "host.example", Proof::Proven)
    ));
    assert!(!allows(&policy, &sshsig(b"file")));
}

/// The same request with one fact changed.
fn neighbours(facts: &Facts) -> Vec<Facts> {
    let mut all = vec![
        Facts {
            caller: Caller::parse("work2").unwrap(),
            ..facts.clone()
        },
        Facts {
            caller: Caller::parse("ssh:work").unwrap(),
            ..facts.clone()
        },
        Facts {
            keyring: Keyring::from_argument("").unwrap(),
            ..facts.clone()
        },
        Facts {
            key: KeyFacts {
                fingerprint: fingerprint('x'),
                ..facts.key.clone()
            },
            ..facts.clone()
        },
        Facts {
            sha1: true,
            ..facts.clone()
        },
        Facts {
            forwarded: true,
            ..facts.clone()
        },
        Facts {
            kind: IntentKind::Raw,
            ..facts.clone()
        },
        Facts {
            kind: IntentKind::Sudo,
            ..facts.clone()
        },
    ];
    if let Some(host) = &facts.host {
        let other = HostIdentity {
            fingerprint: fingerprint('o'),
            names: vec!["o.example".into()],
            ..host.clone()
        };
        all.push(Facts {
            host: Some(other),
            ..facts.clone()
        });
        all.push(Facts {
            host: None,
            proof: Proof::Unproven,
            ..facts.clone()
        });
        if facts.proof == Proof::Proven {
            all.push(Facts {
                proof: Proof::Bound,
                ..facts.clone()
            });
        }
    }
    all
}

#[test]
fn a_host_that_is_called_like_a_word_or_a_table_is_meant_by_name() {
    let main = "default = \"ask\"\n[host.forge]\nnames = [\"git.example\"]\n";
    for name in [
        "unproven",
        "unnamed",
        "forge",
        "learned-forge",
        "[h.example]:2222",
        "UPPER.example",
    ] {
        let yes = login(b"git", name, Proof::Proven);
        let (policy, proposal) = learned(main, std::slice::from_ref(&yes));
        assert!(allows(&policy, &yes), "{proposal}");
        assert!(
            !allows(&policy, &login(b"git", "", Proof::Proven)),
            "{proposal}"
        );
        assert!(
            !allows(&policy, &login(b"git", "", Proof::Unproven)),
            "{proposal}"
        );
        assert!(
            !allows(&policy, &login(b"git", "git.example", Proof::Proven)),
            "{proposal}"
        );
        assert!(
            !allows(&policy, &login(b"git", "ab", Proof::Proven)),
            "{proposal}"
        );
    }
}

#[test]
fn a_name_that_no_rule_can_write_is_meant_by_its_key() {
    for name in ["a b", "x/y", "", "root@host", "SHA256:zz", "a*", "(hashed)"] {
        let yes = login(b"git", name, Proof::Proven);
        let (policy, proposal) = learned(MAIN, std::slice::from_ref(&yes));
        assert!(allows(&policy, &yes), "{proposal}");
        let bound = Facts {
            proof: Proof::Bound,
            ..yes
        };
        assert!(!allows(&policy, &bound), "{proposal}");
    }
}

/// The rule that asks stands below it and names the host, as the key does not.
#[test]
fn what_was_learned_of_a_key_goes_before_a_rule_for_its_names() {
    let mut yes = login(b"git", "gh", Proof::Bound);
    yes.host.as_mut().unwrap().names.push("192.0.2.7".into());
    let mut lessons = RecordedCases::default();
    lessons.add(&answered(&yes, true));
    let proposal = lessons.propose(&read(MAIN, ""));
    let asks = "[[rule]]\nhost = [\"gh\", \"192.0.2.7\"]\naction = \"ask\"\n";
    let policy = read(MAIN, &format!("{proposal}{asks}"));
    assert!(allows(&policy, &yes), "{proposal}");
}

#[test]
fn names_of_tables_are_not_taken_twice() {
    let main = "default = \"ask\"\n[host.\"learned-gh\"]\nnames = [\"other\"]\n";
    let mut twin = login(b"git", "gh", Proof::Bound);
    twin.host.as_mut().unwrap().fingerprint = fingerprint('t');
    let both = [login(b"git", "gh", Proof::Bound), twin];
    let (policy, proposal) = learned(main, &both);
    assert_eq!(policy.hosts.len(), 3, "{proposal}");
    assert!(
        both.iter().all(|facts| allows(&policy, facts)),
        "{proposal}"
    );
}

#[test]
fn what_a_rule_could_not_hold_narrow_is_not_proposed() {
    let mut revoked = login(b"git", "host.example", Proof::Proven);
    revoked.host.as_mut().unwrap().revocation = policy::facts::Revocation::Revoked;
    let raw = Facts {
        kind: IntentKind::Raw,
        ..sshsig(b"")
    };
    let sudo = Facts {
        kind: IntentKind::Sudo,
        ..login(b"root", "", Proof::Unproven)
    };
    for (facts, why) in [
        (login(b"git", "", Proof::Unproven), "would cover every host"),
        (
            login(b"\xff", "host.example", Proof::Proven),
            "cannot be written",
        ),
        (
            login(b"", "host.example", Proof::Proven),
            "cannot be written",
        ),
        (
            login(&[b'u'; 600], "host.example", Proof::Proven),
            "cannot be written",
        ),
        (revoked, "revoked"),
        (raw, "by hand"),
        (sudo, "by hand"),
    ] {
        let (policy, proposal) = learned(MAIN, &[facts]);
        assert!(
            policy.rules.is_empty() && proposal.contains(why),
            "{proposal}"
        );
    }
    let strict = "default = \"ask\"\n[host.gh]\nnames = [\"gh\"]\nproof = \"proven\"\n";
    let (policy, proposal) = learned(strict, &[login(b"git", "gh", Proof::Bound)]);
    assert!(
        policy.rules.is_empty() && proposal.contains("wants more proof"),
        "{proposal}"
    );
}

#[test]
fn one_no_keeps_the_question() {
    let facts = login(b"git", "host.example", Proof::Proven);
    let mut lessons = RecordedCases::default();
    lessons.add(&answered(&facts, true));
    lessons.add(&answered(&facts, false));
    let proposal = lessons.propose(&Policy::shipped());
    assert!(read(MAIN, &proposal).rules.is_empty());
    assert!(
        proposal.contains("allowed 1, denied 1: what was denied once"),
        "{proposal}"
    );
}

#[test]
fn only_answers_to_questions_teach() {
    let facts = login(b"git", "host.example", Proof::Proven);
    let mut lessons = RecordedCases::default();
    lessons.add(&Record {
        verdict: Some(Verdict::Allow),
        ..answered(&facts, true)
    });
    lessons.add(&Record {
        decided_by: Some(DecidedBy::Policy),
        ..answered(&facts, true)
    });
    lessons.add(&Record {
        decided_by: None,
        ..answered(&facts, true)
    });
    lessons.add(&Record {
        event: Event::NoAnswer,
        ..answered(&facts, false)
    });
    lessons.add(&Record {
        event: Event::Upstream,
        ..answered(&facts, false)
    });
    assert!(lessons.cases.is_empty());
}

#[test]
fn rules_are_joined_without_covering_more_and_the_narrowest_come_first() {
    let mut hosts = Vec::new();
    for (host, letter) in [("a.example", 'a'), ("b.example", 'b'), ("c.example", 'c')] {
        let mut facts = login(b"git", host, Proof::Proven);
        facts.host.as_mut().unwrap().fingerprint = fingerprint(letter);
        hosts.push(facts);
    }
    let root = login(b"root", "a.example", Proof::Proven);
    let sig = sshsig(b"git");
    let other_sig = Facts {
        caller: Caller::parse("home").unwrap(),
        ..sig.clone()
    };
    let all = [hosts.clone(), vec![root.clone(), sig, other_sig]].concat();
    let (policy, proposal) = learned(MAIN, &all);
    assert_eq!(policy.rules.len(), 3, "{proposal}");
    assert!(all.iter().all(|facts| allows(&policy, facts)), "{proposal}");
    for host in &hosts[1..] {
        assert!(
            !allows(
                &policy,
                &Facts {
                    user: root.user.clone(),
                    ..host.clone()
                }
            ),
            "{proposal}"
        );
    }
    let at = |text: &str| proposal.find(text).unwrap();
    assert!(at("\"root\"") < at("[\"work\", \"home\"]"), "{proposal}");
    assert!(
        at("[\"work\", \"home\"]") < at("[\"a.example\", \"b.example\", \"c.example\"]"),
        "{proposal}"
    );
}
