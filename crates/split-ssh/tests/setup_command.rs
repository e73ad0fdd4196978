//! `split-ssh setup` in a vault, in a client and in dom0: what it makes, and that a second run changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A home, and the system's files below a root of the test's own.
struct Qube {
    home: tempfile::TempDir,
    root: tempfile::TempDir,
}

impl Qube {
    fn new() -> Self {
        let folder = || tempfile::tempdir().unwrap();
        Self {
            home: folder(),
            root: folder(),
        }
    }

    fn setup(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_split-ssh"));
        command.arg("setup").arg("--root").arg(self.root.path());
        command
            .args(words)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.stubs().display()))
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path());
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// Programs that stand in for the system's.
    fn stubs(&self) -> PathBuf {
        self.root.path().join("stubs")
    }

    fn says(&self, words: &[&str]) -> String {
        let output = self.setup(words);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn system_file(&self, path: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    /// Every file in the home, with what is in it.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    fn is_the_same_after_a_second_run(&self, words: &[&str]) {
        let before = self.files();
        let again = self.says(words);
        assert!(!again.contains("made "), "{again}");
        assert_eq!(self.files(), before);
    }
}

fn with_the_packages_units(qube: &Qube) {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../qubes/vm/system");
    for unit in fs::read_dir(units).unwrap() {
        let name = unit.unwrap().file_name().into_string().unwrap();
        qube.system_file(&format!("usr/lib/systemd/system/{name}"));
    }
}

#[test]
fn a_vault_has_a_keyring_with_a_key() {
    let qube = Qube::new();
    with_the_packages_units(&qube);
    qube.system_file("run/qubes-service/split-ssh-vault");
    let said = qube.says(&["--keyring", "work"]);
    let key = qube.home.path().join(".ssh/identities.d/work/id_ed25519");
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    assert!(said.contains(public.trim()), "{said}");
    assert!(said.contains("id_ed25519, without a passphrase"), "{said}");
    assert!(
        said.contains("qvm-features work vm-config.split-ssh-keyring work\n")
            && said.contains("'qubes.SshAgent +work work @default allow target=vault'"),
        "{said}"
    );
    assert_eq!(qube.files().len(), 2, "the package brings the rest");
    qube.is_the_same_after_a_second_run(&["--keyring", "work"]);
}

#[test]
fn without_the_package_a_vault_and_a_client_have_their_services() {
    for (role, config) in [("--vault", "vault.toml"), ("--client", "client.toml")] {
        let qube = Qube::new();
        qube.system_file("usr/local/bin/split-ssh-prompt");
        fs::write(qube.home.path().join(".bashrc"), "alias l=ls").unwrap();
        let words = [role, "--keyring", "work"];
        qube.says(&words);
        let files = qube.files();
        let text = |name: &str| {
            let file = files.get(&qube.home.path().join(name));
            String::from_utf8(
                file.unwrap_or_else(|| panic!("{name} in {files:?}"))
                    .clone(),
            )
            .unwrap()
        };
        assert!(!text(&format!(".config/split-ssh/{config}")).is_empty());
        let unit = text(&format!(
            ".config/systemd/user/split-ssh-{}.service",
            &role[2..]
        ));
        assert!(
            unit.contains(&format!("split-ssh {}\n", &role[2..])),
            "{unit}"
        );
        if role == "--client" {
            let bashrc = text(".bashrc");
            assert_eq!(
                bashrc,
                "alias l=ls\nexport SSH_AUTH_SOCK=~/.split-ssh/work.sock\n"
            );
        }
        qube.is_the_same_after_a_second_run(&words);
    }
}

#[test]
fn the_service_runs_at_once_where_there_is_a_session() {
    let qube = Qube::new();
    fs::create_dir(qube.stubs()).unwrap();
    let systemctl = qube.stubs().join("systemctl");
    let script = "#!/bin/sh\nwhile read -r line; do echo \"$line\"; done < \"$HOME/.config/systemd/user/$4.service\" > \"$0.unit\"\n\
                  echo \"$*\" > \"$0.words\"\n";
    fs::write(&systemctl, script).unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        let said = qube.says(&["--vault"]);
        assert!(
            said.contains("runs  split-ssh-vault, and with each session\n"),
            "{said}"
        );
        assert!(!said.contains("in a session:"), "{said}");
    }
    let written = |name: &str| fs::read_to_string(systemctl.with_extension(name)).unwrap();
    assert_eq!(written("words"), "--user enable --now split-ssh-vault\n");
    assert!(written("unit").contains("WantedBy=default.target"));
}

#[test]
fn what_cannot_be_told_is_asked_and_dom0_gets_two_lines() {
    let qube = Qube::new();
    let unclear = qube.setup(&[]);
    let said = String::from_utf8(unclear.stderr).unwrap();
    assert!(
        !unclear.status.success() && said.contains("`split-ssh setup --vault`"),
        "{said}"
    );
    qube.system_file("usr/bin/qvm-service");
    let lines = qube.says(&["--vault-name", "keys", "--client-name", "dev"]);
    let lines: Vec<&str> = lines.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "qvm-service keys split-ssh-vault on && qvm-service dev split-ssh-client on",
            "echo 'qubes.SshAgent + dev @default allow target=keys' | \
             sudo tee -a /etc/qubes/policy.d/30-user-split-ssh.policy",
        ]
    );
    assert!(qube.files().is_empty());
}
