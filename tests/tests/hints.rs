//! Each command that an error hints at works when it is pasted.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use testbed::children::{Running, run, text};
use testbed::keys::Key;
use testbed::programs;
use testbed::wait::{wait_for, wait_for_socket};
use testbed::world::World;

/// The home of a person who runs a vault by hand, and types commands without flags.
struct Home {
    world: World,
    vault: Option<Running>,
}

impl Home {
    fn new() -> Self {
        let world = World::new();
        world.directory("run");
        world.directory(".ssh");
        Self { world, vault: None }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.world.command(program);
        let built = programs::split_ssh();
        let folder = built.parent().expect("a folder").display();
        command
            .env(
                "PATH",
                format!("{folder}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            )
            .env("XDG_RUNTIME_DIR", self.world.path("run"))
            // Whatever asks for a passphrase gets this one.
            .env("SSH_ASKPASS", self.world.path("askpass"))
            .env("SSH_ASKPASS_REQUIRE", "force");
        command
    }

    /// A line in a shell, with `typed` on its standard input.
    fn paste(&self, line: &str, typed: &str) -> Output {
        let mut command = self.command("sh");
        command
            .args(["-c", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("a shell");
        let mut input = child.stdin.take().expect("a pipe");
        // A command that reads nothing may have ended.
        let _ = input.write_all(typed.as_bytes());
        drop(input);
        child.wait_with_output().expect("it ends")
    }

    fn start_vault(&mut self) {
        let mut command = self.command("split-ssh");
        command.arg("vault");
        self.vault = Some(Running::start(command, &self.world.path("output")));
        wait_for_socket(&self.world.path("run/split-ssh-vault/control.sock"));
        let log = self.world.path(".local/state/split-ssh/log.jsonl");
        wait_for("the log's first record", || {
            log.metadata().ok().filter(|log| log.len() > 0)
        });
    }

    fn policy(&self, text: &str) {
        self.world.file(".config/split-ssh/policy.toml", text);
    }

    fn key(&self, keyring: &str) -> PathBuf {
        let key = Key::ed25519(&self.world, "git-work");
        let folder = self.world.directory(format!(".ssh/identities.d/{keyring}"));
        for name in ["git-work", "git-work.pub"] {
            fs::copy(key.private.with_file_name(name), folder.join(name)).expect("a key");
        }
        fs::set_permissions(folder.join("git-work"), fs::Permissions::from_mode(0o600))
            .expect("our own");
        folder.join("git-work")
    }
}

/// What stands in backquotes behind `hint:`, up to the next line that begins anew.
fn hinted(output: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for hint in output.split("hint:").skip(1) {
        let end = hint.find("\nsplit-ssh:").unwrap_or(hint.len());
        let quoted = hint[..end].split('`').skip(1).step_by(2);
        let is_command = |word: &&str| {
            let first = word.split_whitespace().next().unwrap_or_default();
            word.contains(' ') && (PROGRAMS.contains(&first) || first.starts_with("SSH_AUTH_SOCK="))
        };
        commands.extend(quoted.filter(is_command).map(str::to_owned));
    }
    commands
}

const PROGRAMS: [&str; 7] = [
    "split-ssh",
    "ssh-keygen",
    "mkdir",
    "chmod",
    "ls",
    "cat",
    "fuser",
];

/// These look, and their exit codes tell what they found.
const LOOKING: [&str; 4] = ["doctor", "status", "pending", "policy check"];

/// A command that fails, what is typed into those that it hints at, and whether it succeeds after them.
struct Case {
    set_up: fn(&mut Home),
    command: &'static str,
    /// How many commands its hint has.
    hints: usize,
    is_fixed: bool,
}

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN1k39BpolyXhkY+8kAbWianFi1vi7dqK8txFNgKZsDp";
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1k39BpolyXhkY+8kAbWianFi1vi7dqK8txFNgKZsDp";

const CASES: [Case; 25] = [
    Case {
        set_up: Home::start_vault,
        command: "split-ssh approvals revoke 9",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh rule remove 3 --yes",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh rule add",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh serve remove none",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh log --since never",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh setup",
        hints: 2,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh pending",
        hints: 2,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh approvals revoke all",
        hints: 2,
        is_fixed: true,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh log",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh list --no-such-flag",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh help no-such-topic",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh allow one",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: Home::start_vault,
        command: "split-ssh allow 99",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: Home::start_vault,
        command: "split-ssh vault",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: Home::start_vault,
        command: "split-ssh add work",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |home| {
            home.start_vault();
            home.world.directory(".ssh/identities.d/work");
        },
        command: "split-ssh add work",
        hints: 1,
        is_fixed: true,
    },
    Case {
        set_up: |home| drop(home.key("work")),
        command: "split-ssh list work",
        hints: 2,
        is_fixed: true,
    },
    Case {
        set_up: |home| {
            home.world.script("askpass", "#!/bin/sh\necho secret\n");
            let key = home.key("work");
            let mut lock = home.command("ssh-keygen");
            run(lock
                .args(["-q", "-p", "-P", "", "-N", "secret", "-f"])
                .arg(key));
            // As its unit has it, also while no vault runs.
            let socket = home.world.directory("run/split-ssh").join("work.sock");
            let mut agent = home.command("ssh-agent");
            agent.arg("-D").arg("-a").arg(&socket);
            home.vault = Some(Running::start(agent, &home.world.path("output")));
            wait_for_socket(&socket);
        },
        command: "split-ssh add work",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh hosts add build.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN1k39B",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |home| {
            home.world.file(
                ".config/split-ssh/known_hosts",
                format!("build.example {OTHER}\n"),
            );
        },
        command: "split-ssh hosts add build.example ssh-ed25519 \
                  AAAAC3NzaC1lZDI1NTE5AAAAIN1k39BpolyXhkY+8kAbWianFi1vi7dqK8txFNgKZsDp",
        hints: 1,
        is_fixed: true,
    },
    Case {
        set_up: |home| {
            home.world.file(
                ".config/split-ssh/labels",
                format!("build.example {OTHER}\n"),
            );
        },
        command: "split-ssh hosts add build.example ssh-ed25519 \
                  AAAAC3NzaC1lZDI1NTE5AAAAIN1k39BpolyXhkY+8kAbWianFi1vi7dqK8txFNgKZsDp",
        hints: 2,
        is_fixed: true,
    },
    Case {
        set_up: |_| (),
        command: "split-ssh hosts trust build.example",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |home| {
            home.world
                .file(".ssh/known_hosts", format!("build.example {KEY}\n"));
        },
        command: "split-ssh hosts remove build.example",
        hints: 1,
        is_fixed: false,
    },
    Case {
        set_up: |home| {
            home.policy("default = \"ask\"\n");
            let file = home.world.path(".config/split-ssh/policy.toml");
            fs::set_permissions(file, fs::Permissions::from_mode(0o666)).expect("our own file");
        },
        command: "split-ssh policy check",
        hints: 1,
        is_fixed: true,
    },
    Case {
        set_up: Home::start_vault,
        command: "split-ssh policy explain --record 99",
        hints: 1,
        is_fixed: false,
    },
];

#[test]
fn hinted_commands_work_when_pasted() {
    for case in CASES {
        let mut home = Home::new();
        (case.set_up)(&mut home);
        let failed = home.paste(case.command, "");
        let said = text(&failed);
        assert!(!failed.status.success(), "{}: {said}", case.command);
        let hints = hinted(&said);
        assert_eq!(
            hints.len(),
            case.hints,
            "{}: {said}\n{hints:#?}",
            case.command
        );
        for hint in &hints {
            assert_ne!(hint, case.command, "{said}");
            assert_works(&mut home, hint);
        }
        if case.is_fixed {
            let again = home.paste(case.command, "");
            assert!(again.status.success(), "{}: {}", case.command, text(&again));
        }
    }
}

fn assert_works(home: &mut Home, hint: &str) {
    let is_placeholder =
        |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    assert!(!hint.split_whitespace().any(is_placeholder), "{hint}");
    if hint == "split-ssh vault" {
        return home.start_vault();
    }
    let output = home.paste(hint, &format!("{KEY}\n"));
    let said = text(&output);
    let is_looking = LOOKING
        .iter()
        .any(|command| hint == format!("split-ssh {command}"));
    if is_looking {
        assert!(
            output.status.code().is_some_and(|code| code < 2) && !said.is_empty(),
            "{hint}: {said}"
        );
    } else {
        assert!(output.status.success(), "{hint}: {said}");
    }
}
