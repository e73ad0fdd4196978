//! The key files of a keyring: what becomes of keys that are retired, of certificates that are renewed, and of files
//! that OpenSSH cannot read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::agent::ssh_add;
use testbed::children::{finish, run, text};
use testbed::keys::Key;
use testbed::message::{self, Message, sign, sshsig};
use testbed::raw::{Connection, identities, list};
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::World;

const POLICY: &str = "default = \"deny\"
[[rule]]
kind = \"sshsig\"
namespace = \"file\"
action = \"ask\"
[[rule]]
kind = \"sshsig\"
action = \"allow\"
";

struct Owner {
    vault: Vault,
    folder: PathBuf,
    agent: PathBuf,
    world: World,
}

impl Owner {
    /// A vault whose keyring `default` has what `fill` puts into its folder.
    fn new(fill: impl FnOnce(&World, &Path)) -> Self {
        let world = World::new();
        let folder = world.directory("vault/.ssh/identities.d/default");
        fill(&world, &folder);
        let vault = Vault::start_configured(&world, "", POLICY, "");
        let agent = world.path("vault/run/split-ssh/default.sock");
        let owner = Self {
            vault,
            folder,
            agent,
            world,
        };
        owner.listed();
        owner
    }

    /// The keys that a client sees.
    fn listed(&self) -> Vec<Vec<u8>> {
        let mut call = Connection::call(&self.vault.qrexec_socket, "work");
        identities(&call.ask(&Message::of(message::LIST))).expect("a list")
    }

    fn signs(&self, key: &Key) -> bool {
        let mut call = Connection::call(&self.vault.qrexec_socket, "work");
        let request = sign(&key.blob(), &sshsig("git", &[1; 64]));
        call.ask(&request).signature().is_some()
    }

    /// The question about a signature by this key or certificate, which is denied.
    fn asked(&self, key: &str) -> String {
        use base64::Engine as _;
        let key = base64::prelude::BASE64_STANDARD
            .decode(key)
            .expect("base64");
        let mut call = Connection::call(&self.vault.qrexec_socket, "work");
        call.send(&sign(&key, &sshsig("file", &[1; 64])));
        let asked = wait_for("a question", || {
            let asked = self.split_ssh(&["pending"]);
            asked.contains("Its certificate").then_some(asked)
        });
        self.vault.answer("deny");
        assert!(call.answer().signature().is_none());
        asked
    }

    fn split_ssh(&self, words: &[&str]) -> String {
        text(&finish(&mut self.vault.control(words)))
    }

    /// What doctor says of the keyring: (state, what, remedy).
    fn doctor(&self) -> Vec<[String; 3]> {
        let output = finish(&mut self.vault.control(&["doctor", "--vault", "--json"]));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let checks = report["checks"].as_array().expect("checks").iter();
        let ours = checks.filter(|finding| finding["check"] == "keyring default");
        ours.map(|finding| {
            ["state", "what", "remedy"]
                .map(|part| finding[part].as_str().unwrap_or_default().to_owned())
        })
        .collect()
    }
}

fn put(world: &World, folder: &Path, name: &str) -> Key {
    let key = Key::ed25519(world, name);
    fs::copy(&key.private, folder.join(name)).expect("a copy");
    fs::copy(&key.public, folder.join(format!("{name}.pub"))).expect("a copy");
    key
}

fn shell(folder: &Path, command: &str) {
    run(Command::new("sh")
        .args(["-ec", command])
        .current_dir(folder));
}

#[test]
fn a_retired_key_goes_and_what_others_added_stays() {
    let mut retired = None;
    let owner = Owner::new(|world, folder| retired = Some(put(world, folder, "retired")));
    let retired = retired.expect("a key");
    // As KeePassXC does it.
    let others = Key::ed25519(&owner.world, "others");
    run(ssh_add(&owner.world, &owner.agent)
        .arg("-q")
        .arg(&others.private));
    assert!(owner.signs(&retired) && owner.signs(&others));

    for name in ["retired", "retired.pub"] {
        fs::remove_file(owner.folder.join(name)).expect("a file");
    }
    let found = owner.doctor();
    let is_told = |[state, what, remedy]: &[String; 3]| {
        state == "warn" && what.contains("its file is gone") && remedy == "split-ssh reload default"
    };
    assert!(found.iter().any(is_told), "{found:#?}");
    assert!(owner.signs(&retired), "it is still in the agent");

    let said = owner.split_ssh(&["reload", "default"]);
    assert!(
        said.contains("removed: ") && said.contains("not loaded from the folder: "),
        "{said}"
    );
    assert!(!owner.signs(&retired), "{said}");
    assert!(owner.signs(&others), "{said}");
    assert_eq!(list(&owner.agent), Some(vec![others.blob()]));
}

#[test]
fn a_reload_changes_keys_to_those_of_the_folder() {
    let mut first = None;
    let owner = Owner::new(|world, folder| {
        first = Some(put(world, folder, "first"));
        shell(
            folder,
            "ssh-keygen -q -t ed25519 -N '' -f ../ca && ssh-keygen -q -s ../ca -I me -n me first.pub",
        );
    });
    let still_loaded = || {
        let found = owner.doctor().into_iter();
        let told = found.filter(|[_, what, _]| what.contains("is still loaded"));
        told.count()
    };
    assert_eq!(still_loaded(), 0);
    fs::remove_file(owner.folder.join("first-cert.pub")).expect("a certificate");
    assert_eq!(still_loaded(), 1, "the certificate");
    let second = put(&owner.world, &owner.folder, "second");
    shell(&owner.folder, "mv second first; mv second.pub first.pub");
    assert_eq!(still_loaded(), 2, "the key, too");
    owner.split_ssh(&["reload", "default"]);
    assert_eq!(still_loaded(), 0);
    assert!(owner.signs(&second));
    assert!(!owner.signs(&first.expect("a key")));
    // With its folder, everything that was in it goes.
    fs::remove_dir_all(&owner.folder).expect("a folder");
    assert_eq!(still_loaded(), 1);
    let said = owner.split_ssh(&["reload", "default"]);
    assert!(
        said.contains("removed: ") && !owner.signs(&second),
        "{said}"
    );
}

#[test]
fn the_cause_of_a_key_file_that_is_not_loaded_is_told_with_a_command_that_helps() {
    let owner = Owner::new(|_, folder| {
        shell(
            folder,
            "umask 077
             for n in crlf nonl plain; do ssh-keygen -q -t ed25519 -N '' -C $n -f $n; done
             sed -i 's/$/\\r/' crlf
             printf '%s' \"$(cat nonl)\" > t; mv t nonl
             openssl genpkey -algorithm ed25519 -out pkcs8
             printf 'PuTTY-User-Key-File-3: ssh-ed25519\\nEncryption: none\\n' > putty.ppk
             chmod 644 plain
             ssh-keygen -q -t ed25519 -N '' -f other; mv plain.pub t; cp other.pub crlf.pub; mv t plain.pub
             : > id_empty; ln -s /nowhere gone; rm other",
        );
    });
    // OpenSSH 9.6 and later read it.
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-y", "-P", "", "-f"]);
    keygen.arg(owner.folder.join("pkcs8"));
    let reads_pkcs8 = finish(&mut keygen).status.success();
    let good = usize::from(reads_pkcs8);
    assert_eq!(
        owner.listed().len(),
        good,
        "ssh-add loads none of the others"
    );
    let found = owner.doctor();
    for (file, cause, remedy) in [
        ("crlf", "Windows line ends", "sed -i "),
        ("nonl", "no newline", "echo >> "),
        ("plain", "others could read", "chmod 600 "),
        ("pkcs8", "PKCS#8", "ssh-keygen -p -f "),
        ("putty.ppk", "PuTTY", "puttygen "),
    ] {
        let path = format!("{}: ", owner.folder.join(file).display());
        let is_it = |[state, what, command]: &&[String; 3]| {
            state == "bad"
                && what.starts_with(&path)
                && what.contains(cause)
                && command.contains(remedy)
        };
        let found = found.iter().find(is_it);
        if file == "pkcs8" && reads_pkcs8 {
            assert_eq!(found, None, "it is loaded");
            continue;
        }
        let [_, what, command] = found.unwrap_or_else(|| panic!("{file}"));
        assert!(!what.contains("libcrypto"));
        if ["crlf", "nonl", "plain"].contains(&file) {
            shell(&owner.folder, command);
        }
    }
    let is_lost = |name: &str| {
        let said = format!("{} is no private key", owner.folder.join(name).display());
        found.iter().any(|[_, what, _]| what.starts_with(&said))
    };
    assert!(is_lost("id_empty") && is_lost("gone"), "{found:#?}");
    owner.split_ssh(&["reload", "default"]);
    assert_eq!(owner.listed().len(), good + 3, "the remedies help");
    let found = owner.doctor();
    let of_another = found
        .iter()
        .find(|[_, what, _]| what.contains("of another key"));
    let [_, _, command] = of_another.unwrap_or_else(|| panic!("{found:#?}"));
    shell(&owner.folder, command);
    assert!(
        !owner
            .doctor()
            .iter()
            .any(|[_, what, _]| what.contains("of another key"))
    );
}

#[test]
fn a_key_that_its_agent_confirms_is_told() {
    let owner = Owner::new(|world, folder| {
        put(world, folder, "key");
        fs::write(folder.join("key.ssh-add-option"), "-c\n").expect("a file");
    });
    let found = owner.doctor();
    let is_told = |[state, what, remedy]: &[String; 3]| {
        state == "warn" && what.contains("loaded with -c") && remedy.contains("take -c out of")
    };
    assert!(found.iter().any(is_told), "{found:#?}");
}

#[test]
fn a_locked_agent_is_told() {
    let owner = Owner::new(|world, folder| {
        put(world, folder, "key");
    });
    let askpass = owner.world.script("askpass", "#!/bin/sh\necho secret\n");
    let lock = |word: &str| {
        let mut command = ssh_add(&owner.world, &owner.agent);
        command
            .env("SSH_ASKPASS", &askpass)
            .env("SSH_ASKPASS_REQUIRE", "force");
        run(command.arg(word));
    };
    lock("-x");
    let found = owner.doctor();
    let is_told = |[_, what, remedy]: &[String; 3]| {
        what.contains("may be locked (ssh-add -x)") && remedy.contains("ssh-add -X")
    };
    assert!(found.iter().any(is_told), "{found:#?}");
    lock("-X");
    assert!(!owner.doctor().iter().any(is_told));
}

#[test]
fn a_renewed_certificate_is_loaded_and_its_end_told() {
    let certify = |folder: &Path, valid: &str| {
        shell(
            folder,
            &format!("ssh-keygen -q -s ../ca -I me -n me -V {valid} key.pub"),
        );
        let text = fs::read_to_string(folder.join("key-cert.pub")).expect("a certificate");
        text.split(' ').nth(1).expect("a key").to_owned()
    };
    let encoded = |keys: Vec<Vec<u8>>| -> Vec<String> {
        use base64::Engine as _;
        let encode = |key: &Vec<u8>| base64::prelude::BASE64_STANDARD.encode(key);
        keys.iter().map(encode).collect()
    };
    let mut first = String::new();
    let owner = Owner::new(|world, folder| {
        put(world, folder, "key");
        shell(folder, "ssh-keygen -q -t ed25519 -N '' -f ../ca");
        first = certify(folder, "-1h:+20m");
    });
    assert!(encoded(owner.listed()).contains(&first));
    let found = owner.doctor();
    let ends_soon = |[state, what, _]: &[String; 3]| {
        state == "warn" && what.contains("the certificate is valid until ")
    };
    assert!(found.iter().any(ends_soon), "{found:#?}");
    let said = owner.split_ssh(&["list", "default"]);
    assert!(said.contains("the certificate is valid until "), "{said}");
    let asked = owner.asked(&first);
    assert!(asked.contains("Its certificate"), "{asked}");
    assert!(
        asked.contains("The key's certificate ends at 20"),
        "{asked}"
    );

    let second = certify(&owner.folder, "-1h:+52w");
    let listed = wait_for("the renewed certificate", || {
        let listed = encoded(owner.listed());
        listed.contains(&second).then_some(listed)
    });
    assert!(!listed.contains(&first), "the old one is gone");
    assert!(!owner.doctor().iter().any(ends_soon));
    let asked = owner.asked(&second);
    assert!(
        asked.contains("(364 days)") && !asked.contains("ends at"),
        "{asked}"
    );

    certify(&owner.folder, "-2h:-1h");
    wait_for("the expired certificate", || {
        owner.listed();
        let expired = |[state, what, _]: &[String; 3]| state == "bad" && what.contains("EXPIRED");
        owner.doctor().iter().any(expired).then_some(())
    });
    let third = encoded(owner.listed());
    let third = third
        .iter()
        .find(|key| key.len() > 200)
        .expect("a certificate");
    let asked = owner.asked(third);
    assert!(asked.contains("expired at 20"), "{asked}");
}

#[test]
fn a_name_is_called_known_only_once_the_vault_has_it() {
    let owner = Owner::new(|world, folder| {
        put(world, folder, "key");
    });
    let host = Key::ed25519(&owner.world, "host");
    let add = |name: &str| finish(&mut owner.vault.control(&["hosts", "add", name, &host.line()]));
    let said = add("good.example");
    assert!(said.status.success(), "{}", text(&said));
    assert!(
        text(&said).contains("the running vault knows it"),
        "{}",
        text(&said)
    );
    // A broken policy keeps the vault at the policy and the hosts that it has.
    owner.world.file("vault/config/policy.toml", "nonsense");
    let said = add("[late.example]:2222");
    assert!(!said.status.success(), "{}", text(&said));
    assert!(
        text(&said).contains("the vault goes on without it"),
        "{}",
        text(&said)
    );
    let said = owner.split_ssh(&["policy", "check"]);
    assert!(
        said.contains("the running vault keeps the policy that it has"),
        "{said}"
    );
}
