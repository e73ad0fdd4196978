//! Real programs at real servers, one after the other: what passes in silence, what is asked about, in which
//! words, and what the log keeps of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testbed::children::{finish, text};
use testbed::flows;
use testbed::guarded::{Guarded, row, sentence};
use testbed::keys::Key;
use testbed::lab::Lab;
use testbed::programs::insist_on;
use testbed::world::user_name;

/// `server` in silence; what follows decides about the rest.
fn server_allowed(default: &str) -> String {
    format!(
        "default = \"{default}\"

[[rule]]
name = \"to the server\"
kind = \"login\"
user = \"{}\"
host = \"server\"
action = \"allow\"
",
        user_name()
    )
}

/// What a record says, in the order of `fields`.
fn fields<'a>(record: &'a Value, fields: &[&str]) -> Vec<&'a str> {
    let word = |field: &&str| match &record[*field] {
        Value::Array(list) => list.first().and_then(Value::as_str).unwrap_or("nothing"),
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        value => value.as_str().unwrap_or("nothing"),
    };
    fields.iter().map(word).collect()
}

#[test]
fn an_allowed_host_passes_in_silence_and_another_asks() {
    let guarded = Guarded::over(Lab::new(), &server_allowed("ask"));
    assert!(guarded.gets_in(&["server"]));
    let what = ["host", "proof", "verdict", "decided_by", "outcome"];
    let silent = guarded.last_signature();
    assert_eq!(
        fields(&silent, &what),
        ["server", "proven", "allow", "policy", "ok"]
    );
    for (verdict, outcome) in [("allow", "ok"), ("deny", "refused")] {
        let (question, got_in) = guarded.answer(verdict, || guarded.gets_in(&["second"]));
        let asked = format!("work wants to log in as {} on second", user_name());
        assert_eq!(sentence(&question), asked);
        assert_eq!(row(&question, "Server"), "second in known hosts");
        assert_eq!(got_in, verdict == "allow");
        let asked = guarded.last_signature();
        assert_eq!(
            fields(&asked, &what),
            ["second", "proven", "ask", "terminal", outcome]
        );
    }
    assert_eq!(
        (guarded.lab.server.logins(), guarded.lab.second.logins()),
        (1, 1)
    );
}

#[test]
fn another_user_is_asked_about_or_denied() {
    let of_git = |default| {
        let user = format!("user = \"{}\"", user_name());
        server_allowed(default).replace(&user, "user = \"git\"")
    };
    let guarded = Guarded::over(Lab::new(), &of_git("deny"));
    assert!(!guarded.gets_in(&["server"]));
    let denied = guarded.last_signature();
    let what = ["user", "host", "verdict", "outcome"];
    let me = user_name();
    assert_eq!(fields(&denied, &what), [&me, "server", "deny", "refused"]);

    let guarded = Guarded::over(Lab::new(), &of_git("ask"));
    let (question, got_in) = guarded.answer("allow", || guarded.gets_in(&["server"]));
    let asked = format!("work wants to log in as {me} on server");
    assert_eq!(sentence(&question), asked);
    assert!(got_in);
}

#[test]
fn a_forwarded_login_is_told_apart() {
    let both = server_allowed("deny").replace("\"server\"", "[\"server\", \"second\"]");
    // The control: with a word for it, whoever is root on the first server logs in to the second one in silence.
    let said = both.replace("action", "forwarded = [true, false]\naction");
    let guarded = Guarded::over(Lab::new(), &said);
    guarded.run(flows::login_from_the_server);
    let logins = guarded.signatures();
    let of: Vec<_> = logins
        .iter()
        .map(|record| fields(record, &["host", "forwarded", "outcome"]))
        .collect();
    assert_eq!(
        of,
        [["server", "false", "ok"], ["second", "true", "ok"]],
        "{logins:#?}"
    );

    // Without a word it is a question, whatever the default; and so it is where the rule is for direct logins only.
    let direct = both.replace("action", "forwarded = false\naction");
    for policy in [both, direct.replace("\"deny\"", "\"ask\"")] {
        let guarded = Guarded::over(Lab::new(), &policy);
        let client = guarded.lab.client(&guarded.client.socket);
        let onward = format!("ssh -F {} second echo inside", client.config.display());
        let (question, _) = guarded.answer("deny", || guarded.gets_in(&["-A", "server", &onward]));
        assert_eq!(row(&question, "Forwarded by"), "server");
        assert!(sentence(&question).contains("passes on a request to log in"));
        assert_eq!(guarded.lab.second.logins(), 0);
    }
}

#[test]
fn a_jump_host_makes_two_logins() {
    let both = server_allowed("deny").replace("\"server\"", "[\"server\", \"second\"]");
    let guarded = Guarded::over(Lab::new(), &both);
    guarded.run(flows::login_through_a_jump_host);
    let logins = guarded.signatures();
    let of: Vec<_> = logins
        .iter()
        .map(|record| fields(record, &["host", "forwarded", "proof"]))
        .collect();
    assert_eq!(
        of,
        [["server", "false", "proven"], ["second", "false", "proven"]],
        "{logins:#?}"
    );
    assert_ne!(logins[0]["connection"], logins[1]["connection"]);
}

#[test]
fn commits_are_signed_and_files_are_not() {
    let policy = "default = \"deny\"\n
[[rule]]
kind = \"sshsig\"
namespace = \"git\"
action = \"allow\"
";
    let guarded = Guarded::over(Lab::new(), policy);
    guarded.run(flows::sign_a_commit);
    let what = ["kind", "namespace", "verdict", "outcome"];
    assert_eq!(
        fields(&guarded.last_signature(), &what),
        ["sshsig", "git", "allow", "ok"]
    );
    let file = guarded.lab.world.file("file", "content\n");
    let key = guarded.lab.key.public.to_str().unwrap();
    let file = file.to_str().unwrap();
    let output = guarded.keygen(&["-q", "-Y", "sign", "-n", "file", "-f", key, file]);
    assert!(!output.status.success());
    assert!(!guarded.lab.world.path("file.sig").exists());
    assert_eq!(
        fields(&guarded.last_signature(), &what),
        ["sshsig", "file", "deny", "refused"]
    );
}

/// Has the guarded key, as a CA, certify the key `alice`.
fn certify(guarded: &Guarded, words: &[&str]) -> bool {
    let authority = guarded.lab.key.public.to_str().unwrap();
    let subject = guarded.lab.world.path("keys/alice.pub");
    let common = ["-q", "-Us", authority, "-I", "alice's laptop"];
    let subject = subject.to_str().unwrap();
    let output = guarded.keygen(&[&common, words, &[subject]].concat());
    assert!(output.status.success() || text(&output).contains("refused"));
    guarded.lab.world.path("keys/alice-cert.pub").exists()
}

#[test]
fn a_certificate_is_denied_unless_a_rule_asks_and_then_it_is_shown() {
    let words = [
        &["-n", "alice,root", "-z", "7", "-V", "20260101:20260201"][..],
        &[
            "-O",
            "force-command=rm -rf \"/srv/old data\"",
            "-O",
            "no-pty",
        ],
        &[
            "-O",
            "critical:tier@example.org=7",
            "-O",
            "extension:login@example.org=alice",
        ],
    ]
    .concat();
    let guarded = Guarded::over(Lab::new(), "default = \"ask\"\n");
    Key::ed25519(&guarded.lab.world, "alice");
    assert!(!certify(&guarded, &words), "issued without a rule");
    let denied = guarded.last_signature();
    let what = ["kind", "verdict", "outcome"];
    assert_eq!(fields(&denied, &what), ["certificate", "deny", "refused"]);

    let policy = "default = \"deny\"\n\n[[rule]]\nkind = \"certificate\"\naction = \"ask\"\n";
    let guarded = Guarded::over(Lab::new(), policy);
    let alice = Key::ed25519(&guarded.lab.world, "alice");
    let (question, issued) = guarded.answer("allow", || certify(&guarded, &words));
    assert!(issued);
    assert_eq!(
        sentence(&question),
        "work wants to issue a user certificate for root and 1 more"
    );
    assert_eq!(row(&question, "For"), "root, alice", "root stands first");
    assert_eq!(row(&question, "Key ID"), "alice's laptop serial 7");
    let valid = row(&question, "Valid");
    assert!(
        valid.contains("2026-01-01") && valid.contains("2026-02-01"),
        "{valid}"
    );
    let fingerprint = alice.fingerprint(&guarded.lab.world);
    assert_eq!(row(&question, "Certifies"), fingerprint);
    assert_eq!(
        row(&question, "Limits"),
        "\"force-command=rm -rf \\x22/srv/old data\\x22\", tier@example.org=7"
    );
    let extensions = row(&question, "Extensions");
    assert!(extensions.contains("login@example.org=alice") && !extensions.contains("pty"));

    let host = ["-h", "-n", "db.example", "-V", "always:forever"];
    std::fs::remove_file(guarded.lab.world.path("keys/alice-cert.pub")).unwrap();
    let (question, issued) = guarded.answer("deny", || certify(&guarded, &host));
    assert!(!issued);
    assert_eq!(
        sentence(&question),
        "work wants to issue a host certificate for db.example, valid for ever"
    );
    assert_eq!(row(&question, "For"), "db.example");
    assert!(row(&question, "Valid").ends_with("FOREVER"));
}

/// pam_ssh_agent_auth takes its list of keys only from folders that nobody else can write, up to the root or a
/// home: the world's, in /tmp, is not one, nor is a checkout's in /tmp.
fn folder_of_ours() -> tempfile::TempDir {
    let home = nix::unistd::User::from_uid(nix::unistd::Uid::current())
        .ok()
        .flatten()
        .map(|user| user.dir);
    let places = [Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))), home];
    let ours = places.into_iter().flatten().find(|place| {
        let writable = |folder: &Path| {
            std::fs::metadata(folder).map_or(true, |found| found.permissions().mode() & 0o022 != 0)
        };
        !place.ancestors().any(writable)
    });
    tempfile::tempdir_in(ours.expect("a folder that only its owner can write")).unwrap()
}

/// `sudo`'s PAM stack without sudo: pamtester over pam_wrapper, which reads the service from a folder of ours.
fn sudo(guarded: &Guarded, keys: &Path) -> Command {
    const MODULE: &str = "pam_ssh_agent_auth.so";
    insist_on("/usr/bin/pamtester");
    let service = format!(
        "auth required {MODULE} file={} allow_user_owned_authorized_keys_file\n",
        keys.display()
    );
    guarded.lab.world.file("pam.d/guarded", service);
    guarded
        .lab
        .world
        .file("pam.d/other", "auth required pam_deny.so\n");
    let mut pamtester = guarded
        .lab
        .client(&guarded.client.socket)
        .with_agent("pamtester");
    pamtester
        .env("LD_PRELOAD", "libuid_wrapper.so:libpam_wrapper.so")
        // The module believes that it is root's, as sudo's is, whoever runs the test.
        .env("UID_WRAPPER", "1")
        .env("UID_WRAPPER_ROOT", "1")
        .env("PAM_WRAPPER", "1")
        .env("PAM_WRAPPER_SERVICE_DIR", guarded.lab.world.path("pam.d"))
        .args(["guarded", &user_name(), "authenticate"]);
    pamtester
}

#[test]
fn sudo_by_agent_is_told_from_logins() {
    let folder = folder_of_ours();
    let keys: PathBuf = folder.path().join("authorized_keys");
    let what = ["kind", "user", "verdict", "outcome"];
    for (rule, verdict, outcome) in [
        ("", "deny", "refused"),
        (
            "\n[[rule]]\nkind = \"sudo\"\naction = \"allow\"\n",
            "allow",
            "ok",
        ),
    ] {
        // Allows every login, which sudo is not.
        let logins = "[[rule]]\nkind = \"login\"\nhost = [\"*\", \"unnamed\", \"unproven\"]\naction = \"allow\"\n";
        let policy = format!("default = \"ask\"\n\n{logins}{rule}");
        let guarded = Guarded::over(Lab::new(), &policy);
        std::fs::write(&keys, guarded.lab.key.line()).unwrap();
        let output = finish(&mut sudo(&guarded, &keys));
        let passed = output.status.success();
        assert_eq!(
            passed,
            outcome == "ok",
            "{}\nhint: scripts/install-deps brings pam_wrapper, uid_wrapper and pam_ssh_agent_auth",
            text(&output)
        );
        let record = guarded.last_signature();
        let expected = ["sudo", &user_name(), verdict, outcome];
        assert_eq!(fields(&record, &what), expected, "{record}");
    }

    // The question shows the command line word by word.
    let policy = "default = \"deny\"\n\n[[rule]]\nkind = \"sudo\"\naction = \"ask\"\n";
    let guarded = Guarded::over(Lab::new(), policy);
    std::fs::write(&keys, guarded.lab.key.line()).unwrap();
    let (question, passed) = guarded.answer("allow", || {
        finish(&mut sudo(&guarded, &keys)).status.success()
    });
    assert!(passed);
    let words = ["pamtester", "guarded", &user_name(), "authenticate"];
    let command = words.map(|word| format!("\"{word}\"")).join(" ");
    assert_eq!(row(&question, "Command"), command);
    assert_eq!(row(&question, "User"), user_name());
}
