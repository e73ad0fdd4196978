//! `split-ssh doctor`: a healthy qube has no problem; each planted fault is found, by its name and
//! with a remedy, and gone once the remedy is done.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use testbed::agent::ssh_add;
use testbed::children::{Running, finish, run, text};
use testbed::keys::Key;
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::wait_for;
use testbed::world::{World, write_program};

const GUARD: &str = "/run/split-ssh-vault/qrexec.sock";

/// A qube's file system, below a folder.
struct Root(PathBuf);

impl Root {
    /// A qube with the package, switched on as `switch`.
    fn new(world: &World, name: &str, switch: &str, units: &[&str]) -> Self {
        let root = Self(world.directory(format!("{name}-root")));
        root.program(
            "usr/bin/qubesdb-read",
            &format!("#!/bin/sh\n[ \"$1\" = /name ] && echo {name}\n"),
        );
        root.file(&format!("run/qubes-service/{switch}"), "");
        root.file("sys/class/net/lo", "");
        for unit in units {
            root.file(&format!("usr/lib/systemd/system/{unit}"), "[Unit]\n");
            let target = if unit.ends_with("socket") {
                "sockets"
            } else {
                "multi-user"
            };
            root.file(
                &format!("etc/systemd/system/{target}.target.wants/{unit}"),
                "",
            );
        }
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    fn program(&self, name: &str, text: &str) {
        write_program(&self.path(name), text.as_bytes(), 0o755);
    }

    fn link(&self, name: &str, target: &str) {
        self.remove(name);
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        symlink(target, path).expect("a link");
    }

    fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
}

/// A fault, what doctor says of it, and the remedy.
struct Fault<Q> {
    plant: fn(&Q),
    check: &'static str,
    state: &'static str,
    what: &'static str,
    remedy: &'static str,
    mend: fn(&Q),
}

#[derive(Debug)]
struct Found {
    check: String,
    state: String,
    what: String,
    remedy: String,
}

fn findings(command: &mut Command) -> (Vec<Found>, bool) {
    let output = finish(command.arg("--json"));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let word = |finding: &serde_json::Value, key: &str| {
        finding[key].as_str().unwrap_or_default().to_owned()
    };
    let checks = report["checks"].as_array().expect("a list");
    let found = checks.iter().map(|finding| Found {
        check: word(finding, "check"),
        state: word(finding, "state"),
        what: word(finding, "what"),
        remedy: word(finding, "remedy"),
    });
    assert_eq!(report["ok"].as_bool(), Some(output.status.success()));
    (found.collect(), output.status.success())
}

fn assert_healthy(command: &mut Command, after: &str) {
    let (found, _) = findings(command);
    let ill: Vec<&Found> = found
        .iter()
        .filter(|finding| finding.state != "ok")
        .collect();
    assert!(ill.is_empty(), "after {after}: {ill:#?}");
}

fn assert_each_is_found_and_mended<Q>(
    qube: &Q,
    doctor: impl Fn(&Q) -> Command,
    faults: &[Fault<Q>],
) {
    assert_healthy(&mut doctor(qube), "nothing");
    for fault in faults {
        (fault.plant)(qube);
        let (found, is_well) = findings(&mut doctor(qube));
        let is_it = |finding: &&Found| {
            finding.check == fault.check
                && finding.state == fault.state
                && finding.what.contains(fault.what)
                && finding.remedy.contains(fault.remedy)
        };
        assert!(
            found.iter().any(|finding| is_it(&finding)),
            "{}: {found:#?}",
            fault.what
        );
        assert_eq!(is_well, fault.state != "bad", "{}", fault.what);
        (fault.mend)(qube);
        assert_healthy(&mut doctor(qube), fault.what);
    }
}

struct VaultQube {
    world: World,
    root: Root,
    vault: Vault,
}

const SERVICE: &str = "etc/qubes-rpc/qubes.SshAgent";

impl VaultQube {
    fn new() -> Self {
        let world = World::new();
        let key = Key::ed25519(&world, "key");
        let folder = world.directory("vault/.ssh/identities.d/default");
        for (from, to) in [
            (key.private.clone(), "key"),
            (key.private.with_extension("pub"), "key.pub"),
        ] {
            fs::copy(from, folder.join(to)).expect("a copy");
        }
        let host = Key::ed25519(&world, "host");
        let known_hosts = format!("forge.example {}\n", host.line());
        let vault = Vault::start_configured(&world, "", "default = \"ask\"\n", &known_hosts);
        let units = [
            "split-ssh-vault-qrexec.socket",
            "split-ssh-vault-control.socket",
            "split-ssh-keyring.socket",
            "split-ssh-vault.service",
        ];
        let root = Root::new(&world, "vault", "split-ssh-vault", &units);
        root.link(SERVICE, GUARD);
        let qube = Self { world, root, vault };
        qube.write("sock", &qube.agent().display().to_string());
        wait_for("the key to be loaded", || {
            let listed = text(&finish(&mut qube.vault.control(&["list", "default"])));
            listed.contains("ED25519").then_some(())
        });
        qube
    }

    fn doctor(&self) -> Command {
        let mut command = self.vault.control(&["doctor", "--vault", "--root"]);
        command.arg(&self.root.0);
        if let Ok(socket) = fs::read_to_string(self.world.path("vault/sock")) {
            command.env("SSH_AUTH_SOCK", socket);
        }
        command
    }

    fn write(&self, name: &str, text: &str) {
        self.world.file(format!("vault/{name}"), text);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.world.path(format!("vault/{name}"))).expect("a file")
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.world.path(format!("vault/{name}"))).expect("a file");
    }

    fn key(&self) -> PathBuf {
        self.world.path("vault/.ssh/identities.d/default/key")
    }

    fn agent(&self) -> PathBuf {
        self.world.path("vault/run/split-ssh/default.sock")
    }
}

#[test]
fn every_fault_of_a_vault_is_found_and_its_remedy_mends_it() {
    let faults: &[Fault<VaultQube>] = &[
        Fault {
            plant: |q| q.root.remove(SERVICE),
            check: "service",
            state: "bad",
            what: "exit 127",
            remedy: "sudo mkdir -p /usr/local/etc/qubes-rpc; \
                     sudo ln -s /run/split-ssh-vault/qrexec.sock /usr/local/etc/qubes-rpc/qubes.SshAgent",
            mend: |q| q.root.link("usr/local/etc/qubes-rpc/qubes.SshAgent", GUARD),
        },
        Fault {
            plant: |q| {
                q.root.link(
                    "usr/local/etc/qubes-rpc/qubes.SshAgent",
                    "/run/elsewhere.sock",
                )
            },
            check: "service",
            state: "bad",
            what: "leads to /run/elsewhere.sock, which is not there",
            remedy: "sudo ln -sfn /run/split-ssh-vault/qrexec.sock",
            mend: |q| q.root.link("usr/local/etc/qubes-rpc/qubes.SshAgent", GUARD),
        },
        Fault {
            plant: |q| {
                let agent = q.agent();
                q.root.remove("usr/local/etc/qubes-rpc/qubes.SshAgent");
                fs::hard_link(agent, q.root.path("run/agent.sock")).expect("a link");
                q.root
                    .link("etc/qubes-rpc/qubes.SshAgent+work", "../../run/agent.sock");
                q.root.link(SERVICE, GUARD);
            },
            check: "service",
            state: "bad",
            what: "leads past the guard",
            remedy: "sudo ln -sfn",
            mend: |q| q.root.link("etc/qubes-rpc/qubes.SshAgent+work", GUARD),
        },
        Fault {
            plant: |q| {
                q.root.remove(SERVICE);
                q.root
                    .program(SERVICE, "#!/bin/sh\nncat -U $SSH_AUTH_SOCK\n");
            },
            check: "service",
            state: "bad",
            what: "no guard stands before",
            remedy: "split-ssh migrate",
            mend: |q| q.root.link(SERVICE, GUARD),
        },
        Fault {
            plant: |q| {
                q.root.remove(SERVICE);
                q.root
                    .file(SERVICE, "#!/bin/sh\nexec split-ssh vault --stdio\n");
            },
            check: "service",
            state: "bad",
            what: "not executable: clients see exit 125",
            remedy: "qubes.SshAgent; in the template too",
            mend: |q| mode(&q.root.path(SERVICE), 0o755),
        },
        Fault {
            plant: |q| {
                q.root.file(
                    "etc/qubes/rpc-config/qubes.SshAgent",
                    "skip-service-descriptor=true\n",
                );
            },
            check: "rpc-config",
            state: "bad",
            what: "lets a client say who it is",
            remedy: "remove the line `skip-service-descriptor=true`",
            mend: |q| q.root.remove("etc/qubes/rpc-config/qubes.SshAgent"),
        },
        Fault {
            plant: |q| {
                q.root.file(
                    "etc/qubes/rpc-config/qubes.SshAgent+work",
                    "# x\nforce-user=\"user\"\n",
                );
            },
            check: "rpc-config",
            state: "bad",
            what: "badly written: clients see exit 125",
            remedy: "remove the line",
            mend: |q| q.root.remove("etc/qubes/rpc-config/qubes.SshAgent+work"),
        },
        Fault {
            plant: |q| q.root.remove("run/qubes-service/split-ssh-vault"),
            check: "units",
            state: "bad",
            what: "switched off",
            remedy: "in dom0: qvm-service vault split-ssh-vault on",
            mend: |q| {
                q.root.file("run/qubes-service/split-ssh-vault", "");
            },
        },
        Fault {
            plant: |q| {
                q.root.remove(
                    "etc/systemd/system/sockets.target.wants/split-ssh-vault-qrexec.socket",
                );
            },
            check: "units",
            state: "bad",
            what: "split-ssh-vault-qrexec.socket is not enabled",
            remedy: "systemctl enable split-ssh-vault-qrexec.socket",
            mend: |q| {
                q.root.file(
                    "etc/systemd/system/sockets.target.wants/split-ssh-vault-qrexec.socket",
                    "",
                );
            },
        },
        Fault {
            plant: |q| {
                q.root.link(
                    "etc/systemd/system/split-ssh-vault-control.socket",
                    "/dev/null",
                )
            },
            check: "units",
            state: "bad",
            what: "split-ssh-vault-control.socket is masked",
            remedy: "systemctl unmask",
            mend: |q| {
                q.root
                    .remove("etc/systemd/system/split-ssh-vault-control.socket")
            },
        },
        Fault {
            plant: |q| {
                q.root
                    .link("run/systemd/system/split-ssh-vault.service", "/dev/null")
            },
            check: "units",
            state: "bad",
            what: "split-ssh-vault.service is masked",
            remedy: "sudo systemctl unmask --runtime split-ssh-vault.service",
            mend: |q| q.root.remove("run/systemd/system/split-ssh-vault.service"),
        },
        Fault {
            plant: |q| {
                q.root
                    .remove("etc/systemd/system/multi-user.target.wants/split-ssh-vault.service")
            },
            check: "units",
            state: "bad",
            what: "split-ssh-vault.service is not enabled",
            remedy: "systemctl enable split-ssh-vault.service",
            mend: |q| {
                q.root.file(
                    "etc/systemd/system/multi-user.target.wants/split-ssh-vault.service",
                    "",
                );
            },
        },
        Fault {
            plant: |q| {
                q.root
                    .link("etc/systemd/system/split-ssh-agent@.service", "/dev/null")
            },
            check: "units",
            state: "bad",
            what: "split-ssh-agent@.service is masked",
            remedy: "systemctl unmask split-ssh-agent@.service",
            mend: |q| q.root.remove("etc/systemd/system/split-ssh-agent@.service"),
        },
        Fault {
            plant: |q| {
                let folder = q.root.path("run/split-ssh-vault");
                fs::create_dir(&folder).expect("a folder");
                mode(&folder, 0o777);
            },
            check: "user",
            state: "bad",
            what: "others can write in /run/split-ssh-vault",
            remedy: "sudo systemd-tmpfiles --create split-ssh.conf; sudo systemctl restart",
            mend: |q| mode(&q.root.path("run/split-ssh-vault"), 0o700),
        },
        Fault {
            plant: |q| {
                let unit = q
                    .world
                    .path("vault/.config/systemd/user/split-ssh-prompt.socket");
                fs::create_dir_all(unit.parent().expect("a folder")).expect("a folder");
                symlink("/dev/null", unit).expect("a link");
            },
            check: "prompt",
            state: "warn",
            what: "split-ssh-prompt.socket is masked",
            remedy: "systemctl --user unmask split-ssh-prompt.socket",
            mend: |q| q.remove(".config/systemd/user/split-ssh-prompt.socket"),
        },
        Fault {
            plant: |q| q.remove("sock"),
            check: "SSH_AUTH_SOCK",
            state: "warn",
            what: "KeePassXC find no agent",
            remedy: "export SSH_AUTH_SOCK=",
            mend: |q| q.write("sock", &q.agent().display().to_string()),
        },
        Fault {
            plant: |q| {
                q.write(
                    "config/vault.toml",
                    "[prompt]\nby = \"terminal\"\n[keyring.other]\n",
                );
            },
            check: "keyring other",
            state: "bad",
            what: "No such file or directory",
            remedy: "split-ssh list other, which starts it or says why not",
            mend: |q| q.write("config/vault.toml", "[prompt]\nby = \"terminal\"\n"),
        },
        Fault {
            plant: |q| {
                q.write(
                    "config/vault.toml",
                    "[prompt]\nby = \"terminal\"\n[keyring.other]\n",
                );
                q.root.link(
                    "etc/systemd/system/split-ssh-agent@other.service",
                    "/dev/null",
                );
            },
            check: "units",
            state: "bad",
            what: "split-ssh-agent@other.service is masked",
            remedy: "systemctl unmask split-ssh-agent@other.service",
            mend: |q| q.write("config/vault.toml", "[prompt]\nby = \"terminal\"\n"),
        },
        Fault {
            plant: |q| {
                q.root
                    .program("usr/bin/qubesdb-read", "#!/bin/sh\nexit 1\n")
            },
            check: "qubesdb",
            state: "bad",
            what: "does not answer",
            remedy: "systemctl restart qubes-db",
            mend: |q| {
                q.root.program(
                    "usr/bin/qubesdb-read",
                    "#!/bin/sh\n[ \"$1\" = /name ] && echo vault\n",
                )
            },
        },
        Fault {
            plant: |q| {
                q.root.program(
                    "usr/bin/qubesdb-read",
                    "#!/bin/sh\ncase $1 in /name) echo vault;; /default-user) echo no-body;; *) exit 1;; esac\n",
                )
            },
            check: "user",
            state: "bad",
            what: "dom0 calls this qube's user `no-body`",
            remedy: "in dom0: qvm-prefs vault default_user user",
            mend: |q| {
                q.root.program(
                    "usr/bin/qubesdb-read",
                    "#!/bin/sh\ncase $1 in /name) echo vault;; /default-user) echo root;; *) exit 1;; esac\n",
                )
            },
        },
        Fault {
            plant: |q| {
                q.root.file("sys/class/net/eth0", "");
            },
            check: "network",
            state: "warn",
            what: "on a network (eth0)",
            remedy: "qvm-prefs vault netvm none",
            mend: |q| q.root.remove("sys/class/net/eth0"),
        },
        Fault {
            plant: |q| q.write("config/policy.toml", "default = \"allow\"\n"),
            check: "policy",
            state: "bad",
            what: "still serves the last good policy",
            remedy: "split-ssh policy check",
            mend: |q| q.write("config/policy.toml", "default = \"ask\"\n"),
        },
        Fault {
            plant: |q| mode(&q.world.path("vault/config/policy.toml"), 0o666),
            check: "policy",
            state: "bad",
            what: "still serves the last good policy",
            remedy: "chmod go-w",
            mend: |q| mode(&q.world.path("vault/config/policy.toml"), 0o600),
        },
        Fault {
            plant: |q| {
                q.write(
                    "config/vault.toml",
                    "[prompt]\nby = \"terminal\"\n[keyrings.x]\n",
                )
            },
            check: "vault.toml",
            state: "bad",
            what: "vault.toml:3",
            remedy: "fix the file",
            mend: |q| q.write("config/vault.toml", "[prompt]\nby = \"terminal\"\n"),
        },
        Fault {
            // A key that is taken out of a keyring stays in it until the vault is restarted.
            plant: |q| {
                let text = "[prompt]\nby = \"terminal\"\n[keyring.default]\nkeys = [\"another\"]\n";
                q.write("config/vault.toml", text);
            },
            check: "vault.toml",
            state: "warn",
            what: "changed since the vault started",
            remedy: "start",
            mend: |q| q.write("config/vault.toml", "[prompt]\nby = \"terminal\"\n"),
        },
        Fault {
            plant: |q| mode(&q.key(), 0o644),
            check: "keyring default",
            state: "bad",
            what: "others could read",
            remedy: "chmod 600",
            mend: |q| mode(&q.key(), 0o600),
        },
        Fault {
            plant: |q| {
                run(ssh_add(&q.world, &q.agent()).args(["-q", "-D"]));
            },
            check: "keyring default",
            state: "warn",
            what: "key is not loaded",
            remedy: "split-ssh reload default",
            mend: |q| {
                run(&mut q.vault.control(&["reload", "default"]));
            },
        },
        Fault {
            plant: |q| {
                fs::create_dir(q.world.path("vault/.ssh/identities.d/-x")).expect("a folder");
            },
            check: "keyring",
            state: "warn",
            what: "is no keyring",
            remedy: "rename the folder",
            mend: |q| fs::remove_dir(q.world.path("vault/.ssh/identities.d/-x")).expect("a folder"),
        },
        Fault {
            plant: |q| {
                let agent = q.vault.qrexec_socket.display().to_string();
                let text = format!(
                    "[prompt]\nby = \"terminal\"\n[keyring.default]\nagent = \"{agent}\"\n"
                );
                q.write("config/vault.toml", &text);
            },
            check: "keyring default",
            state: "bad",
            what: "is no agent",
            remedy: "in vault.toml",
            mend: |q| q.write("config/vault.toml", "[prompt]\nby = \"terminal\"\n"),
        },
        Fault {
            plant: |q| {
                let text = "[prompt]\nby = \"terminal\"\n[keyring.gone]\nagent = \"/nowhere/agent.sock\"\n";
                q.write("config/vault.toml", text);
            },
            check: "keyring gone",
            state: "bad",
            what: "cannot be reached",
            remedy: "start that agent",
            mend: |q| q.write("config/vault.toml", "[prompt]\nby = \"terminal\"\n"),
        },
        Fault {
            plant: |q| q.write("sock", &q.vault.qrexec_socket.display().to_string()),
            check: "SSH_AUTH_SOCK",
            state: "bad",
            what: "which takes no keys",
            remedy: "split-ssh/default.sock",
            mend: |q| q.write("sock", &q.agent().display().to_string()),
        },
        Fault {
            plant: |q| q.write("sock", "/run/user/1000/keyring/ssh"),
            check: "SSH_AUTH_SOCK",
            state: "warn",
            what: "reach nobody",
            remedy: "[keyring.default] agent = \"/run/user/1000/keyring/ssh\"",
            mend: |q| q.write("sock", &q.agent().display().to_string()),
        },
        Fault {
            plant: |q| {
                q.write(
                    ".config/keepassxc/keepassxc.ini",
                    "[General]\n[SSHAgent]\nEnabled=false\n",
                )
            },
            check: "KeePassXC",
            state: "warn",
            what: "integration is off",
            remedy: "Enable SSH Agent integration",
            mend: |q| {
                q.write(
                    ".config/keepassxc/keepassxc.ini",
                    "[SSHAgent]\nEnabled=true\n",
                )
            },
        },
        Fault {
            plant: |q| {
                let text = "[SSHAgent]\nEnabled=true\nAuthSockOverride=/x\n";
                q.write(".config/keepassxc/keepassxc.ini", text);
            },
            check: "KeePassXC",
            state: "warn",
            what: "is not read",
            remedy: "SSH_AUTH_SOCK override",
            mend: |q| {
                q.write(
                    ".config/keepassxc/keepassxc.ini",
                    "[SSHAgent]\nEnabled=true\n",
                );
                let text = format!("[SSHAgent]\nAuthSockOverride={}\n", q.agent().display());
                q.write(".cache/keepassxc/keepassxc.ini", &text);
            },
        },
        Fault {
            plant: |q| {
                let text = q.read(".ssh/known_hosts") + "forge.example ssh-ed25519 nonsense\n";
                q.write(".ssh/known_hosts", &text);
            },
            check: "known hosts",
            state: "warn",
            what: "known_hosts:2",
            remedy: "correct the line",
            mend: |q| {
                let text = q.read(".ssh/known_hosts");
                q.write(".ssh/known_hosts", text.lines().next().unwrap_or_default());
            },
        },
        Fault {
            plant: |q| {
                q.write(".ssh/config", "Host *\n  RevokedHostKeys=~/revoked none\n");
                let key = Key::ed25519(&q.world, "stolen").line();
                q.write("revoked", &format!("# stolen\n\n{key}\n"));
            },
            check: "known hosts",
            state: "bad",
            what: ".ssh/config:2: the vault does not read RevokedHostKeys ~/revoked",
            remedy: "vault/revoked | sed 's/^/@revoked * /' >>~/.ssh/known_hosts",
            // A line of known hosts that revokes nothing would be told of.
            mend: |q| {
                let (found, _) = findings(&mut q.doctor());
                let remedy = |one: &Found| one.remedy.split_once("; ").map(|all| all.0.to_owned());
                let mut remedies = found.iter().filter(|one| one.what.contains("Revoked"));
                let remedy = remedies.next().and_then(remedy).expect("a remedy");
                let home = q.world.path("vault");
                run(q
                    .world
                    .command("sh")
                    .args(["-c", &remedy])
                    .env("HOME", home));
                assert_eq!(q.read(".ssh/known_hosts").matches("@revoked").count(), 1);
                q.write(".ssh/config", "revokedhostkeys none # ~/revoked\n");
            },
        },
        Fault {
            plant: |q| {
                let text = "UserKnownHostsFile %d/.ssh/known_hosts2 \"~/.ssh/work hosts\"\n";
                q.write(".ssh/config", text);
            },
            check: "known hosts",
            state: "warn",
            what: "the vault does not read ~/.ssh/work",
            remedy: "split-ssh hosts import ",
            mend: |q| q.write(".ssh/config", "UserKnownHostsFile ~/.ssh/known_hosts2\n"),
        },
        Fault {
            plant: |q| mode(&q.world.path("vault/.ssh/known_hosts"), 0o666),
            check: "known hosts",
            state: "bad",
            what: "known_hosts",
            remedy: "chmod go-w",
            mend: |q| mode(&q.world.path("vault/.ssh/known_hosts"), 0o600),
        },
        Fault {
            plant: |q| {
                let text = q
                    .read("state/log.jsonl")
                    .replacen("\"seq\":1", "\"seq\":2", 1);
                q.write("state/log.jsonl", &text);
            },
            check: "log",
            state: "bad",
            what: "log.jsonl",
            remedy: "mv ",
            mend: |q| q.remove("state/log.jsonl"),
        },
    ];
    let qube = VaultQube::new();
    assert_each_is_found_and_mended(&qube, VaultQube::doctor, faults);
}

#[test]
fn a_vault_that_has_ended_is_found() {
    let mut qube = VaultQube::new();
    qube.vault.process.signal(nix::sys::signal::Signal::SIGKILL);
    qube.vault.process.wait();
    let (found, is_well) = findings(&mut qube.doctor());
    assert!(!is_well);
    let is_it = |finding: &Found| {
        finding.check == "socket"
            && finding.what.contains("no vault answers")
            && finding.remedy.contains("systemctl restart split-ssh-vault")
    };
    assert!(found.iter().any(is_it), "{found:#?}");
}

struct Qube {
    world: World,
    root: Root,
    client: ClientQube,
    _vault: Vault,
}

impl Qube {
    fn new() -> Self {
        let world = World::new();
        let key = Key::ed25519(&world, "key");
        let folder = world.directory("vault/.ssh/identities.d/default");
        fs::copy(&key.private, folder.join("key")).expect("a copy");
        let vault = Vault::start_configured(&world, "", "default = \"ask\"\n", "");
        let qrexec = stand_in(&world, "work/qrexec", "work");
        serve_socket(&qrexec, &vault.qrexec_socket);
        let client = ClientQube::start_configured(&world, "work", qrexec, "");
        let root = Root::new(
            &world,
            "work",
            "split-ssh-client",
            &["split-ssh-client.socket", "split-ssh-client.service"],
        );
        world.file("work/sock", client.socket.display().to_string());
        Self {
            world,
            root,
            client,
            _vault: vault,
        }
    }

    fn doctor(&self) -> Command {
        let mut command = self.client.control(&["doctor", "--client", "--root"]);
        command.arg(&self.root.0);
        if let Ok(socket) = fs::read_to_string(self.world.path("work/sock")) {
            command.env("SSH_AUTH_SOCK", socket);
        }
        command
    }

    fn client_toml(&self, from: &str, to: &str) {
        let file = self.world.path("work/config/client.toml");
        let text = fs::read_to_string(&file).expect("a file");
        assert!(text.contains(from), "{text}");
        fs::write(file, text.replace(from, to)).expect("our own file");
    }

    fn policy(&self, line: &str) {
        fs::write(self.client.qrexec.join("policy"), line).expect("the stand-in's policy");
    }

    fn list(&self) -> bool {
        let listed = finish(ssh_add(&self.world, &self.client.socket).arg("-l"));
        // What happened is in the status file only after the answer.
        listed.status.success()
    }

    fn service(&self) -> PathBuf {
        self.client
            .qrexec
            .join("qubes/vault/services/qubes.SshAgent")
    }

    fn fails_with(&self, code: &str) {
        assert!(!self.list());
        wait_for("the failure to be noted", || {
            self.client.status().contains(code).then_some(())
        });
    }

    fn works_again(&self) {
        wait_for("a call to be served after the failure", || {
            self.list();
            let (found, _) = findings(&mut self.doctor());
            let calls = found
                .iter()
                .find(|finding| finding.check.starts_with("calls"));
            calls.is_some_and(|calls| calls.state == "ok").then_some(())
        });
    }
}

const ALLOW: &str = "qubes.SshAgent * work vault allow\n";

#[test]
fn every_fault_of_a_client_is_found_and_its_remedy_mends_it() {
    let faults: &[Fault<Qube>] = &[
        Fault {
            plant: |q| {
                q.policy("qubes.SshAgent * work vault deny\n");
                q.fails_with("exit 126");
            },
            check: "calls vault",
            state: "bad",
            what: "refused by dom0 (exit 126)",
            remedy: "split-ssh dom0-policy",
            mend: |q| {
                q.policy(ALLOW);
                q.works_again();
            },
        },
        Fault {
            plant: |q| {
                fs::rename(q.service(), q.service().with_extension("away")).expect("a service");
                q.fails_with("exit 127");
            },
            check: "calls vault",
            state: "bad",
            what: "no such service (exit 127)",
            remedy: "is split-ssh installed in the vault's template",
            mend: |q| {
                fs::rename(q.service().with_extension("away"), q.service()).expect("a service");
                q.works_again();
            },
        },
        Fault {
            plant: |q| {
                fs::rename(q.service(), q.service().with_extension("away")).expect("a service");
                fs::write(q.service(), "no program").expect("a file");
                q.fails_with("exit 125");
            },
            check: "calls vault",
            state: "bad",
            what: "qrexec failed in the vault (exit 125)",
            remedy: "split-ssh doctor",
            mend: |q| {
                fs::rename(q.service().with_extension("away"), q.service()).expect("a service");
                q.works_again();
            },
        },
        Fault {
            plant: |q| {
                fs::rename(q.service(), q.service().with_extension("away")).expect("a service");
                // It never answers, and dies with its qube.
                fs::write(q.service(), "#!/bin/sh\nexec sleep 60\n").expect("a file");
                mode(&q.service(), 0o755);
                q.policy("qubes.SshAgent * work vault allow cut=200\n");
                q.fails_with("exit 255");
            },
            check: "calls vault",
            state: "bad",
            what: "the stream was cut",
            remedy: "did the vault stop",
            mend: |q| {
                fs::rename(q.service().with_extension("away"), q.service()).expect("a service");
                q.policy(ALLOW);
                q.works_again();
            },
        },
        Fault {
            plant: |q| fs::remove_file(q.world.path("work/sock")).expect("a file"),
            check: "SSH_AUTH_SOCK",
            state: "bad",
            what: "not set",
            remedy: "export SSH_AUTH_SOCK=",
            mend: |q| {
                q.world
                    .file("work/sock", q.client.socket.display().to_string());
            },
        },
        Fault {
            plant: |q| {
                q.world.file("work/sock", "/run/user/1000/keyring/ssh");
            },
            check: "SSH_AUTH_SOCK",
            state: "bad",
            what: "not the way to the vault",
            remedy: "export SSH_AUTH_SOCK=",
            mend: |q| {
                q.world
                    .file("work/sock", q.client.socket.display().to_string());
            },
        },
        Fault {
            plant: |q| {
                q.world.file(
                    "work/.ssh/config",
                    "Host *\n  IdentityAgent /run/user/1000/keyring/ssh\n",
                );
            },
            check: "ssh config",
            state: "warn",
            what: "past the vault",
            remedy: "remove the line",
            mend: |q| {
                q.world.file("work/.ssh/config", "Host *\n");
            },
        },
        Fault {
            plant: |q| {
                q.root.file(
                    "rw/config/rc.local",
                    "ncat -k -l -U x -c 'qrexec-client-vm vault qubes.SshAgent' &\n",
                );
            },
            check: "old client",
            state: "warn",
            what: "rc.local",
            remedy: "split-ssh migrate",
            mend: |q| q.root.remove("rw/config/rc.local"),
        },
        Fault {
            plant: |q| q.root.remove("run/qubes-service/split-ssh-client"),
            check: "units",
            state: "bad",
            what: "switched off",
            remedy: "qvm-service work split-ssh-client on",
            mend: |q| {
                q.root.file("run/qubes-service/split-ssh-client", "");
            },
        },
        Fault {
            plant: |q| {
                let good =
                    fs::read_to_string(q.world.path("work/config/client.toml")).expect("a file");
                q.world.file("work/good", &good);
                q.world
                    .file("work/config/client.toml", format!("{good}\nqueb = \"x\"\n"));
            },
            check: "client.toml",
            state: "bad",
            what: "client.toml:",
            remedy: "fix the file",
            mend: |q| {
                let good = fs::read_to_string(q.world.path("work/good")).expect("a file");
                q.world.file("work/config/client.toml", good);
            },
        },
        Fault {
            plant: |q| {
                let file = q.world.path("work/config/client.toml");
                let good = fs::read_to_string(file).expect("a file");
                let bad = good.replace("qube = \"vault\"", "qube = \"work\"");
                q.world.file("work/config/client.toml", bad);
            },
            check: "vault",
            state: "bad",
            what: "lets no qube call itself",
            remedy: "leave it to dom0: @default",
            mend: |q| {
                let file = q.world.path("work/config/client.toml");
                let bad = fs::read_to_string(file).expect("a file");
                let good = bad.replace("qube = \"work\"", "qube = \"vault\"");
                q.world.file("work/config/client.toml", good);
            },
        },
        Fault {
            plant: |q| q.client_toml("qube = \"vault\"", "qube = \"other\""),
            check: "settings",
            state: "bad",
            what: "the client still calls by qrexec to vault, qubes.SshAgent, and its settings say qrexec to other",
            remedy: "sudo systemctl restart split-ssh-client.socket split-ssh-client",
            mend: |q| q.client_toml("qube = \"other\"", "qube = \"vault\""),
        },
        Fault {
            plant: |q| {
                q.root.file("rw/config/split-ssh-vault", "other\n");
            },
            check: "settings",
            state: "warn",
            what: "/rw/config/split-ssh-vault says `other`, and no [[vault]]",
            remedy: "sudo rm /rw/config/split-ssh-vault",
            mend: |q| q.root.remove("rw/config/split-ssh-vault"),
        },
        Fault {
            plant: |q| {
                q.root
                    .link("etc/systemd/system/split-ssh-client.service", "/dev/null")
            },
            check: "units",
            state: "bad",
            what: "split-ssh-client.service is masked",
            remedy: "systemctl unmask split-ssh-client.service",
            mend: |q| q.root.remove("etc/systemd/system/split-ssh-client.service"),
        },
        Fault {
            plant: |q| {
                // /etc is root's; root gives a folder away.
                if geteuid().is_root() {
                    let folder = q.root.path("run/split-ssh-client");
                    fs::create_dir(&folder).expect("a folder");
                    std::os::unix::fs::chown(&folder, Some(65534), None).expect("root may");
                } else {
                    q.root.link("run/split-ssh-client", "/etc");
                }
            },
            check: "user",
            state: "bad",
            what: if geteuid().is_root() {
                "you are somebody else"
            } else {
                "belongs to root, so its sockets are out of reach"
            },
            remedy: if geteuid().is_root() {
                "sudo -u"
            } else {
                "sudo systemd-tmpfiles --create split-ssh.conf; sudo systemctl restart"
            },
            mend: |q| {
                let folder = q.root.path("run/split-ssh-client");
                let _ = fs::remove_dir(&folder).or_else(|_| fs::remove_file(&folder));
            },
        },
    ];
    let qube = Qube::new();
    assert!(qube.list());
    qube.works_again();
    assert_each_is_found_and_mended(&qube, Qube::doctor, faults);
}

/// What the package installs is what doctor looks for.
#[test]
fn a_qube_with_the_packages_files_is_healthy() {
    let qube = VaultQube::new();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let packaged = Root(qube.world.directory("packaged"));
    let mut make = qube.world.command("make");
    make.arg("-sC").arg(&project).arg("install-vm-files");
    run(make.arg(format!("DESTDIR={}", packaged.0.display())));
    // As systemd does by the presets.
    let presets = fs::read_to_string(project.join("qubes/vm/system.preset")).expect("presets");
    for unit in presets
        .lines()
        .filter_map(|line| line.strip_prefix("enable "))
    {
        let target = if unit.ends_with(".socket") {
            "sockets"
        } else {
            "multi-user"
        };
        packaged.file(
            &format!("etc/systemd/system/{target}.target.wants/{unit}"),
            "",
        );
    }
    packaged.program(
        "usr/bin/qubesdb-read",
        "#!/bin/sh\n[ \"$1\" = /name ] && echo vault\n",
    );
    for switch in ["split-ssh-vault", "split-ssh-client"] {
        packaged.file(&format!("run/qubes-service/{switch}"), "");
    }
    let mut doctor = qube.vault.control(&["doctor", "--vault", "--root"]);
    doctor.env("SSH_AUTH_SOCK", qube.agent());
    assert_healthy(doctor.arg(&packaged.0), "the package's installation");
    let mut doctor = qube.vault.control(&["doctor", "--client", "--root"]);
    let (found, _) = findings(doctor.arg(&packaged.0));
    let units = found.iter().find(|finding| finding.check == "units");
    assert_eq!(
        units.map(|units| units.state.as_str()),
        Some("ok"),
        "{found:#?}"
    );
}

/// Without the package the guard's socket is elsewhere, and so is what a remedy links to.
#[test]
fn a_vault_without_the_package_is_told_of_its_own_socket() {
    let qube = VaultQube::new();
    let root = Root(qube.world.directory("bare"));
    let mut doctor = qube.vault.control(&["doctor", "--vault", "--root"]);
    let (found, _) = findings(doctor.arg(&root.0));
    let service = found.iter().find(|finding| finding.check == "service");
    let link = format!("sudo ln -s {} ", qube.vault.qrexec_socket.display());
    assert!(
        service.is_some_and(|service| service.remedy.contains(&link)),
        "{found:#?}"
    );
}

#[test]
fn a_qube_that_is_neither_is_told_so() {
    let world = World::new();
    let root = world.directory("root");
    let mut command = world.command(testbed::programs::split_ssh());
    command.arg("--runtime-dir").arg(world.directory("run"));
    let output = finish(command.arg("doctor").arg("--root").arg(&root));
    assert!(!output.status.success());
    let said = text(&output);
    assert!(
        said.contains("neither as a vault nor as a client"),
        "{said}"
    );
    assert!(
        said.contains("-> in dom0: qvm-service QUBE split-ssh-vault on"),
        "{said}"
    );
    assert!(said.ends_with("1 problem\n"), "{said}");
    let old = "ncat -k -l -U \"$S\" -c 'qrexec-client-vm vault qubes.SshAgent' &\n";
    world.directory("root/rw/config");
    world.file("root/rw/config/rc.local", old);
    let output = finish(&mut command);
    assert!(text(&output).contains("-> split-ssh migrate"), "{output:?}");
}

/// What a client left that nobody starts any more is no trouble of today's.
#[test]
fn a_keyring_that_is_called_no_more_is_no_trouble() {
    let qube = Qube::new();
    let folder = qube.world.path("work/run/split-ssh-client");
    let status = wait_for("the client's status", || {
        fs::read_to_string(folder.join("vault.json")).ok()
    });
    let pid = format!("\"pid\":{}", qube.client.process.pid());
    // No process has the largest number.
    let old = status
        .replace(&pid, "\"pid\":2147483647")
        .replace("\"vault\":\"vault\"", "\"vault\":\"old\"");
    assert_ne!(old, status);
    fs::write(folder.join("old.json"), old).expect("a file");
    assert_healthy(&mut qube.doctor(), "another keyring");
    let socket = qube.world.path("work/next.sock");
    let mut next = qube.client.control(&["client", "--socket"]);
    next.arg(&socket);
    let mut next = Running::start(next, &qube.world.path("next-output"));
    next.wait_for_log("listening");
    assert!(!folder.join("old.json").exists());
    next.signal(Signal::SIGTERM);
    next.wait();
}

#[test]
fn a_file_of_this_qube_and_dom0_say_different_things() {
    let qube = Qube::new();
    let home = qube.world.directory("bare");
    let doctor = |root: &Root| {
        let mut command = qube.world.command(testbed::programs::split_ssh());
        command.env("HOME", &home).arg("--runtime-dir").arg(&home);
        let command = command.args(["doctor", "--client", "--root"]).arg(&root.0);
        let (found, _) = findings(command);
        let said = found.iter().filter(|finding| finding.check == "settings");
        said.map(|finding| format!("{} -> {}", finding.what, finding.remedy))
            .collect::<Vec<_>>()
    };
    qube.root.program(
        "usr/bin/qubesdb-read",
        "#!/bin/sh\ncase $1 in /name) echo work;; /vm-config/split-ssh-vault) echo other;; *) exit 1;; esac\n",
    );
    qube.root.file("rw/config/split-ssh-vault", "vault\n");
    let said = doctor(&qube.root);
    assert_eq!(
        said,
        [
            "/rw/config/split-ssh-vault says `vault`, dom0's vm-config.split-ssh-vault says `other`: the file holds \
          -> sudo rm /rw/config/split-ssh-vault; or in dom0: qvm-features --unset work vm-config.split-ssh-vault"
        ]
    );
    qube.root.file("rw/config/split-ssh-vault", "other\n");
    assert_eq!(doctor(&qube.root), Vec::<String>::new());
}

/// Whatever was made with sudo is named, and whose it has to be.
#[test]
fn files_out_of_the_vaults_reach_are_named() {
    let world = World::new();
    mode(&world.path(""), 0o755);
    let home = world.directory("home");
    let folder = world.directory("home/.ssh/identities.d/work");
    fs::create_dir_all(home.join("run")).expect("a folder");
    let program = world.path("split-ssh");
    fs::copy(testbed::programs::split_ssh(), &program).expect("a copy");
    let key = folder.join("key");
    fs::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----\n").expect("a file");
    let user = if geteuid().is_root() {
        65534
    } else {
        geteuid().as_raw()
    };
    let doctor = || {
        let mut command = if geteuid().is_root() {
            let mut command = world.command("setpriv");
            command
                .args(["--reuid=65534", "--clear-groups", "--"])
                .arg(&program);
            command
        } else {
            world.command(&program)
        };
        command
            .env("HOME", &home)
            .arg("--runtime-dir")
            .arg(home.join("run"));
        let (found, _) = findings(command.args(["doctor", "--vault"]));
        let said = found.iter().filter(|finding| finding.check == "files");
        said.map(|finding| format!("{} -> {}", finding.what, finding.remedy))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let give = |to: u32| {
        if geteuid().is_root() {
            run(world
                .command("chown")
                .arg("-R")
                .arg(to.to_string())
                .arg(&home));
        }
    };
    give(user);
    mode(&key, 0o000);
    let said = doctor();
    assert!(
        said.contains("key keeps the vault out -> chmod -R u+rwX"),
        "{said}"
    );
    run(world
        .command("chmod")
        .arg("-R")
        .arg("u+rwX")
        .arg(home.join(".ssh/identities.d")));
    assert_eq!(doctor(), "");
    if geteuid().is_root() {
        mode(&folder, 0o700);
        run(world.command("chown").arg("0").arg(&folder));
        let said = doctor();
        assert!(
            said.contains(
                "identities.d/work belongs to root, and the vault needs it -> sudo chown -R nobody "
            ),
            "{said}"
        );
    }
}

/// The socket's file can be another process's by now; the client's own file cannot know it.
#[test]
fn another_process_at_the_clients_socket_is_told() {
    let qube = Qube::new();
    fs::remove_file(&qube.client.socket).expect("a socket");
    let _other = UnixListener::bind(&qube.client.socket).expect("a free place");
    let (found, is_well) = findings(&mut qube.doctor());
    let ours = format!("process {} listens at ", std::process::id());
    let is_it = |finding: &&Found| finding.check == "socket" && finding.what.starts_with(&ours);
    let told = found
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("{found:#?}"));
    assert!(!is_well && told.remedy.contains("ps -p"), "{told:?}");
}

/// Two clients that call their vaults alike do not write over each other.
#[test]
fn two_clients_of_one_vault_are_both_told() {
    let qube = Qube::new();
    let second = qube.world.path("work/second.sock");
    let mut command = qube.client.control(&["client", "--socket"]);
    command
        .arg(&second)
        .env("QREXEC_STAND_IN", &qube.client.qrexec);
    let _second = Running::start(command, &qube.world.path("work/second-output"));
    let both = wait_for("both clients", || {
        let said = qube.client.status();
        let first = qube.client.socket.display().to_string();
        let second = second.display().to_string();
        (said.contains(&first) && said.contains(&second)).then_some(said)
    });
    assert_eq!(
        both.matches("client vault: listening at ").count(),
        2,
        "{both}"
    );
}
