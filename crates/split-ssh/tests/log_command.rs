//! `split-ssh log` as a person runs it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use guard::log::Log;
use policy::record::{Escaped, Event, Record, RecordOutcome, Timestamp};

fn split_ssh(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_split-ssh"));
    command
        .arg("--state-dir")
        .arg(folder)
        .arg("log")
        .env("TZ", "UTC");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_289_000_000 + seconds * 1000)
}

fn login(qube: &str, host: &str, outcome: RecordOutcome, seconds: u64) -> Record {
    let mut record = Record::new(Event::Sign, outcome, at(seconds));
    record.qube = Some(qube.into());
    record.kind = Some(policy::facts::IntentKind::Login);
    record.user = Some(Escaped::from_bytes(b"git\x1b]0;x\x07"));
    record.host = vec![Escaped::from_bytes(host.as_bytes())];
    record.host_key = Some("SHA256:host".to_owned());
    record.proof = Some(policy::facts::Proof::Proven);
    record.comment = Some(Escaped::from_bytes(b"me@home"));
    record.because("rule says so")
}

#[test]
fn records_are_shown_filtered_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(login("work", "github.com", RecordOutcome::Ok, 0))
        .unwrap();
    log.write(login("games", "gitlab.com", RecordOutcome::Refused, 1))
        .unwrap();

    let all = split_ssh(folder.path()).output().unwrap();
    assert_eq!(
        text(&all),
        "2026-11-21 19:23:20  work         signed       \
         login git\\x1b]0;x\\x07@github.com (proven) with me@home  rule says so\n\
         2026-11-21 19:23:21  games        denied       \
         login git\\x1b]0;x\\x07@gitlab.com (proven) with me@home  rule says so\n"
    );
    assert!(all.status.success() && all.stderr.is_empty());

    let one = split_ssh(folder.path())
        .args(["--host", "git*.com", "--qube", "games"])
        .output()
        .unwrap();
    assert_eq!(text(&one).lines().count(), 1);
    assert!(text(&one).contains("gitlab.com"));
    let none = split_ssh(folder.path())
        .args(["--since", "2026-11-21T19:23:22Z"])
        .output()
        .unwrap();
    assert_eq!(text(&none), "");

    let json = split_ssh(folder.path()).arg("--json").output().unwrap();
    assert_eq!(
        text(&json),
        fs::read_to_string(folder.path().join("log.jsonl")).unwrap()
    );
}

/// Refusals that were counted together are written late, and still stand where they happened.
#[test]
fn records_stand_in_time_order_and_can_be_counted() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    let mut commit = login("work", "none", RecordOutcome::Ok, 5);
    commit.kind = Some(policy::facts::IntentKind::Sshsig);
    commit.namespace = Some(Escaped::from_bytes(b"git"));
    let mut counted = Record::new(Event::Refusal, RecordOutcome::Refused, at(1));
    counted.qube = Some("games".into());
    counted.count = Some(7);
    for record in [
        Record::new(Event::Start, RecordOutcome::Ok, at(0)),
        login("work", "b.example", RecordOutcome::Ok, 2),
        login("work", "a.example", RecordOutcome::Ok, 3),
        login("work", "a.example", RecordOutcome::Ok, 4),
        counted,
        commit,
        login("work", "c.example", RecordOutcome::Refused, 6),
    ] {
        log.write(record).unwrap();
    }
    let run = |words: &[&str]| {
        let output = split_ssh(folder.path()).args(words).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        text(&output)
    };
    let all = run(&[]);
    let times: Vec<&str> = all.lines().filter_map(|line| line.get(17..19)).collect();
    assert_eq!(times, ["20", "21", "22", "23", "24", "25", "26"]);
    let last = run(&["-n", "2", "--qube", "work"]);
    assert_eq!(
        last,
        all.lines()
            .skip(5)
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    );
    let denied = run(&["--denied", "--json"]);
    let counts: Vec<bool> = denied
        .lines()
        .map(|line| line.contains("\"count\":7"))
        .collect();
    assert_eq!(counts, [true, false]);
    assert_eq!(run(&["--today"]), "", "the records are old");

    assert_eq!(
        run(&["--summary"]),
        "from 2026-11-21 19:23:20 to 2026-11-21 19:23:26\n\
         games\n  no logins, no commits or tags, no other signatures, 7 refusals\n\
         work\n  3 logins, 1 commit or tag, no other signatures, 1 refusal\n  \
         hosts: a.example (2), b.example (1)\n"
    );
    let json = run(&["--summary", "--json", "--qube", "games"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["qubes"]["games"]["refusals"], 7);
    assert_eq!(json["qubes"].as_object().unwrap().len(), 1);
}

#[test]
fn verify_names_the_line_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    for i in 0..5 {
        log.write(login("work", "github.com", RecordOutcome::Ok, i))
            .unwrap();
    }
    let good = split_ssh(folder.path()).arg("--verify").output().unwrap();
    assert!(good.status.success());
    assert!(
        text(&good).starts_with("5 records in 1 file: all as written"),
        "{}",
        text(&good)
    );

    let path = folder.path().join("log.jsonl");
    let changed = fs::read_to_string(&path)
        .unwrap()
        .replacen("github.com", "github.org", 3)
        .replacen("github.org", "github.com", 2);
    fs::write(&path, changed).unwrap();
    let bad = split_ssh(folder.path()).arg("--verify").output().unwrap();
    assert_eq!(bad.status.code(), Some(1));
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("log.jsonl:3 was changed"), "{said}");

    let shown = split_ssh(folder.path()).output().unwrap();
    assert_eq!(
        text(&shown).lines().count(),
        4,
        "a changed line is not shown as a record"
    );
    assert_eq!(shown.status.code(), Some(1));
}

#[test]
fn a_log_that_is_not_there_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["--verify"], &["--json"]] {
        let output = split_ssh(folder.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("there is no log") && said.contains("hint"),
            "{said}"
        );
    }
}

#[test]
fn follow_goes_on_over_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(login("work", "first.example", RecordOutcome::Ok, 0))
        .unwrap();
    let mut follower = split_ssh(folder.path())
        .args(["--follow", "--host", "*.example"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = move || lines.next().unwrap().unwrap();
    assert!(next().contains("first.example"));

    log.write(login("work", "second.example", RecordOutcome::Ok, 1))
        .unwrap();
    assert!(next().contains("second.example"));
    let long = "x".repeat(60_000);
    for i in 0..150 {
        log.write(login("work", "other", RecordOutcome::Ok, 2).because(long.clone()))
            .unwrap();
        if i == 10 {
            log.write(login("work", "third.example", RecordOutcome::Ok, 2))
                .unwrap();
        }
    }
    assert!(folder.path().join("log.jsonl.1").exists());
    log.write(login("work", "fourth.example", RecordOutcome::Ok, 3))
        .unwrap();
    assert!(next().contains("third.example"));
    assert!(next().contains("fourth.example"));
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn what_cannot_be_read_and_what_cannot_be_printed_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(login("work", "github.com", RecordOutcome::Ok, 0))
        .unwrap();
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for arguments in [&[][..], &["--json"], &["--verify"]] {
        let output = split_ssh(folder.path())
            .args(arguments)
            .stdout(full())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("cannot print: No space left"), "{error}");
    }
    fs::create_dir(folder.path().join("log.jsonl.3")).unwrap();
    for arguments in [&[][..], &["--verify"]] {
        let output = split_ssh(folder.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("log.jsonl.3: Is a directory"), "{error}");
    }
}
