//! How long one judgement by 1 000 rules takes, and one look at whether a key is listed:
//! `cargo run --release -p split-ssh-bench --example judge_time`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof};
use policy::rate::RateCounter;
use policy::rules::{LoginTo, Policy, Source, VisibilityQuery};

const RULES: usize = 1_000;
const ROUNDS: u32 = 2_000;

fn main() {
    // No rule but the last covers the request: only the host tells the others apart, or not even that.
    let by_host = policy(|number| format!("host = \"h{number}.example\""));
    let by_hours = policy(|_| "host = \"last.example\"\nhours = \"09:00-10:00\"".to_owned());
    let fingerprint = |letter: &str| Fingerprint(format!("SHA256:{}", letter.repeat(43)));
    let host = HostIdentity {
        fingerprint: fingerprint("h"),
        algorithm: "ssh-ed25519".to_owned(),
        ca: None,
        names: vec!["last.example".to_owned(), "192.0.2.7".to_owned()],
        label: None,
        possible_names: Vec::new(),
        revocation: policy::facts::Revocation::None,
    };
    let facts = Facts {
        caller: Caller::Qube("work-dev".to_owned()),
        keyring: Keyring::from_argument("").unwrap_or_else(|bad| panic!("{bad}")),
        key: KeyFacts {
            fingerprint: fingerprint("k"),
            algorithm: "ssh-ed25519".to_owned(),
            comment: b"git-work".to_vec(),
        },
        kind: IntentKind::Login,
        sha1: false,
        user: Some(b"git".to_vec()),
        proof: Proof::Proven,
        host: Some(host.clone()),
        content: None,
        namespace: None,
        forwarded: false,
    };
    let moment = Moment {
        unix: 0,
        local_minute: 0,
        boot: 0,
    };
    let rates = RateCounter::default();
    time("judge", || {
        by_host.judge(black_box(&facts), &moment, &rates)
    });
    time("judge, all alike", || {
        by_hours.judge(black_box(&facts), &moment, &rates)
    });
    let query = |login_to| VisibilityQuery {
        caller: &facts.caller,
        keyring: &facts.keyring,
        key: &facts.key,
        forwarded: false,
        login_to,
    };
    time("list, no bind", || by_host.visible(&query(None)));
    let login_to = Some(LoginTo {
        host: &host,
        verified: true,
    });
    time("list, bound", || by_host.visible(&query(login_to)));
}

/// Each rule as everyday ones are, and the last without what tells it apart.
fn policy(apart: impl Fn(usize) -> String) -> Policy {
    let mut text = String::from("default = \"deny\"\n");
    for number in 0..RULES - 1 {
        let _ = write!(
            text,
            "[[rule]]\nqube = \"work-*\"\nkey = \"git-*\"\nuser = \"git\"\n{}\naction = \"ask\"\n",
            apart(number)
        );
    }
    text += "[[rule]]\nhost = \"last.example\"\naction = \"allow\"\n";
    let source = Source {
        name: "bench",
        text: &text,
        main: true,
    };
    Policy::parse(&[source]).unwrap_or_else(|error| panic!("{error}"))
}

fn time<T>(what: &str, mut work: impl FnMut() -> T) {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| {
        times
            .get(times.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{what:<16} {RULES} rules: best {:?}, p50 {:?}, p99 {:?}",
        at(0),
        at(50),
        at(99)
    );
}
