//! `split-ssh migrate`: what the earlier ones left is found as their documents have people write it, is
//! changed only when told to, with the old files kept, and a second run finds nothing more to do.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use testbed::children::{finish, run, text};
use testbed::keys::Key;
use testbed::programs;
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::{World, write_program};

/// The community guide's lines for /rw/config/rc.local, word for word.
const GUIDES_RC_LOCAL: &str =
    include_str!("../../crates/admin/src/migrate/documented/guide-rc.local");

/// And for ~/.bashrc.
const GUIDES_BASHRC: &str = include_str!("../../crates/admin/src/migrate/documented/guide-bashrc");

const GUIDES_SERVICE: &str = r#"#!/bin/sh
# Qubes App Split SSH Script

# safeguard - Qubes notification bubble for each ssh request
notify-send "[`qubesdb-read /name`] SSH agent access from: $QREXEC_REMOTE_DOMAIN"

# SSH connection
ncat -U $SSH_AUTH_SOCK
"#;

const GUIDES_DESKTOP: &str = "[Desktop Entry]\nName=ssh-add\nExec=ssh-add\nType=Application\n";

/// henn's lines have no marks around them.
const HENNS_RC_LOCAL: &str =
    include_str!("../../crates/admin/src/migrate/documented/henn-rc.local");

const HENNS_BASHRC: &str = include_str!("../../crates/admin/src/migrate/documented/henn-bashrc");

const SOMEBODYS: &str = "#!/bin/sh\n\n# my own line\necho hello > /tmp/hello\n";

struct Qube {
    world: World,
    root: PathBuf,
    home: PathBuf,
}

impl Qube {
    /// A qube with our package in its template.
    fn new(name: &str) -> Self {
        let world = World::new();
        let qube = Self {
            root: world.directory("root"),
            home: world.directory("vault"),
            world,
        };
        let script = format!(
            "#!/bin/sh\ncase $1 in /name) echo {name};; /qubes-vm-type) echo AppVM;; *) exit 1;; esac\n"
        );
        qube.write("usr/bin/qubesdb-read", &script, 0o755);
        for file in [
            "usr/bin/split-ssh",
            "usr/lib/systemd/system/split-ssh-client.socket",
            "usr/lib/systemd/system/split-ssh-vault.service",
            "etc/profile.d/split-ssh.sh",
        ] {
            qube.write(file, "", 0o644);
        }
        qube
    }

    fn write(&self, file: &str, text: &str, mode: u32) -> PathBuf {
        let path = match file.strip_prefix("~/") {
            Some(file) => self.home.join(file),
            None => self.root.join(file),
        };
        write_program(&path, text.as_bytes(), mode);
        path
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.root.join(file)).expect("a file");
    }

    fn read(&self, file: &str) -> String {
        let path = match file.strip_prefix("~/") {
            Some(file) => self.home.join(file),
            None => self.root.join(file),
        };
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn link(&self, file: &str) -> PathBuf {
        let path = match file.strip_prefix("~/") {
            Some(file) => self.home.join(file),
            None => self.root.join(file),
        };
        fs::read_link(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn migrate(&self, words: &[&str]) -> (String, bool) {
        let mut command = self.world.command(programs::split_ssh());
        command.env("HOME", &self.home).arg("migrate").args(words);
        let output = finish(command.arg("--root").arg(&self.root));
        assert!(output.stderr.is_empty(), "{output:?}");
        (text(&output), output.status.success())
    }

    /// All files with their contents, links with their targets.
    fn state(&self) -> String {
        run(self.world.command("sh").arg("-c").arg(
            "find root vault -type f -exec sha256sum {} + | sort; find root vault -type l -printf '%p %l\\n' | sort",
        ))
    }

    /// Says what it would do, does it, and is then content.
    fn migrate_for_good(&self) -> (String, String) {
        let before = self.state();
        let (plan, is_done) = self.migrate(&[]);
        assert!(
            !is_done && plan.contains("nothing is changed yet"),
            "{plan}"
        );
        assert_eq!(self.state(), before, "only looking changes nothing");
        let (done, is_done) = self.migrate(&["--apply"]);
        assert!(is_done, "{done}");
        let after = self.state();
        let (again, is_done) = self.migrate(&["--apply"]);
        assert!(is_done && !again.contains("done  "), "{again}");
        assert_eq!(self.state(), after, "a second run changes nothing");
        (plan, done)
    }

    fn assert_shell(&self, file: &str) {
        let path = match file.strip_prefix("~/") {
            Some(file) => self.home.join(file),
            None => self.root.join(file),
        };
        run(self.world.command("bash").arg("-n").arg(path));
    }
}

#[test]
fn the_guides_client_is_changed_over() {
    let qube = Qube::new("work");
    let rc_local = format!("{SOMEBODYS}\n{GUIDES_RC_LOCAL}");
    let bashrc = format!("alias ll='ls -l'\n{GUIDES_BASHRC}");
    qube.write("rw/config/rc.local", &rc_local, 0o755);
    qube.write("~/.bashrc", &bashrc, 0o644);
    let (plan, _) = qube.migrate_for_good();
    for words in [
        "with the vault `vault`",
        "take out lines 6 to 15, which start the old client",
        "qubes.SshAgent + work @default ask target=vault default_target=vault",
        "/etc/qubes/policy.d/30-user-split-ssh.policy",
        "sudo HOME=\"$HOME\" split-ssh migrate --apply",
    ] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    assert_eq!(qube.read("rw/config/rc.local"), SOMEBODYS);
    assert_eq!(qube.read("rw/config/rc.local.before-split-ssh"), rc_local);
    let mode = fs::metadata(qube.root.join("rw/config/rc.local"))
        .expect("a file")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o755, "rc.local runs only if it may");
    assert_eq!(qube.read("~/.bashrc"), "alias ll='ls -l'\n");
    assert_eq!(qube.read("~/.bashrc.before-split-ssh"), bashrc);
    assert_eq!(qube.read("rw/config/split-ssh-vault"), "vault\n");
    let socket = qube.link("~/.SSH_AGENT_vault");
    assert_eq!(socket, PathBuf::from("/run/split-ssh-client/agent.sock"));
    qube.assert_shell("rw/config/rc.local");
    qube.assert_shell("~/.bashrc");
}

#[test]
fn henns_client_is_changed_over() {
    let qube = Qube::new("work");
    qube.write(
        "rw/config/rc.local",
        &format!("{SOMEBODYS}\n{HENNS_RC_LOCAL}\nexit 0\n"),
        0o755,
    );
    qube.write(
        "~/.bashrc",
        &format!("{HENNS_BASHRC}\nexport EDITOR=vi\n"),
        0o644,
    );
    qube.migrate_for_good();
    let rc_local = qube.read("rw/config/rc.local");
    assert!(
        rc_local.starts_with(SOMEBODYS) && rc_local.ends_with("\nexit 0\n"),
        "{rc_local}"
    );
    assert!(!rc_local.contains("SSH"), "{rc_local}");
    assert_eq!(qube.read("~/.bashrc").trim(), "export EDITOR=vi");
    assert_eq!(qube.read("rw/config/split-ssh-vault"), "ssh-vault\n");
    assert!(qube.link("~/.SSH_AGENT_ssh-vault").ends_with("agent.sock"));
}

/// A comment behind the name, other quotes, an `export`: the vault is the same.
#[test]
fn a_client_that_was_edited_keeps_its_vault() {
    for line in [
        "SSH_VAULT_VM=\"keys\" # was: vault",
        "export SSH_VAULT_VM='keys'",
        "SSH_VAULT_VM=keys\t",
    ] {
        let qube = Qube::new("work");
        let edited = |text: &str| text.replace("SSH_VAULT_VM=\"vault\"", line);
        qube.write("rw/config/rc.local", &edited(GUIDES_RC_LOCAL), 0o755);
        qube.write("~/.bashrc", &edited(GUIDES_BASHRC), 0o644);
        qube.migrate_for_good();
        assert_eq!(qube.read("rw/config/split-ssh-vault"), "keys\n", "{line}");
        assert_eq!(qube.read("~/.bashrc"), "", "{line}");
        assert!(qube.link("~/.SSH_AGENT_keys").ends_with("agent.sock"));
    }
}

/// Lines that no document has are shown, and are left to their owner.
#[test]
fn what_no_document_has_is_left_to_the_owner() {
    let other = |line| GUIDES_RC_LOCAL.replace("SSH_VAULT_VM=\"vault\"", line);
    for (rc_local, told) in [
        (other("SSH_VAULT_VM=\"$1\""), "rc.local:8: listens at"),
        (
            other("SSH_VAULT_VM=\"vault\"; date"),
            "rc.local:8: listens at",
        ),
        (other("SSH_VAULT_VM=\"my vault\""), "rc.local:8: listens at"),
        (
            GUIDES_RC_LOCAL.replace("  rm -f", "  mount /dev/xvdi /mnt\n  rm -f"),
            "rc.local:9: listens at",
        ),
        // A client of two vaults.
        (
            format!("{GUIDES_RC_LOCAL}\n{}", other("SSH_VAULT_VM=\"other\"")),
            "give each a [[vault]] in",
        ),
        // With a client that was changed, another one is not taken out either.
        (
            format!(
                "{GUIDES_RC_LOCAL}\n{}",
                other("SSH_VAULT_VM=\"vault\"; date")
            ),
            "rc.local:19 starts a client too",
        ),
    ] {
        let qube = Qube::new("work");
        qube.write("rw/config/rc.local", &rc_local, 0o755);
        let before = qube.state();
        let (said, _) = qube.migrate(&["--apply"]);
        assert!(said.contains(told), "{rc_local}: {said}");
        assert_eq!(qube.state(), before, "{rc_local}");
    }
}

/// What cannot be read as it is cannot be written as it was.
#[test]
fn a_file_that_would_lose_something_is_left_alone() {
    let qube = Qube::new("work");
    qube.write("rw/config/rc.local", GUIDES_RC_LOCAL, 0o755);
    let bashrc = qube.write("~/.bashrc", "", 0o644);
    let text = [b"alias gr\xfcn=ls\n", GUIDES_BASHRC.as_bytes()].concat();
    fs::write(&bashrc, &text).expect("our own file");
    let (said, _) = qube.migrate(&["--apply"]);
    assert!(said.contains(".bashrc:7: sets SSH_AUTH_SOCK"), "{said}");
    assert_eq!(fs::read(bashrc).expect("a file"), text);
}

/// Other people's line ends and indents are as they were.
#[test]
fn the_rest_of_a_file_stays_byte_for_byte() {
    let qube = Qube::new("work");
    let rest = "a=1\r\n\tb=2  \n";
    qube.write("~/.bashrc", &format!("{rest}{GUIDES_BASHRC}c=3"), 0o644);
    qube.migrate_for_good();
    assert_eq!(qube.read("~/.bashrc"), format!("{rest}c=3"));
}

#[test]
fn without_our_profile_the_bashrc_keeps_setting_the_socket() {
    let qube = Qube::new("work");
    qube.remove("etc/profile.d/split-ssh.sh");
    qube.write("rw/config/rc.local", GUIDES_RC_LOCAL, 0o755);
    qube.write("~/.bashrc", GUIDES_BASHRC, 0o644);
    let (_, is_done) = qube.migrate(&["--apply"]);
    assert!(is_done);
    assert_eq!(qube.read("~/.bashrc"), GUIDES_BASHRC);
    assert!(qube.link("~/.SSH_AGENT_vault").ends_with("agent.sock"));
}

#[test]
fn without_our_package_nothing_is_taken_away() {
    let qube = Qube::new("work");
    for file in [
        "usr/lib/systemd/system/split-ssh-client.socket",
        "usr/lib/systemd/system/split-ssh-vault.service",
        "usr/bin/split-ssh",
    ] {
        qube.remove(file);
    }
    qube.write("rw/config/rc.local", GUIDES_RC_LOCAL, 0o755);
    qube.write("etc/qubes-rpc/qubes.SshAgent", GUIDES_SERVICE, 0o755);
    qube.write("~/.config/autostart/ssh-add.desktop", GUIDES_DESKTOP, 0o644);
    let before = qube.state();
    let (said, _) = qube.migrate(&["--apply"]);
    assert_eq!(said.matches("first install split-ssh").count(), 3, "{said}");
    assert_eq!(qube.state(), before);
}

#[test]
fn what_cannot_be_written_is_told_and_the_rest_is_done() {
    let qube = Qube::new("vault");
    let key = Key::ed25519(&qube.world, "key");
    let key_file = qube.write(
        "~/.ssh/id_ed25519",
        &fs::read_to_string(&key.private).expect("a key"),
        0o600,
    );
    qube.write("~/.config/autostart/ssh-add.desktop", GUIDES_DESKTOP, 0o644);
    qube.write("rw/config/rc.local", GUIDES_RC_LOCAL, 0o755);
    // Root writes everywhere, but nobody makes a file where a folder has its name.
    fs::create_dir(qube.root.join("rw/config/rc.local.split-ssh-new")).expect("a folder");
    let (said, is_done) = qube.migrate(&["--apply"]);
    assert!(
        !is_done && said.contains("FAILED") && said.contains("to try again as root"),
        "{said}"
    );
    assert_eq!(qube.read("rw/config/rc.local"), GUIDES_RC_LOCAL);
    assert!(
        !qube.root.join("rw/config/split-ssh-vault").exists(),
        "the old client still listens"
    );
    let desktop = qube.read("~/.config/autostart/ssh-add.desktop");
    assert!(
        desktop.contains(&format!(
            "Exec=split-ssh add default {}\n",
            key_file.display()
        )),
        "{desktop}"
    );
}

#[test]
fn the_guides_vault_is_changed_over_and_its_key_is_in_the_keyring() {
    let qube = Qube::new("vault");
    let key = Key::ed25519(&qube.world, "key");
    qube.write(
        "~/.ssh/id_ed25519",
        &fs::read_to_string(&key.private).expect("a key"),
        0o600,
    );
    qube.write("~/.config/autostart/ssh-add.desktop", GUIDES_DESKTOP, 0o644);
    qube.write("etc/qubes-rpc/qubes.SshAgent", GUIDES_SERVICE, 0o755);
    let (plan, _) = qube.migrate_for_good();
    assert!(plan.contains("the guide's service"), "{plan}");
    assert!(
        plan.contains("qvm-service vault split-ssh-vault on"),
        "{plan}"
    );
    // The template's file is not this qube's to change, but its own comes first.
    assert_eq!(qube.read("etc/qubes-rpc/qubes.SshAgent"), GUIDES_SERVICE);
    assert!(
        plan.contains("in this vault's template: sudo ln -sfn"),
        "{plan}"
    );
    let link = qube.link("usr/local/etc/qubes-rpc/qubes.SshAgent");
    assert_eq!(link, PathBuf::from("/run/split-ssh-vault/qrexec.sock"));

    let desktop = qube.read("~/.config/autostart/ssh-add.desktop");
    let exec = desktop
        .lines()
        .find_map(|line| line.strip_prefix("Exec=split-ssh "));
    let words: Vec<&str> = exec.expect("our program").split(' ').collect();
    let vault = Vault::start_configured(&qube.world, "", "default = \"ask\"\n", "");
    wait_for("the keyring's agent", || {
        finish(&mut vault.control(&words))
            .status
            .success()
            .then_some(())
    });
    let listed = text(&finish(&mut vault.control(&["list", "default"])));
    assert!(listed.contains(&key.fingerprint(&qube.world)), "{listed}");
}

#[test]
fn a_service_of_this_qubes_own_gives_way_and_can_be_called_no_more() {
    let qube = Qube::new("vault");
    let service = "usr/local/etc/qubes-rpc/qubes.SshAgent";
    qube.write(service, GUIDES_SERVICE, 0o755);
    qube.migrate_for_good();
    assert_eq!(
        qube.link(service),
        PathBuf::from("/run/split-ssh-vault/qrexec.sock")
    );
    let kept = qube.root.join(format!("{service}.before-split-ssh"));
    assert_eq!(fs::read_to_string(&kept).expect("a copy"), GUIDES_SERVICE);
    let mode = fs::metadata(&kept).expect("a copy").permissions().mode();
    assert_eq!(
        mode & 0o111,
        0,
        "qrexec runs every executable of that folder"
    );
}

/// What it does nobody knows, so that only its owner can let it go.
#[test]
fn a_service_that_no_document_has_is_left_to_its_owner() {
    let qube = Qube::new("vault");
    let service = "usr/local/etc/qubes-rpc/qubes.SshAgent";
    qube.write(
        service,
        "#!/bin/sh\nexec /opt/agent/serve qubes.SshAgent\n",
        0o755,
    );
    let before = qube.state();
    let (said, _) = qube.migrate(&["--apply"]);
    assert!(
        said.contains(
            "when nothing needs it any more: sudo ln -sfn /run/split-ssh-vault/qrexec.sock"
        ),
        "{said}"
    );
    assert_eq!(qube.state(), before);
}

#[test]
fn an_ssh_add_with_options_is_left_to_its_owner() {
    let qube = Qube::new("vault");
    let desktop =
        GUIDES_DESKTOP.replace("ssh-add\nType", "ssh-add -t 3600 /home/user/.ssh/key\nType");
    qube.write("~/.config/autostart/ssh-add.desktop", &desktop, 0o644);
    let before = qube.state();
    let (said, _) = qube.migrate(&["--apply"]);
    assert!(said.contains("does more than name keys"), "{said}");
    assert_eq!(qube.state(), before);
}

#[test]
fn dotfiles_that_are_links_stay_links() {
    let qube = Qube::new("work");
    let real = qube.write("~/dotfiles/bashrc", GUIDES_BASHRC, 0o644);
    symlink(&real, qube.home.join(".bashrc")).expect("a link");
    qube.write("rw/config/rc.local", GUIDES_RC_LOCAL, 0o755);
    qube.migrate_for_good();
    assert_eq!(qube.link("~/.bashrc"), real);
    assert_eq!(fs::read_to_string(real).expect("a file"), "");
}

#[test]
fn qusals_and_the_official_service_are_told_of() {
    let qube = Qube::new("vault");
    qube.write(
        "etc/qubes-rpc/qusal.SshAgent",
        "#!/bin/sh\nlogger qusal.SshAgent\n",
        0o755,
    );
    qube.write("usr/lib/split-ssh/start-agent", "#!/bin/sh\n", 0o755);
    let (said, is_done) = qube.migrate(&[]);
    assert!(is_done, "nothing to do here: {said}");
    assert!(
        said.contains("qusal.SshAgent:2: names the service qusal.SshAgent"),
        "{said}"
    );
    assert!(said.contains("it goes on with the keyrings"), "{said}");
}

#[test]
fn a_vault_of_the_official_playbook_is_told_to_be_switched_on() {
    let qube = Qube::new("keys");
    qube.write(
        "rw/config/rc.local.d/30-split-ssh-vault.rc",
        "#!/bin/sh\n",
        0o755,
    );
    let (said, _) = qube.migrate(&[]);
    assert!(
        said.contains("in dom0: qvm-service keys split-ssh-vault on"),
        "{said}"
    );
    qube.write("run/qubes-service/split-ssh-vault", "", 0o644);
    let (said, is_done) = qube.migrate(&[]);
    assert!(
        is_done && said.starts_with("nothing of an earlier"),
        "{said}"
    );
}

#[test]
fn a_new_qube_has_nothing_to_change() {
    let qube = Qube::new("work");
    qube.write("rw/config/rc.local", SOMEBODYS, 0o755);
    let (said, is_done) = qube.migrate(&["--apply"]);
    assert_eq!(
        said,
        "nothing of an earlier split SSH is left to change here\n"
    );
    assert!(is_done);
}

/// The lines that were taken out are the ones that ran: what stays is a script that still runs.
#[test]
fn what_stays_of_rc_local_still_runs() {
    let qube = Qube::new("work");
    let marker = qube.world.path("ran");
    let own = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let file = qube.write(
        "rw/config/rc.local",
        &format!("{GUIDES_RC_LOCAL}{}", &own["#!/bin/sh\n".len()..]),
        0o755,
    );
    let script = fs::read_to_string(&file).expect("a file");
    write_program(&file, format!("#!/bin/sh\n{script}").as_bytes(), 0o755);
    qube.migrate_for_good();
    run(&mut Command::new(&file));
    assert!(marker.exists());
}

/// Files with their texts, and what is said of them.
type SetUp = (
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

/// Published set-ups of every form: each line is found with its place and with what it does, and is left to its owner.
#[test]
fn set_ups_of_any_form_are_found_line_by_line() {
    let cases: &[SetUp] = &[
        (
            &[(
                "rw/config/rc.local",
                "#!/bin/sh\nVAULT=keys\nrm -f /home/user/.agent-$VAULT\n\
                 sudo -u user sh -c \"umask 177; exec ncat -kl -U /home/user/.agent-$VAULT -c \
                 'qrexec-client-vm $VAULT qubes.SshAgent'\" &\n",
            )],
            &[
                "rc.local:3: removes /home/user/.agent-keys",
                "rc.local:4: listens at /home/user/.agent-keys, calls qubes.SshAgent in keys",
            ],
        ),
        (
            &[(
                "rw/config/rc.local.d/20-agent.rc",
                "sock=/home/user/.SSH_AGENT_vault\nrm -f \"$sock\"\n\
                 runuser -u user -- socat \"UNIX-LISTEN:$sock,fork,mode=600\" \\\n  \
                 \"EXEC:qrexec-client-vm vault qubes.SshAgent+work\" &\n",
            )],
            &[
                "20-agent.rc:2: removes /home/user/.SSH_AGENT_vault",
                "20-agent.rc:3: listens at /home/user/.SSH_AGENT_vault, calls qubes.SshAgent in vault",
            ],
        ),
        (
            &[
                (
                    "~/.config/systemd/user/remote.socket",
                    "[Socket]\nListenStream=%t/remote-agent.socket\nAccept=yes\n",
                ),
                (
                    "~/.config/systemd/user/remote@.service",
                    "[Service]\nExecStart=/usr/bin/qrexec-client-vm @default qubes.SshAgent\n",
                ),
                (
                    "~/.ssh/config",
                    "Host *\n  IdentityAgent /run/user/1000/remote-agent.socket\n",
                ),
            ],
            &[
                "remote.socket:2: listens at %t/remote-agent.socket for remote@.service",
                "remote@.service:2: calls qubes.SshAgent in @default",
                "config:2: leads ssh to the agent /run/user/1000/remote-agent.socket",
            ],
        ),
        (
            &[
                (
                    "etc/xdg/autostart/agent.desktop",
                    "[Desktop Entry]\nExec=/opt/agent/start qubes.SshAgent\n",
                ),
                (
                    "opt/agent/start",
                    "#!/bin/sh\nSERVICE=$1\n# qubes.SshAgent\nS=qubes.SshAgent\n\
                     ncat -lk -U /tmp/agent.here -e \"qrexec-client-vm vault $S\"\n",
                ),
            ],
            &[
                "agent.desktop:2: names the service qubes.SshAgent",
                "start:5: listens at /tmp/agent.here, calls qubes.SshAgent in vault",
            ],
        ),
        (
            &[(
                "~/.bashrc",
                "export SSH_AUTH_SOCK=/tmp/disp.sock\n\
                 socat UNIX-LISTEN:$SSH_AUTH_SOCK,fork EXEC:'qrexec-client-vm @dispvm:vault-dvm qubes.SshAgent' &\n",
            )],
            &[
                ".bashrc:1: sets SSH_AUTH_SOCK to /tmp/disp.sock",
                ".bashrc:2: listens at /tmp/disp.sock, calls qubes.SshAgent in",
            ],
        ),
        (
            &[
                (
                    "rw/bind-dirs/etc/qubes-rpc/qubes.SshAgent",
                    "#!/bin/sh\nexec socat - UNIX-CONNECT:/run/user/1000/ssh-work.sock # qubes.SshAgent\n",
                ),
                (
                    "etc/systemd/system/ssh-work.service",
                    "[Service]\nExecStart=/usr/bin/ssh-agent -D -a /run/user/1000/ssh-work.sock\n\
                     ExecStartPost=/usr/bin/ssh-add /home/user/keys/work/id\n",
                ),
            ],
            &[
                "qubes.SshAgent:2: names the service qubes.SshAgent",
                "ssh-work.service:2: starts an ssh-agent",
                "ssh-work.service:3: adds keys to an agent",
            ],
        ),
        (
            &[(
                "~/.config/environment.d/agent.conf",
                "SSH_AUTH_SOCK=${XDG_RUNTIME_DIR}/vault-agent\n",
            )],
            &["agent.conf:1: sets SSH_AUTH_SOCK to ${XDG_RUNTIME_DIR}/vault-agent"],
        ),
        (
            &[(
                "~/connect.sh",
                "#!/bin/bash\nexec qrexec-client-vm ssh-keys qubes.SshAgent\n",
            )],
            &["connect.sh:2: calls qubes.SshAgent in ssh-keys"],
        ),
        (
            &[
                ("~/.qubes_ssh/work/.default", "id\n"),
                (
                    "etc/systemd/user/qubes-ssh-agent.socket",
                    "[Socket]\nListenStream=%t/qubes-ssh-agent/agent\n",
                ),
            ],
            &[
                ".qubes_ssh: holds a folder of keys for each client",
                "qubes-ssh-agent.socket:2: names qubes-ssh-agent of another split SSH",
            ],
        ),
        (
            &[
                (
                    "rw/config/rc.local",
                    "#!/bin/sh\nsystemctl start qusal-ssh-agent-forwarder@work.service\n",
                ),
                (
                    "~/.profile",
                    "SSH_AUTH_SOCK=/tmp/qusal-ssh-agent-forwarder/work.sock; export SSH_AUTH_SOCK\n",
                ),
            ],
            &[
                "rc.local:2: names qusal-ssh-agent-forwarder of another split SSH",
                ".profile:1: sets SSH_AUTH_SOCK to /tmp/qusal-ssh-agent-forwarder/work.sock",
            ],
        ),
        (
            &[
                (
                    "rw/config/start-agent",
                    "#!/bin/sh\nexec socat UNIX-LISTEN:/tmp/a.sock,fork EXEC:'qrexec-client-vm keys qubes.SshAgent'\n",
                ),
                (
                    "~/.config/plasma-workspace/env/agent.sh",
                    "export SSH_AUTH_SOCK=/tmp/a.sock\n",
                ),
                ("~/.tcshrc", "setenv SSH_AUTH_SOCK /tmp/a.sock\n"),
                (
                    "~/.gitconfig",
                    "[core]\n  sshCommand = ssh -o IdentityAgent=/tmp/a.sock\n",
                ),
            ],
            &[
                "start-agent:2: listens at /tmp/a.sock, calls qubes.SshAgent in keys",
                "agent.sh:1: sets SSH_AUTH_SOCK to /tmp/a.sock",
                ".tcshrc:1: sets SSH_AUTH_SOCK to /tmp/a.sock",
                ".gitconfig:2: names /tmp/a.sock of another split SSH",
            ],
        ),
    ];
    for (files, found) in cases {
        let qube = Qube::new("work");
        for (file, text) in *files {
            qube.write(file, text, 0o755);
        }
        let before = qube.state();
        let (said, _) = qube.migrate(&[]);
        for one in *found {
            assert!(said.contains(one), "{one}:\n{said}");
        }
        let (said, _) = qube.migrate(&["--apply"]);
        for one in *found {
            assert!(said.contains(one), "{one}:\n{said}");
        }
        assert_eq!(qube.state(), before, "nothing of it is ours to change");
    }
}

/// What the changed file uncovers, and what another file sets, is told by asking the shell.
#[test]
fn the_socket_that_wins_is_told_by_the_shell() {
    let qube = Qube::new("work");
    qube.write("rw/config/rc.local", GUIDES_RC_LOCAL, 0o755);
    let older = "export SSH_AUTH_SOCK=/run/user/1000/older.socket\n";
    qube.write("~/.bashrc", &format!("{older}{GUIDES_BASHRC}"), 0o644);
    qube.write(
        "~/.config/environment.d/agent.conf",
        "SSH_AUTH_SOCK=/run/user/1000/unit.socket\n",
        0o644,
    );
    qube.write("~/.bash_profile", ". ~/.bashrc\n", 0o644);
    qube.write(
        "usr/lib/systemd/user-environment-generators/30-environment-d",
        "#!/bin/sh\ncat ~/.config/environment.d/*.conf\n",
        0o755,
    );
    let (said, _) = qube.migrate(&[]);
    let in_login = "a login shell (bash): it is ";
    assert!(
        said.contains(&format!("{in_login}/home/user/.SSH_AGENT_vault")),
        "{said}"
    );
    let (said, _) = qube.migrate(&["--apply"]);
    assert!(
        said.contains(&format!(
            "{in_login}/run/user/1000/older.socket, NOT split-ssh's"
        )),
        "{said}"
    );
    assert!(
        said.contains(".bashrc:1: sets SSH_AUTH_SOCK to /run/user/1000/older.socket"),
        "{said}"
    );
    assert!(
        said.contains("a user unit: it is /run/user/1000/unit.socket, NOT split-ssh's"),
        "{said}"
    );
}

#[test]
fn two_lines_between_the_marks_that_nobody_documents_stay() {
    let qube = Qube::new("work");
    let zshrc = "export SSH_AUTH_SOCK=/run/user/1000/ssh-agent.socket\nalias ll='ls -l'\n\
                 # SPLIT SSH CONFIGURATION >>>\nexport SSH_AUTH_SOCK=/home/user/.SSH_AGENT_vault\n\
                 # <<< SPLIT SSH CONFIGURATION\n";
    qube.write("~/.zshrc", zshrc, 0o644);
    let (said, _) = qube.migrate(&["--apply"]);
    for line in [
        ".zshrc:1: sets SSH_AUTH_SOCK to /run/user/1000/ssh-agent.socket",
        ".zshrc:4: sets SSH_AUTH_SOCK to /home/user/.SSH_AGENT_vault",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(qube.read("~/.zshrc"), zshrc);
}

/// A script of rc.local.d would put its socket over our link when the qube starts next.
#[test]
fn an_old_socket_that_another_script_makes_is_not_linked() {
    let qube = Qube::new("work");
    qube.write("rw/config/rc.local", GUIDES_RC_LOCAL, 0o755);
    qube.write(
        "rw/config/rc.local.d/20-agent.rc",
        "rm -f /home/user/.SSH_AGENT_vault\n\
         socat UNIX-LISTEN:/home/user/.SSH_AGENT_vault,fork EXEC:'qrexec-client-vm vault qubes.SshAgent' &\n",
        0o755,
    );
    let (said, _) = qube.migrate(&["--apply"]);
    assert!(said.contains("20-agent.rc:2 starts a client too"), "{said}");
    assert!(!qube.home.join(".SSH_AGENT_vault").is_symlink());
}
