//! `split-ssh vault --stdio`: names the caller to the daemon, starts one if none runs, and never judges.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use testbed::children::text;
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::programs;
use testbed::wait::wait_for;
use testbed::world::World;

/// A vault's home without a daemon.
struct Home(World);

impl Home {
    fn new() -> Self {
        let world = World::new();
        for directory in [
            "vault",
            "vault/config",
            "vault/.ssh",
            "vault/.ssh/identities.d",
        ] {
            world.directory(directory);
        }
        world.file("vault/config/policy.toml", "default = \"ask\"\n");
        Self(world)
    }

    fn key(&self, keyring: &str) -> Key {
        let key = Key::ed25519(&self.0, keyring);
        let folder = self
            .0
            .directory(format!("vault/.ssh/identities.d/{keyring}"));
        std::fs::copy(&key.private, folder.join("key")).expect("a copy");
        key
    }

    fn split_ssh(&self, words: &[&str]) -> Command {
        let mut command = self.0.command(programs::split_ssh());
        command.env("HOME", self.0.path("vault"));
        for (flag, directory) in [
            ("--config-dir", "config"),
            ("--runtime-dir", "run"),
            ("--state-dir", "state"),
        ] {
            command
                .arg(flag)
                .arg(self.0.path(format!("vault/{directory}")));
        }
        command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Pids of the daemons of this home.
    fn daemons(&self) -> Vec<i32> {
        let home = self.0.path("vault/run").display().to_string();
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        processes
            .filter_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).into_owned();
                (line.contains(&home)
                    && line.contains("--until-idle")
                    && !line.starts_with("setsid"))
                .then_some(pid)
            })
            .collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.0.path("vault/state/log.jsonl")).unwrap_or_default()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for pid in self.daemons() {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGTERM,
            );
        }
        wait_for("the daemons' end", || {
            self.daemons().is_empty().then_some(())
        });
    }
}

/// One request, its half-close at once, and the reply's payload.
fn ask(mut child: Child, request: &Message) -> (Vec<u8>, String) {
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&request.framed()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let payload = output.stdout.get(4..).unwrap_or_default().to_vec();
    (
        payload,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn two_calls_at_once_start_one_daemon_and_are_both_answered() {
    let home = Home::new();
    let key = home.key("work");
    let children: Vec<Child> = (0..4)
        .map(|index| {
            let mut command = home.split_ssh(&["vault", "--stdio"]);
            command.env("QREXEC_REMOTE_DOMAIN", format!("client{index}"));
            command.env("QREXEC_SERVICE_ARGUMENT", "work");
            command.spawn().expect("split-ssh runs")
        })
        .collect();
    for child in children {
        let (payload, stderr) = ask(child, &Message::of(message::LIST));
        assert_eq!(payload.first(), Some(&message::IDENTITIES), "{stderr}");
        assert!(
            payload
                .windows(key.blob().len())
                .any(|part| part == key.blob())
        );
        assert_eq!(stderr, "", "standard error goes to the client");
    }
    assert_eq!(home.daemons().len(), 1);
    for index in 0..4 {
        assert!(home.log().contains(&format!("\"qube\":\"client{index}\"")));
    }
}

#[test]
fn a_call_by_ssh_needs_a_name_and_believes_no_qrexec_variable() {
    let home = Home::new();
    home.key("default");
    let mut unnamed = home.split_ssh(&["vault", "--stdio"]);
    unnamed
        .env("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
        .env("QREXEC_REMOTE_DOMAIN", "work");
    let output = unnamed
        .stdin(Stdio::null())
        .output()
        .expect("split-ssh runs");
    assert!(!output.status.success());
    assert!(
        home.daemons().is_empty(),
        "nothing was started for a call without a name"
    );

    let mut named = home.split_ssh(&["vault", "--stdio", "--from", "laptop"]);
    named
        .env("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
        .env("QREXEC_REMOTE_DOMAIN", "work");
    let (payload, stderr) = ask(
        named.spawn().expect("split-ssh runs"),
        &Message::of(message::LIST),
    );
    assert_eq!(payload.first(), Some(&message::IDENTITIES), "{stderr}");
    assert!(home.log().contains("\"qube\":\"ssh:laptop\""));
    assert!(!home.log().contains("\"qube\":\"work\""));
}

#[test]
fn a_call_by_ssh_says_nothing_of_where_the_vault_is_and_whom_it_asks() {
    let home = Home::new();
    home.key("default");
    let lies = home.0.directory("lies");
    home.0.file("lies/split-ssh/vault.toml", "nonsense\n");
    let mut command = home.0.command(programs::split_ssh());
    command.env("HOME", home.0.path("vault"));
    for (flag, directory) in [("--runtime-dir", "run"), ("--state-dir", "state")] {
        command
            .arg(flag)
            .arg(home.0.path(format!("vault/{directory}")));
    }
    command
        .args(["vault", "--stdio", "--from", "laptop"])
        .env("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
        .env("XDG_CONFIG_HOME", &lies)
        .env("DISPLAY", "localhost:10.0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let list = Message::of(message::LIST);
    let (payload, stderr) = ask(command.spawn().expect("split-ssh runs"), &list);
    assert_eq!(payload.first(), Some(&message::IDENTITIES), "{stderr}");
    let daemon = home.daemons()[0];
    let environment = std::fs::read(format!("/proc/{daemon}/environ"));
    if let Ok(environment) = environment {
        let environment = String::from_utf8_lossy(&environment).into_owned();
        for name in ["DISPLAY", "XDG_CONFIG_HOME", "SSH_CONNECTION"] {
            assert!(!environment.contains(name), "{environment}");
        }
    }
}

/// Says nothing of the vault but where to look.
const REFUSED: &str =
    "split-ssh: the vault does not take this call; `split-ssh status` in the vault says why\n";

/// A forced command of sshd has neither a session's folder nor a terminal.
#[test]
fn a_forced_command_that_cannot_start_leaves_its_reason_on_both_sides() {
    let home = Home::new();
    let state = home.0.path("vault/state");
    let blocked = home.0.file("blocked", "a file where the folder should be");
    for (from, runtime, reason) in [
        (
            "bad name",
            home.0.path("vault/run"),
            "bad name of a caller by ssh",
        ),
        ("laptop", blocked.join("run"), "XDG_RUNTIME_DIR is not set"),
    ] {
        let mut command = home.0.command(programs::split_ssh());
        command
            .env("HOME", home.0.path("vault"))
            .env_remove("XDG_RUNTIME_DIR")
            .env("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22");
        command.arg("--runtime-dir").arg(&runtime);
        command.arg("--state-dir").arg(&state);
        command.args(["vault", "--stdio", "--from", from]);
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        assert!(!output.status.success());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(stderr, REFUSED);
        let status = home.split_ssh(&["status"]).output().expect("it runs");
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(status.contains(reason), "{status}");
    }
}

/// A daemon that ends as it starts gives no answer: its reason is told, and nobody waits for it.
#[test]
fn a_daemon_that_does_not_start_leaves_its_reason() {
    let refused = |spoil: &dyn Fn(&World), reason: &str| {
        let home = Home::new();
        spoil(&home.0);
        let mut command = home.split_ssh(&["vault", "--stdio"]);
        command.env("QREXEC_REMOTE_DOMAIN", "work");
        let mut child = command.spawn().expect("it runs");
        let list = Message::of(message::LIST).framed();
        let stdin = child.stdin.as_mut().expect("a pipe");
        // It may have ended already.
        let _ = stdin.write_all(&list);
        let output = child.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(1), "{reason}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), REFUSED);
        let status = text(&home.split_ssh(&["status"]).output().expect("it runs"));
        assert!(status.contains(reason), "{status}");
    };
    refused(
        &|world| {
            world.file("vault/config/vault.toml", "x =\n");
        },
        "vault.toml:1",
    );
    refused(
        &|world| {
            // Where its log belongs.
            world.directory("vault/state/log.jsonl");
        },
        "the vault daemon",
    );
}

#[test]
fn a_call_without_a_caller_or_with_a_bad_name_is_refused() {
    let home = Home::new();
    for (qube, argument) in [
        (None, "work"),
        (Some("ssh:x"), "work"),
        (Some("a b"), "work"),
        (Some("work"), "../x"),
    ] {
        let mut command = home.split_ssh(&["vault", "--stdio"]);
        command.env("QREXEC_SERVICE_ARGUMENT", argument);
        if let Some(qube) = qube {
            command.env("QREXEC_REMOTE_DOMAIN", qube);
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .expect("split-ssh runs");
        assert_eq!(output.status.code(), Some(1), "{qube:?} {argument}");
        assert_eq!(output.stdout, b"");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(stderr, REFUSED, "standard error goes to the client");
        let status = home.split_ssh(&["status"]).output().expect("it runs");
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(
            status.contains("`vault --stdio` that came to nothing"),
            "{status}"
        );
    }
    assert!(home.daemons().is_empty());
}
