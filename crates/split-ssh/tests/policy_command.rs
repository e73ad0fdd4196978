//! `split-ssh policy check` and `explain`, as a person runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use guard::log::Log;
use policy::facts::{IntentKind, Proof};
use policy::record::{Escaped, Event, Record, RecordOutcome, Timestamp};

const POLICY: &str = r#"default = "ask"

[host.forge]
names = ["forge.example"]
proof = "bound"

[[rule]]
name = "not prod"
host = "*.prod.example"
action = "deny"

[[rule]]
name = "push"
qube = "work-*"
key = "git-*"
user = "git"
host = "forge"
forwarded = false
action = "allow"
rate = "30/min"
"#;

struct Vault(tempfile::TempDir);

impl Vault {
    /// A home with this policy, and a key for forge.example in known hosts.
    fn new(policy: &str) -> Self {
        let vault = Self(tempfile::tempdir().unwrap());
        let status = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(vault.path().join("host"))
            .status();
        assert!(status.unwrap().success());
        let key = fs::read_to_string(vault.path().join("host.pub")).unwrap();
        vault.write(".ssh/known_hosts", &format!("forge.example {key}"));
        vault.write(".config/split-ssh/policy.toml", policy);
        vault
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        for (path, mode) in [(path.as_path(), 0o644), (path.parent().unwrap(), 0o755)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    fn run(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_split-ssh"))
            .args(["--config-dir".into(), self.path().join(".config/split-ssh")])
            .args(["--runtime-dir".into(), self.path().join("run")])
            .args(["--state-dir".into(), self.path().join("state")])
            .arg("policy")
            .args(arguments.split_whitespace())
            .env("HOME", self.path())
            .output()
            .unwrap()
    }

    /// Standard output of a command that ends with 0.
    #[track_caller]
    fn says(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refuses(&self, arguments: &str) -> (String, String) {
        let output = self.run(arguments);
        assert!(!output.status.success());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }
}

#[test]
fn check_says_that_a_policy_is_good() {
    let said = Vault::new(POLICY).says("check");
    assert!(
        said.contains(
            "policy.toml: good, 2 rules, what no rule covers is asked about, no warning\n"
        ),
        "{said}"
    );
}

#[test]
fn check_shows_each_mistake_and_ends_with_1() {
    let vault = Vault::new(
        "default = \"ask\"\n[[rule]]\nqub = \"work\"\nkind = \"cert\"\naction = \"ask\"\n",
    );
    let (said, _) = vault.refuses("check");
    assert!(said.contains("policy.toml:3:1: unknown key `qub`\n 3 | qub = \"work\"\n   | ^^^\n hint: did you mean `qube`?"), "{said}");
    assert!(
        said.ends_with("2 mistakes: with this policy a vault refuses everything\n"),
        "{said}"
    );

    let (json, _) = vault.refuses("check --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["ok"], &json["problems"][0]["line"]),
        (&false.into(), &3.into())
    );
}

#[test]
fn check_warns_of_hosts_and_rules_that_lead_nowhere() {
    let vault = Vault::new(&format!(
        "{POLICY}\n[[rule]]\nhost = \"other.example\"\naction = \"ask\"\n"
    ));
    let said = vault.says("check");
    assert!(
        said.contains("warning: known hosts have no key for `other.example`"),
        "{said}"
    );
    assert!(said.ends_with("1 warning\n"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&vault.says("check --json")).unwrap();
    assert_eq!(
        (&json["ok"], &json["problems"][0]["severity"]),
        (&true.into(), &"warning".into())
    );
}

#[test]
fn check_knows_the_keys_of_agents_that_run() {
    let vault = Vault::new(POLICY);
    let folder = vault.path().join("run/split-ssh");
    fs::create_dir_all(&folder).unwrap();
    let mut agent = Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(folder.join("default.sock"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let added = loop {
        let add = Command::new("ssh-add")
            .arg(vault.path().join("host"))
            .env("SSH_AUTH_SOCK", folder.join("default.sock"))
            .output()
            .unwrap();
        if add.status.success() || std::time::Instant::now() > deadline {
            break add.status.success();
        }
        std::thread::yield_now();
    };
    let said = vault.says("check");
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(added);
    assert!(
        said.contains("warning: no keyring has a key `git-*`"),
        "{said}"
    );
}

#[test]
fn check_names_hosts_that_the_log_has_only_seen_bound() {
    let vault = Vault::new(POLICY);
    let log = Log::open(&vault.path().join("state")).unwrap();
    for (host, key) in [("forge.example", "f"), ("old.example", "o"), ("", "u")] {
        let mut record = Record::new(
            Event::Sign,
            RecordOutcome::Ok,
            Timestamp::from_unix_ms(1_795_289_000_000),
        );
        record.kind = Some(IntentKind::Login);
        let names = [host].into_iter().filter(|name| !name.is_empty());
        record.host = names
            .map(|name| Escaped::from_bytes(name.as_bytes()))
            .collect();
        record.host_key = Some(format!("SHA256:{}", key.repeat(43)));
        record.proof = Some(Proof::Bound);
        log.write(record).unwrap();
    }
    let said = vault.says("check");
    let told = "old.example: 1 login in the log, never with proof of the host, so no allow rule covers them\n hint: if its server cannot do better, a [host.NAME] with names = [\"old.example\"]";
    assert!(said.contains(told), "{said}");
    assert!(
        !said.contains("forge.example:"),
        "its [host] accepts that: {said}"
    );
    assert!(!said.contains("SHA256:u"), "a stranger's host: {said}");
    assert!(said.contains("is asked about, 1 warning\n"), "{said}");
}

#[test]
fn check_tries_one_file_alone() {
    let vault = Vault::new(POLICY);
    vault.write("draft/policy.toml", "default = \"allow\"");
    let draft = vault.path().join("draft/policy.toml");
    let (said, _) = vault.refuses(&format!("check {}", draft.display()));
    assert!(said.contains("the default cannot be allow"), "{said}");
    assert!(said.contains("1 mistake: with this policy"), "{said}");

    let (said, _) = vault.refuses("check /no/such/policy.toml");
    assert!(
        said.contains("there is no file /no/such/policy.toml"),
        "{said}"
    );
    assert!(!said.contains("mistake"), "{said}");
}

#[test]
fn explain_names_the_rule_and_every_why() {
    let vault = Vault::new(POLICY);
    let said = vault.says(
        "explain --qube work-dev --key git-work --user git --host forge.example --proof bound",
    );
    for line in [
        "work-dev asks for: login git@forge.example (bound) with git-work",
        "  allow  rule `push` allows it",
        "         at most 30/min for a qube",
        "         the key is listed for work-dev",
        "policy.toml:7   deny       no     not prod",
        "                host       no     forge.example is not *.prod.example (bound)",
        "policy.toml:12  allow      yes    push  <- decides",
        "                qube       yes    work-dev is work-*",
        "default         ask",
    ] {
        assert!(
            said.lines().any(|said| said == line),
            "no {line:?} in\n{said}"
        );
    }
    assert!(!said.contains("note:"), "{said}");

    let hidden = vault.says("explain --qube work-dev --key git-work --user git");
    assert!(
        hidden.contains(
            "  deny   the host is unproven and could be one for which rule `not prod` denies it"
        ),
        "{hidden}"
    );
}

#[test]
fn explain_says_what_it_does_not_know_and_what_makes_no_sense() {
    let vault = Vault::new(POLICY);
    let said = vault.says("explain --qube work-dev --host web.prod.example");
    assert!(
        said.contains("note: known hosts have no key for web.prod.example; this is as if they had"),
        "{said}"
    );
    assert!(
        said.contains("  deny   rule `not prod` denies it"),
        "{said}"
    );
    assert!(
        said.contains("note: assumed, as the command does not say it: --key key and --user user"),
        "{said}"
    );
    let key = format!("SHA256:{}", "A".repeat(43));
    let said = vault.says(&format!("explain --qube work-dev --host-key {key}"));
    assert!(
        said.contains("note: known hosts do not have this key; by its type it could be a host"),
        "{said}"
    );
    let said = vault.says("explain --qube work-dev --kind raw");
    assert!(said.contains("does not cover this"), "{said}");
    let (_, error) = vault.refuses("explain --record 1 --forwarded");
    assert!(error.contains("cannot be used with"), "{error}");
    let (_, error) = vault.refuses("explain --qube work --kind raw --user git");
    assert!(
        error.contains("--user has no meaning for kind raw"),
        "{error}"
    );
    let (_, error) = vault.refuses("explain --qube work --proof bound");
    assert!(
        error.contains("a host that is shown needs to be named"),
        "{error}"
    );
}

#[test]
fn explain_escapes_what_it_shows() {
    let vault = Vault::new(POLICY);
    let said = vault.says("explain --qube work --user \u{1b}[31m\u{202e} --key \u{7}");
    assert!(said.contains("\\x1b[31m\\u{202e}"), "{said}");
    assert!(
        said.bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
        "{said}"
    );
}
