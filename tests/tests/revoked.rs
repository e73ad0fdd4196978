//! A `@revoked` line that nobody can read: what it could revoke is refused, and everything that tells of the vault
//! tells of the line.

use std::fs;

use testbed::agent::Agent;
use testbed::children::{finish, text};
use testbed::keys::Key;
use testbed::message::{login, sign};
use testbed::raw::Connection;
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::World;

const POLICY: &str = "default = \"deny\"\n[[rule]]\nkind = \"login\"\nhost = [\"*\", \"unnamed\"]\naction = \"allow\"\n";
const SESSION: [u8; 32] = [7; 32];

struct Scene {
    vault: Vault,
    key: Key,
    hosts: [Key; 2],
    world: World,
    _agent: Agent,
}

impl Scene {
    /// A vault that knows `server` and `other`, with one more line.
    fn with(line: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let hosts = ["server", "other"].map(|name| Key::ed25519(&world, name));
        let lines = format!(
            "server {}\nother {}\n{line}",
            hosts[0].line(),
            hosts[1].line()
        );
        Self {
            vault: Vault::start(&world, &agent, POLICY, &lines),
            key,
            hosts,
            world,
            _agent: agent,
        }
    }

    fn logs_in(&self, host: &Key) -> bool {
        let (key, host) = (self.key.blob(), host.blob());
        let data = login(&SESSION, "me", &self.key.algorithm(), &key, Some(&host));
        let mut call = Connection::call(&self.vault.qrexec_socket, "work");
        call.ask(&sign(&key, &data)).signature().is_some()
    }

    /// What `split-ssh WORDS` prints, on one line.
    fn says(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = finish(&mut self.vault.control(words));
        let said = text(&output) + &String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = said.split_whitespace().collect();
        (output.status.code(), words.join(" "))
    }
}

#[test]
fn what_could_be_revoked_is_refused_and_told_everywhere() {
    // The control: without the line both are allowed.
    let scene = Scene::with("");
    assert!(scene.hosts.iter().all(|host| scene.logs_in(host)));
    assert_eq!(scene.says(&["policy", "check"]).0, Some(0));

    let scene = Scene::with("@revoked server ssh-ed25519 AAAAtoo-short\n");
    assert!(!scene.logs_in(&scene.hosts[0]));
    assert!(scene.logs_in(&scene.hosts[1]));
    let stranger = Key::ed25519(&scene.world, "stranger");
    assert!(!scene.logs_in(&stranger));
    let records = scene.vault.records();
    let refused = records
        .iter()
        .find(|record| record["event"] == "sign" && record["outcome"] == "refused");
    let reason = refused.expect("a refusal")["reason"].to_string();
    assert!(
        reason.contains("a @revoked line of known hosts that cannot be read"),
        "{reason}"
    );

    let sentence = ":3: a @revoked line cannot be read, the key is not base64; logins at server and at hosts without a name are refused";
    let started = records[0]["reason"].to_string();
    assert!(started.contains(sentence), "{started}");
    for words in [
        &["status"][..],
        &["doctor"],
        &["policy", "check"],
        &["hosts", "list"],
    ] {
        let (code, said) = scene.says(words);
        assert!(said.contains(sentence), "{words:?}: {said}");
        if words == ["policy", "check"] || words == ["doctor"] {
            assert_eq!(code, Some(1), "{words:?}: {said}");
        }
    }
}

#[test]
fn a_revocation_that_becomes_unreadable_is_told_at_once_and_ends_when_it_is_corrected() {
    let scene = Scene::with("");
    assert!(scene.logs_in(&scene.hosts[0]));
    let before = fs::read_to_string(scene.world.path("vault/.ssh/known_hosts")).unwrap();
    let write = |text: &str| scene.world.file("vault/.ssh/known_hosts", text);
    write(&format!("{before}@revoked * ssh-ed25519 AAAA\n"));
    wait_for("a refusal", || {
        (!scene.logs_in(&scene.hosts[0])).then_some(())
    });
    wait_for("the vault to tell", || {
        let output = fs::read_to_string(scene.world.path("vault/output")).unwrap();
        output
            .contains("a @revoked line cannot be read")
            .then_some(())
    });
    write(&before);
    wait_for("a signature", || {
        scene.logs_in(&scene.hosts[0]).then_some(())
    });
}

/// `~/.ssh/known_hosts2`, which ssh reads without being told.
#[test]
fn what_is_revoked_in_the_second_file_that_ssh_reads_is_refused() {
    let scene = Scene::with("");
    assert!(scene.logs_in(&scene.hosts[0]));
    let line = format!("@revoked * {}\n", scene.hosts[0].line());
    scene.world.file("vault/.ssh/known_hosts2", line);
    wait_for("a refusal", || {
        (!scene.logs_in(&scene.hosts[0])).then_some(())
    });
    assert!(scene.logs_in(&scene.hosts[1]));
}
