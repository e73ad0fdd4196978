//! Key files with a passphrase: listed from the start, asked for only when a rule or a yes has let that
//! very key sign, three times at most, and never by a client's call alone.

use std::path::PathBuf;
use std::process::Command;

use testbed::children::{Running, run, text};
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::programs;
use testbed::raw::{Answer, Connection, identities};
use testbed::wait::{wait_for, wait_for_socket};
use testbed::world::World;

const POLICY: &str = "default = \"deny\"
[[rule]]
kind = \"sshsig\"
namespace = \"git\"
signatures = 10
action = \"allow\"
";

/// Answers with the next line of `passphrases`, and keeps what it was asked.
const PROMPT: &str = "#!/bin/sh
[ \"$1\" = --passphrase ] || exit 1
IFS= read -r line
printf '%s\\n' \"$line\" >> DIR/asked
echo '{\"shown\":true}'
if [ -p DIR/go ]; then read -r _ < DIR/go; fi
next=$(sed -n 1p DIR/passphrases)
sed -i 1d DIR/passphrases
if [ \"$next\" = no ]; then echo '{\"id\":\"1\",\"passphrase\":null}'; else echo \"{\\\"id\\\":\\\"1\\\",\\\"passphrase\\\":\\\"$next\\\"}\"; fi
";

struct Owner {
    world: World,
    _vault: Running,
    socket: PathBuf,
    key: Vec<u8>,
}

impl Owner {
    fn new(passphrases: &str) -> Self {
        let world = World::new();
        let folder = world.directory("vault/.ssh/identities.d/default");
        let key = Key::ed25519(&world, "locked");
        std::fs::copy(&key.private, folder.join("locked")).expect("a copy");
        std::fs::copy(&key.public, folder.join("locked.pub")).expect("a copy");
        let mut encrypt = world.command("ssh-keygen");
        run(encrypt
            .args(["-q", "-p", "-P", "", "-N", "right", "-f"])
            .arg(folder.join("locked")));
        let here = world.path("").display().to_string();
        let prompt = world.script("prompt", PROMPT.replace("DIR", here.trim_end_matches('/')));
        world.file("passphrases", passphrases);
        world.file(
            "vault/config/vault.toml",
            format!("[prompt]\nprogram = \"{}\"\n", prompt.display()),
        );
        world.file("vault/config/policy.toml", POLICY);
        for directory in ["vault", "vault/config", "vault/.ssh"] {
            world.directory(directory);
        }
        let mut command = world.command(programs::split_ssh());
        command
            .env("HOME", world.path("vault"))
            .env("DISPLAY", ":no-display-is-needed");
        for (flag, directory) in [
            ("--config-dir", "config"),
            ("--runtime-dir", "run"),
            ("--state-dir", "state"),
        ] {
            command
                .arg(flag)
                .arg(world.path(format!("vault/{directory}")));
        }
        command.arg("vault");
        let vault = Running::start(command, &world.path("output"));
        let socket = world.path("vault/run/split-ssh-vault/qrexec.sock");
        wait_for_socket(&socket);
        Self {
            key: key.blob(),
            world,
            _vault: vault,
            socket,
        }
    }

    fn call(&self) -> Connection {
        Connection::call(&self.socket, "work")
    }

    fn sign(&self, namespace: &str) -> Answer {
        self.call().ask(&message::sign(
            &self.key,
            &message::sshsig(namespace, &[7; 64]),
        ))
    }

    /// The lines that the prompt was asked with.
    fn asked(&self) -> Vec<serde_json::Value> {
        let lines = std::fs::read_to_string(self.world.path("asked")).unwrap_or_default();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// `split-ssh add` for the keyring.
    fn add(&self) -> Command {
        let mut add = self.world.command(programs::split_ssh());
        add.env("HOME", self.world.path("vault"))
            .env("DISPLAY", ":no-display-is-needed");
        for (flag, directory) in [
            ("--config-dir", "config"),
            ("--runtime-dir", "run"),
            ("--state-dir", "state"),
        ] {
            add.arg(flag)
                .arg(self.world.path(format!("vault/{directory}")));
        }
        add.args(["add", "default"]);
        add
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.world.path("vault/state/log.jsonl")).unwrap_or_default()
    }
}

#[test]
fn a_locked_key_is_listed_and_unlocked_once_when_a_rule_lets_it_sign() {
    let owner = Owner::new("right\n");
    let listed = identities(&owner.call().ask(&Message::of(message::LIST)));
    assert_eq!(listed, Some(vec![owner.key.clone()]));
    assert!(
        owner.sign("file").signature().is_none(),
        "no rule lets it sign this"
    );
    assert!(owner.asked().is_empty(), "a call alone opens no dialog");
    assert!(owner.sign("git").signature().is_some());
    assert!(owner.sign("git").signature().is_some());
    let asked = owner.asked();
    assert_eq!(asked.len(), 1, "asked once");
    assert_eq!(asked[0]["attempt"], 1);
    assert!(
        asked[0]["rows"][0]["text"]
            .as_str()
            .is_some_and(|file| file.ends_with("identities.d/default/locked"))
    );
    assert!(!owner.log().contains("right"), "no secret in the log");
}

#[test]
fn a_wrong_passphrase_asks_again_three_times() {
    let owner = Owner::new("wrong\nwrong too\nright\n");
    assert!(owner.sign("git").signature().is_some());
    let attempts: Vec<u64> = owner
        .asked()
        .iter()
        .filter_map(|asked| asked["attempt"].as_u64())
        .collect();
    assert_eq!(attempts, [1, 2, 3]);

    let owner = Owner::new("a\nb\nc\nright\n");
    assert_eq!(owner.sign("git").number(), Some(message::FAILURE));
    assert_eq!(owner.asked().len(), 3);
    assert!(owner.log().contains("none of three passphrases fitted"));
}

#[test]
fn a_no_to_the_passphrase_is_a_no() {
    let owner = Owner::new("no\n");
    assert_eq!(owner.sign("git").number(), Some(message::FAILURE));
    assert_eq!(owner.asked().len(), 1);
    assert!(owner.log().contains("its passphrase was not given"));
}

#[test]
fn the_owner_loads_a_locked_key_without_a_terminal() {
    let owner = Owner::new("wrong\nright\n");
    let output = owner.add().output().expect("split-ssh runs");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(owner.asked().len(), 2);
    assert!(owner.sign("git").signature().is_some());
    assert_eq!(owner.asked().len(), 2, "it is in the agent now");
}

/// Else its window would stand on, and keep all others from being asked.
#[test]
fn an_owner_who_interrupts_adding_a_key_takes_the_window_along() {
    let owner = Owner::new("right\n");
    let go = owner.world.path("go");
    run(owner.world.command("mkfifo").arg(&go));
    let add = Running::start(owner.add(), &owner.world.path("add"));
    wait_for("the window", || (!owner.asked().is_empty()).then_some(()));
    drop(add);
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| owner.sign("git"));
        wait_for("the next window", || {
            (owner.asked().len() == 2).then_some(())
        });
        std::fs::write(&go, "\n").expect("the prompt reads it");
        asking.join().expect("an answer")
    });
    assert!(answer.signature().is_some());
}

/// The window may stand for a minute and a half; what is saved meanwhile holds.
#[test]
fn a_passphrase_given_after_a_deny_was_saved_signs_nothing() {
    for (policy, is_signed) in [
        (format!("{POLICY}# the same\n"), true),
        ("default = \"deny\"\n".to_owned(), false),
    ] {
        let owner = Owner::new("right\n");
        let go = owner.world.path("go");
        run(owner.world.command("mkfifo").arg(&go));
        let answer = std::thread::scope(|scope| {
            let asking = scope.spawn(|| owner.sign("git"));
            wait_for("the window", || (!owner.asked().is_empty()).then_some(()));
            owner.world.file("vault/config/policy.toml", &policy);
            std::fs::write(&go, "\n").expect("the prompt reads it");
            asking.join().expect("an answer")
        });
        assert_eq!(answer.signature().is_some(), is_signed, "{policy}");
    }
}
