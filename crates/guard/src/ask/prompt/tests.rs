//! Fake prompters, as shell scripts, for each way in which a prompter can answer or misbehave.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use policy::facts::{IntentKind, Proof};
use policy::question::{Counts, Decision, HeadingPart, QubeColor, Risk, Row, RowClass, Version};
use tempfile::TempDir;

use policy::question::Answer;

use super::*;

const SHOWN: &str = r#"read -r question; echo '{"shown":true}'"#;

fn question() -> Question {
    let row = |label: &str, text: &str| Row {
        label: label.to_owned(),
        text: text.to_owned(),
        note: None,
        class: RowClass::Name,
        stands_out: false,
    };
    Question {
        v: Version,
        id: 17,
        kind: IntentKind::Login,
        risk: Risk::Routine,
        color: Some(QubeColor::Blue),
        heading: vec![
            HeadingPart::Name("work-dev".to_owned()),
            HeadingPart::Words(" wants to log in".to_owned()),
        ],
        proof: Some(Proof::Bound),
        history: None,
        warnings: Vec::new(),
        facts: Vec::new(),
        details: vec![row("Keyring", "work"), row("Your key", r"a\nServer: evil")],
        why: "the default asks".to_owned(),
        scope: Some("git@github.com from work-dev with this key".to_owned()),
        limit: None,
        rule: None,
        offers: vec![
            Decision::DenyOnce,
            Decision::DenyFor(3600),
            Decision::Mute,
            Decision::AllowOnce,
            Decision::AllowFor(900),
        ],
        takes_name: false,
        seconds: 60,
        waiting: 0,
        same: 1,
    }
}

/// A folder of fake programs and a prompter that knows only those.
struct Stage {
    dir: TempDir,
    prompter: Prompter,
    seen: Cell<usize>,
    unseen: Cell<usize>,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("DISPLAY", ":0".into())].into();
        let prompter = Prompter {
            sockets: Some(dir.path().to_owned()),
            program: None,
            session: Session::of(environment),
        };
        Self {
            dir,
            prompter,
            seen: Cell::new(0),
            unseen: Cell::new(0),
        }
    }

    /// Written by another process: a file that this one has open for writing, if only in a child that
    /// another test forks, can't be run.
    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        let mut writer = Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod 700 \"$0\""])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!("#!/bin/sh\n{body}\n");
        writer
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(writer.wait().unwrap().success());
        path
    }

    fn with_dialog(body: &str) -> Self {
        let mut stage = Self::new();
        stage.prompter.program = Some(stage.script("dialog", body));
        stage
    }

    /// Asks once: down the list, but not again from its top.
    fn ask(&self, dialog: &Dialog) -> PromptOutcome {
        let shown = || self.seen.set(self.seen.get() + 1);
        let unseen = |_: &str| {
            self.unseen.set(self.unseen.get() + 1);
            dialog.withdraw();
        };
        self.prompter
            .ask(&|| Some(question()), dialog, &shown, &unseen)
    }

    fn outcome(&self) -> PromptOutcome {
        self.ask(&Dialog::new().unwrap())
    }
}

fn failed(outcome: &PromptOutcome) -> bool {
    matches!(outcome, PromptOutcome::Failed(_))
}

#[test]
fn answers_come_back_as_they_were_given() {
    for (line, decision, same) in [
        (
            r#"{"id":"17","answer":{"decision":"deny","same":1}}"#,
            Decision::DenyOnce,
            1,
        ),
        (
            r#"{"id":"17","answer":{"decision":"mute","same":1}}"#,
            Decision::Mute,
            1,
        ),
        (
            r#"{"id":"17","answer":{"decision":"once","same":3}}"#,
            Decision::AllowOnce,
            3,
        ),
        (
            r#"{"id":"17","answer":{"decision":"once"}}"#,
            Decision::AllowOnce,
            1,
        ),
        (
            r#"{"id":"17","answer":{"decision":{"for":900},"same":1}}"#,
            Decision::AllowFor(900),
            1,
        ),
    ] {
        let stage = Stage::with_dialog(&format!("{SHOWN}; echo '{line}'"));
        let answer = Answer {
            decision,
            name: None,
            trust: false,
            same,
        };
        assert_eq!(stage.outcome(), PromptOutcome::Answered(answer), "{line}");
        assert_eq!(stage.seen.get(), 1);
    }
    let named = r#"{"id":"17","answer":{"decision":"once","name":"staging","same":1}}"#;
    let stage = Stage::with_dialog(&format!("{SHOWN}; echo '{named}'"));
    let PromptOutcome::Answered(answer) = stage.outcome() else {
        panic!("no answer")
    };
    assert_eq!(answer.name.as_deref(), Some("staging"));
    let unanswered = r#"{"id":"17","answer":null}"#;
    let stage = Stage::with_dialog(&format!("{SHOWN}; echo '{unanswered}'"));
    assert_eq!(stage.outcome(), PromptOutcome::Nobody);
}

#[test]
fn whatever_goes_wrong_after_it_was_seen_is_a_no() {
    for body in [
        "exit 0",
        "kill -9 $$",
        "echo yes",
        "echo '{}'",
        r#"echo '{"id":"18","answer":{"decision":"once"}}'"#,
        r#"echo '{"id":17,"answer":{"decision":"once"}}'"#,
        r#"echo '{"id":"17","answer":{"decision":"forever"}}'"#,
        r#"echo '{"id":"17","answer":{"decision":"once","seconds":900}}'"#,
        r#"echo '{"id":"17","decision":"once"}'"#,
        r#"echo '{"id":"17","answer":{"decision":"for"}}'"#,
        r#"echo '{"id":"17","answer":{"decision":"once","extra":1}}'"#,
        r#"echo '{"id":"17","answer":{"decision":"once","decision":"deny"}}'"#,
        r#"printf '{"id":"17","answer":{"decision":"once"}}'"#,
        "head -c 100000 /dev/zero",
    ] {
        let stage = Stage::with_dialog(&format!("{SHOWN}; {body}"));
        assert!(failed(&stage.outcome()), "{body}");
        assert_eq!((stage.seen.get(), stage.unseen.get()), (1, 0), "{body}");
    }
}

#[test]
fn an_answer_before_the_question_was_seen_is_a_no() {
    let stage = Stage::with_dialog(
        r#"read -r question; echo '{"id":"17","answer":{"decision":"once","same":1}}'"#,
    );
    assert!(failed(&stage.outcome()));
    assert_eq!(stage.seen.get(), 0);
}

#[test]
fn a_window_that_was_not_seen_leaves_the_question_to_a_terminal() {
    for body in ["exit 3", "read -r question; exit 2", "kill -9 $$"] {
        let stage = Stage::with_dialog(body);
        assert_eq!(stage.outcome(), PromptOutcome::Withdrawn, "{body}");
        assert_eq!(
            (stage.seen.get(), stage.unseen.get()),
            (0, 1),
            "it waits, and says why: {body}"
        );
    }
}

#[test]
fn withdrawing_ends_the_prompter() {
    let stage = Stage::with_dialog(&format!("echo $$ > pid; {SHOWN}; exec sleep 600"));
    let body = format!(
        "echo $$ > {}/pid; {SHOWN}; exec sleep 600",
        stage.dir.path().display()
    );
    stage.script("dialog", &body);
    let dialog = Arc::new(Dialog::new().unwrap());
    let shown = {
        let dialog = Arc::clone(&dialog);
        move || dialog.withdraw()
    };
    let outcome = stage
        .prompter
        .ask(&|| Some(question()), &dialog, &shown, &|_| {});
    assert_eq!(outcome, PromptOutcome::Withdrawn);
    let pid = fs::read_to_string(stage.dir.path().join("pid")).unwrap();
    assert!(
        !Path::new(&format!("/proc/{}", pid.trim())).exists(),
        "it still runs"
    );
}

#[test]
fn new_counts_reach_the_prompter() {
    let body = format!(
        r#"{SHOWN}; read -r counts; case $counts in *'"waiting":2,"same":5'*) same=5;; esac
        echo "{{\"id\":\"17\",\"answer\":{{\"decision\":\"once\",\"same\":${{same:-0}}}}}}""#
    );
    let stage = Stage::with_dialog(&body);
    let dialog = Arc::new(Dialog::new().unwrap());
    let shown = {
        let dialog = Arc::clone(&dialog);
        move || {
            dialog.send_counts(Counts {
                v: Version,
                id: 17,
                waiting: 2,
                same: 5,
            })
        }
    };
    let outcome = stage
        .prompter
        .ask(&|| Some(question()), &dialog, &shown, &|_| {});
    assert_eq!(
        outcome,
        PromptOutcome::Answered(Answer {
            decision: Decision::AllowOnce,
            name: None,
            trust: false,
            same: 5
        })
    );
}

#[test]
fn the_prompter_gets_the_question_and_nothing_else_of_ours() {
    let stage = Stage::new();
    let out = stage.dir.path().join("out");
    let body = format!(
        r#"read -r question; echo "$question" > {out}; env | sort > {out}.env
        echo '{{"shown":true}}'; echo '{{"id":"17","answer":{{"decision":"deny"}}}}'"#,
        out = out.display()
    );
    let stage = Stage {
        prompter: Prompter {
            program: Some(stage.script("dialog", &body)),
            ..stage.prompter.clone()
        },
        ..stage
    };
    assert!(matches!(stage.outcome(), PromptOutcome::Answered(_)));
    let asked: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(asked["v"], 1);
    assert_eq!(asked["id"], "17");
    assert_eq!(
        asked["offers"],
        serde_json::json!(["deny", {"deny-for": 3600}, "mute", "once", {"for": 900}])
    );
    assert_eq!(
        asked["details"][0],
        serde_json::json!({"label": "Keyring", "text": "work", "class": "name"})
    );
    let environment = fs::read_to_string(out.with_extension("env")).unwrap();
    let of_the_shell = ["PWD=", "OLDPWD=", "SHLVL=", "_="];
    let passed: Vec<&str> = environment
        .lines()
        .filter(|line| !of_the_shell.iter().any(|own| line.starts_with(own)))
        .collect();
    assert_eq!(passed, ["DISPLAY=:0"]);
}

#[test]
fn the_sessions_socket_comes_first_and_closing_it_withdraws() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;

    let stage = Stage::with_dialog("exit 3");
    let listener = UnixListener::bind(
        stage
            .prompter
            .sockets
            .as_ref()
            .unwrap()
            .join(unit::QUESTION),
    )
    .unwrap();
    let session = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        (&stream).write_all(b"{\"shown\":true}\n").unwrap();
        line.clear();
        lines.read_line(&mut line).unwrap()
    });
    let dialog = Arc::new(Dialog::new().unwrap());
    let withdraw = {
        let dialog = Arc::clone(&dialog);
        move || dialog.withdraw()
    };
    let outcome = stage
        .prompter
        .ask(&|| Some(question()), &dialog, &withdraw, &|_| {});
    assert_eq!(outcome, PromptOutcome::Withdrawn);
    assert_eq!(
        session.join().unwrap(),
        0,
        "the session's prompter sees the end"
    );
}
