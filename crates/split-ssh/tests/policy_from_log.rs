//! `split-ssh policy replay`, `learn` and `rule` on logs as a vault writes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use guard::log::Log;
use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof};
use policy::judgement::Verdict;
use policy::rate::RateCounter;
use policy::record::{DecidedBy, Event, Record, RecordOutcome, Timestamp};
use policy::rules::{Policy, Source};

const BEGAN: u64 = 1_795_289_000;

fn split_ssh(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, &[&["policy"], arguments].concat())
}

fn command(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_split-ssh"))
        .args(arguments)
        .arg("--state-dir")
        .arg(folder.join("state"))
        .arg("--config-dir")
        .arg(folder.join("config"))
        .arg("--runtime-dir")
        .arg(folder.join("run"))
        .env("HOME", folder)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn fingerprint(letter: char) -> Fingerprint {
    Fingerprint(format!("SHA256:{}A", letter.to_string().repeat(42)))
}

fn login(qube: &str, user: &[u8], host: &str, proof: Proof) -> Facts {
    let letter = host.chars().next().unwrap_or('x');
    Facts {
        caller: Caller::parse(qube).unwrap(),
        keyring: Keyring::from_argument("").unwrap(),
        key: KeyFacts {
            fingerprint: fingerprint('k'),
            algorithm: "ssh-ed25519".into(),
            comment: b"me@home".to_vec(),
        },
        kind: IntentKind::Login,
        sha1: false,
        user: Some(user.to_vec()),
        proof,
        host: (proof > Proof::Unproven).then(|| HostIdentity {
            fingerprint: fingerprint(letter),
            algorithm: "ssh-ed25519".into(),
            ca: None,
            names: vec![host.to_owned()],
            label: None,
            possible_names: Vec::new(),
            revocation: policy::facts::Revocation::None,
        }),
        content: None,
        namespace: None,
        forwarded: false,
    }
}

fn parse(text: &str) -> Policy {
    let source = Source {
        name: "policy.toml",
        text,
        main: true,
    };
    Policy::parse(&[source]).unwrap_or_else(|error| panic!("{error}"))
}

/// What the vault writes when it judges `facts` by `policy`, one request a second.
struct Vault<'a> {
    log: Log,
    policy: &'a Policy,
    rates: RateCounter,
    seconds: u64,
}

impl<'a> Vault<'a> {
    fn new(folder: &Path, policy: &'a Policy) -> Self {
        let log = Log::open(&folder.join("state")).unwrap();
        Self {
            log,
            policy,
            rates: RateCounter::default(),
            seconds: 0,
        }
    }

    fn decide(&mut self, facts: &Facts, person_says: bool) -> Verdict {
        self.seconds += 1;
        let unix = BEGAN + self.seconds;
        let moment = Moment {
            unix,
            local_minute: (unix / 60 % 1440) as u16,
            boot: self.seconds,
        };
        let judgement = self.policy.judge(facts, &moment, &self.rates);
        self.policy
            .count(&judgement, &facts.caller, &moment, &mut self.rates);
        let asked = judgement.verdict() == Verdict::Ask;
        let signed = judgement.verdict() == Verdict::Allow || (asked && person_says);
        let outcome = if signed {
            RecordOutcome::Ok
        } else {
            RecordOutcome::Refused
        };
        let mut record = Record::new(Event::Sign, outcome, Timestamp::from_unix_ms(unix * 1000))
            .of(facts, &moment)
            .judged(&judgement);
        record.connection = Some(self.seconds);
        if asked {
            record.decided_by = Some(DecidedBy::Prompt);
        }
        self.log.write(record).unwrap();
        judgement.verdict()
    }
}

const BEFORE: &str = r#"
default = "ask"
[[rule]]
qube = "work*"
user = "git"
host = "github.com"
action = "allow"
[[rule]]
host = "prod.example"
action = "deny"
"#;

/// Home may push too, work-2 may not, and nothing else changes.
const AFTER: &str = r#"
default = "ask"
[[rule]]
name = "not this one"
qube = "work-2"
user = "git"
host = "github.com"
action = "deny"
[[rule]]
qube = ["work*", "home"]
user = "git"
host = "github.com"
action = "allow"
[[rule]]
host = "prod.example"
action = "deny"
"#;

#[test]
fn replay_of_a_thousand_records_finds_exactly_the_changed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let policy = parse(BEFORE);
    let mut vault = Vault::new(folder.path(), &policy);
    let mut expected = BTreeSet::new();
    let mut requests = 0;
    let hosts = ["github.com", "prod.example", "other.example"];
    for i in 0_usize.. {
        if requests == 1000 {
            break;
        }
        let qube = ["work-1", "work-2", "home", "games"][i % 4];
        let user: &[u8] = if i % 5 == 0 { b"root" } else { b"git" };
        let host = hosts[i % 3];
        // A person says yes, so that no refusal is counted together with another; denied ones differ
        // in their user.
        let denied = format!("u{i}");
        let user = if host == "prod.example" {
            denied.as_bytes()
        } else {
            user
        };
        if host == "prod.example" && i % 60 != 1 {
            continue;
        }
        vault.decide(&login(qube, user, host, Proof::Proven), true);
        requests += 1;
        if host == "github.com" && user == b"git" && ["work-2", "home"].contains(&qube) {
            expected.insert(requests);
        }
    }
    vault.log.close().unwrap();
    let lines = fs::read_to_string(vault.log.path())
        .unwrap()
        .lines()
        .count();
    assert_eq!(lines, 1000, "each request is a line");

    let new = folder.path().join("new.toml");
    fs::write(&new, AFTER).unwrap();
    let new = new.to_str().unwrap();
    let said = text(&split_ssh(folder.path(), &["replay", "--policy", new]));
    let changed: BTreeSet<usize> = said
        .lines()
        .filter_map(|line| {
            let (place, _) = line.split_once("  ")?;
            place.rsplit_once(':')?.1.parse().ok()
        })
        .collect();
    assert_eq!(changed, expected);
    let sum = said.lines().last().unwrap();
    assert!(
        sum.starts_with(&format!(
            "1000 sign requests judged again: {} change",
            expected.len()
        )),
        "{sum}"
    );
    assert!(said.contains("allow -> deny") && said.contains("ask -> allow"));
    assert!(
        said.contains("rule `not this one` denies it, at "),
        "{said}"
    );

    let old = folder.path().join("old.toml");
    fs::write(&old, BEFORE).unwrap();
    let log = vault.log.path();
    let arguments = [
        "replay",
        log.to_str().unwrap(),
        "--policy",
        old.to_str().unwrap(),
    ];
    assert_eq!(
        text(&split_ssh(folder.path(), &arguments)),
        "1000 sign requests judged again: 0 change\n"
    );
}

#[test]
fn rates_count_along_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "[[rule]]\nuser = \"git\"\nhost = \"github.com\"\naction = \"allow\"\n";
    let free = format!("default = \"ask\"\n{rule}");
    let policy = parse(&free);
    let mut vault = Vault::new(folder.path(), &policy);
    for _ in 0..130 {
        vault.decide(&login("work", b"git", "github.com", Proof::Proven), true);
    }
    let rated = folder.path().join("rated.toml");
    fs::write(&rated, format!("{free}rate = \"20/min\"\n")).unwrap();
    let said = text(&split_ssh(
        folder.path(),
        &["replay", "--policy", rated.to_str().unwrap()],
    ));
    // One a second: 20 in each of two whole minutes and 10 in the 10 seconds after are allowed.
    assert!(said.ends_with("change (80 from allow to deny)\n"), "{said}");
}

#[test]
fn learn_proposes_what_was_answered_and_the_proposal_works() {
    let folder = tempfile::tempdir().unwrap();
    let policy = parse("default = \"ask\"\n");
    let evil = b"*\"] [[rule]] action = \"allow\" #";
    let yes = [
        login("work", b"git", "github.com", Proof::Bound),
        login("work", b"me", "shell.example", Proof::Proven),
        login("work", b"*", "shell.example", Proof::Proven),
        login("work", evil, "shell.example", Proof::Proven),
    ];
    let no = [
        login("games", b"root", "shell.example", Proof::Proven),
        login("work", b"me", "", Proof::Unproven),
    ];
    let mut vault = Vault::new(folder.path(), &policy);
    for facts in &yes {
        for _ in 0..3 {
            vault.decide(facts, true);
        }
    }
    vault.decide(&no[0], false);
    vault.decide(&no[1], true);

    fs::create_dir_all(folder.path().join("config/policy.d")).unwrap();
    let main = folder.path().join("config/policy.toml");
    fs::write(&main, "default = \"ask\"\n").unwrap();
    let proposal = text(&split_ssh(folder.path(), &["learn"]));
    assert!(
        proposal
            .bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    );
    assert!(proposal.contains("# yes 3 times"), "{proposal}");
    assert!(proposal.contains("# not proposed:"), "{proposal}");

    let learned = parse(&format!("default = \"ask\"\n{proposal}"));
    assert_eq!(learned.rules.len(), yes.len(), "{proposal}");
    let moment = Moment {
        unix: BEGAN,
        local_minute: 0,
        boot: 0,
    };
    let verdict = |facts: &Facts| {
        learned
            .judge(facts, &moment, &RateCounter::default())
            .verdict()
    };
    assert!(
        yes.iter().all(|facts| verdict(facts) == Verdict::Allow),
        "{proposal}"
    );
    assert!(
        no.iter().all(|facts| verdict(facts) == Verdict::Ask),
        "{proposal}"
    );
    for user in [&b"root"[..], b"", b"anything", b"*x"] {
        let facts = login("work", user, "shell.example", Proof::Proven);
        assert_eq!(verdict(&facts), Verdict::Ask, "{proposal}");
    }
}

#[test]
fn a_log_or_policy_that_is_not_there_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["replay"][..],
        &["learn"],
        &["replay", "/nowhere/log.jsonl"],
        &["replay", "--policy", "/nowhere/policy.toml"],
    ] {
        let output = split_ssh(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
}

/// A policy in the log's place is the likeliest slip.
#[test]
fn another_file_is_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draft.toml");
    fs::write(&file, "default = \"ask\"\n\n[[rule]]\naction = \"deny\"\n").unwrap();
    let output = split_ssh(folder.path(), &["replay", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("holds no record of a vault") && error.contains("goes after --policy"),
        "{error}"
    );
    assert_eq!(
        error.lines().count(),
        2,
        "not a line for each line: {error}"
    );
}

#[test]
fn explain_takes_a_request_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    fs::create_dir(&config).unwrap();
    let policy = "default = \"deny\"\n[[rule]]\nname = \"one host\"\nuser = \"git\"\nhost = \"a.example\"\naction = \"allow\"\n";
    fs::write(config.join("policy.toml"), policy).unwrap();
    let parsed = parse(policy);
    let mut vault = Vault::new(folder.path(), &parsed);
    vault.decide(&login("work", b"git", "a.example", Proof::Proven), false);
    vault.decide(&login("work", b"root", "a.example", Proof::Proven), false);
    drop(vault);
    let first = text(&split_ssh(folder.path(), &["explain", "--record", "1"]));
    assert!(
        first.contains("allow") && first.contains("rule `one host` allows it"),
        "{first}"
    );
    let second = text(&split_ssh(folder.path(), &["explain", "--record", "2"]));
    assert!(
        second.contains("the default denies") && second.contains("user"),
        "{second}"
    );
    let none = split_ssh(folder.path(), &["explain", "--record", "3"]);
    assert!(!none.status.success());
    assert!(String::from_utf8_lossy(&none.stderr).contains("seq 3"));
}

/// What `split-ssh rule` does with a policy that is made of `main`, on a log of one question for each of `asked`.
struct Owner {
    folder: tempfile::TempDir,
}

impl Owner {
    fn new(main: Option<&str>, asked: &[Facts]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = parse(main.unwrap_or("default = \"ask\""));
        let mut vault = Vault::new(folder.path(), &policy);
        for facts in asked {
            vault.decide(facts, true);
        }
        vault.log.close().unwrap();
        let owner = Self { folder };
        if let Some(main) = main {
            owner.write("config/policy.toml", main);
        }
        owner
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    fn says(&self, arguments: &str) -> String {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        text(&command(self.folder.path(), &arguments))
    }

    #[track_caller]
    fn is_refused(&self, arguments: &str, why: &str) {
        let before = self.files();
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = command(self.folder.path(), &arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(why), "{error}");
        assert_eq!(self.files(), before);
    }

    /// All files of the policy.
    fn files(&self) -> Vec<(std::path::PathBuf, String)> {
        let config = self.folder.path().join("config");
        let folders = [config.clone(), config.join("policy.d")];
        let entries = folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let files = entries.flatten().map(|entry| entry.unwrap().path());
        let texts = files.filter(|file| file.is_file()).map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            (file, text)
        });
        let mut files: Vec<_> = texts.collect();
        files.sort();
        files
    }

    fn verdict(&self, record: usize) -> String {
        let said = self.says(&format!("policy explain --record {record}"));
        let mut words = said
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        let verdict = words.find(|word| ["allow", "ask", "deny"].contains(word));
        verdict.unwrap().to_owned()
    }
}

/// Whoever never wrote a policy gets one that changes nothing but this.
#[test]
fn a_rule_from_a_record_allows_its_like_and_can_be_taken_back() {
    let asked = [
        login("work", b"git", "forge.example", Proof::Bound),
        login("work", b"root", "forge.example", Proof::Bound),
        login("home", b"git", "forge.example", Proof::Bound),
        login("work", b"git", "b.example", Proof::Proven),
    ];
    let owner = Owner::new(None, &asked);
    let all = |owner: &Owner| {
        (1..=4)
            .map(|record| owner.verdict(record))
            .collect::<Vec<_>>()
    };
    let before = all(&owner);
    let shown = owner.says("rule add --record 1 --print");
    assert!(owner.files().is_empty());
    owner.says("rule add --record 1 --yes");
    assert!(owner.read("config/policy.d/rules.toml").contains(&shown));
    let after = all(&owner);
    assert_ne!(after[0], before[0], "{after:?}");
    assert_eq!(after[1..], before[1..]);
    owner.is_refused(
        "rule add --record 1 --yes",
        "does not ask about such requests",
    );
    owner.says("rule add --record 4 --yes");
    let listed = owner.says("rule list");
    assert!(
        listed.contains("keys = ") && listed.contains("host = \"b.example\""),
        "{listed}"
    );

    owner.is_refused("rule remove 3 --yes", "no rule with the number 3");
    owner.is_refused("rule remove 1", "no terminal to ask on");
    owner.says("rule remove 1 --yes");
    assert_eq!(owner.verdict(1), before[0]);
    assert_eq!(owner.verdict(4), after[0]);
    owner.says("rule remove 2 --yes");
    assert_eq!(all(&owner), before);
}

const ASKS: &str = "# of mine
default = \"deny\"

# Everything else is denied.
[[rule]]
host = \"prod.example\"
action = \"deny\"

# Pushes are asked about.
[[rule]]
user = \"git\"
remember = \"1h\"
action = \"ask\"
";

/// The first match wins, so the rule must stand above the one that asks, and below what denies.
#[test]
fn a_rule_goes_above_the_one_that_asks_and_leaves_the_file_as_it_was_when_it_goes() {
    let asked = [
        login("work", b"git", "forge.example", Proof::Proven),
        login("work", b"git", "b.example", Proof::Proven),
    ];
    let owner = Owner::new(Some(ASKS), &asked);
    let (asks, denies) = (owner.verdict(2), "rule add --record 1 --yes");
    owner.says("rule add --record 1 --yes");
    let text = owner.read("config/policy.toml");
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} in {text}"))
    };
    assert!(at("prod.example") < at("forge.example"));
    assert!(at("forge.example") < at("# Pushes are asked about.\n[[rule]]\nuser"));
    assert_ne!(owner.verdict(1), asks);
    assert_eq!(owner.verdict(2), asks);
    owner.says("rule remove 1 --yes");
    assert_eq!(owner.read("config/policy.toml"), ASKS);

    owner.write(
        "config/policy.toml",
        &format!("{ASKS}[[rule]]\nacton = 1\n"),
    );
    owner.is_refused(denies, "unknown key `acton`");
    owner.write(
        "config/policy.toml",
        "default = \"ask\"\n[[rule]]\nhost = \"forge.example\"\naction = \"deny\"",
    );
    owner.is_refused(denies, "does not ask about such requests now, it says deny");
}

#[test]
fn a_policy_that_is_not_the_users_stays_as_it_is() {
    let owner = Owner::new(
        None,
        &[login("work", b"git", "forge.example", Proof::Proven)],
    );
    owner.write("config/etc/policy.toml", "default = \"ask\"\n");
    owner.is_refused("rule add --record 1 --yes", "only root may change");
    let raw = Facts {
        kind: IntentKind::Raw,
        host: None,
        user: None,
        proof: Proof::Unproven,
        ..login("work", b"git", "forge.example", Proof::Proven)
    };
    let rule = "default = \"ask\"\n[[rule]]\nkind = \"raw\"\naction = \"ask\"\n";
    let forwarded = Facts {
        forwarded: true,
        ..login("work", b"git", "forge.example", Proof::Proven)
    };
    let owner = Owner::new(Some(rule), &[raw, forwarded]);
    owner.is_refused("rule add --record 1 --yes", "write it by hand");
    owner.is_refused("rule add --record 2 --yes", "forwarded agent");
}
