//! The policy or the known hosts change while something is under way.

use std::thread;

use testbed::agent::Agent;
use testbed::children::finish;
use testbed::keys::Key;
use testbed::message::{login, sign, sshsig};
use testbed::raw::Connection;
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::World;

const SESSION: [u8; 32] = [7; 32];

struct Scene {
    vault: Vault,
    key: Key,
    host: Key,
    world: World,
    _agent: Agent,
}

impl Scene {
    /// A vault that knows one host, `server`.
    fn under(policy: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let host = Key::ed25519(&world, "host");
        let known_hosts = format!("server {}\n", host.line());
        Self {
            vault: Vault::start(&world, &agent, policy, &known_hosts),
            key,
            host,
            world,
            _agent: agent,
        }
    }

    fn call(&self) -> Connection {
        Connection::call(&self.vault.qrexec_socket, "work")
    }

    fn signs_a_commit(&self) -> bool {
        let request = sign(&self.key.blob(), &sshsig("git", &[1; 64]));
        self.call().ask(&request).signature().is_some()
    }

    fn logs_in(&self) -> bool {
        let (key, host) = (self.key.blob(), self.host.blob());
        let data = login(&SESSION, "me", &self.key.algorithm(), &key, Some(&host));
        self.call().ask(&sign(&key, &data)).signature().is_some()
    }

    fn reloads(&self) -> usize {
        let records = self.vault.records();
        records
            .iter()
            .filter(|record| record["event"] == "reload")
            .count()
    }

    fn change_policy(&self, policy: &str) {
        let before = self.reloads();
        self.world.file("vault/config/policy.toml", policy);
        wait_for("a reload", || {
            // Any request makes the vault look at its files.
            finish(&mut self.vault.control(&["status"]));
            self.call()
                .ask(&testbed::message::Message::of(testbed::message::LIST));
            (self.reloads() > before).then_some(())
        });
    }
}

/// Rules are counted by their place in the policy: what the rule that was there has used up is not the new one's.
#[test]
fn a_changed_policy_counts_its_rates_anew() {
    let policy = |qube: &str| {
        format!(
            "default = \"deny\"\n[[rule]]\nqube = \"{qube}\"\nkind = \"sshsig\"\nrate = \"1/day\"\naction = \"allow\"\n"
        )
    };
    let scene = Scene::under(&policy("work"));
    assert!(scene.signs_a_commit());
    assert!(!scene.signs_a_commit(), "the rate is used up");
    scene.change_policy(&policy("w*"));
    assert!(scene.signs_a_commit());
    assert!(!scene.signs_a_commit());
}

/// A question that waits was counted when it came: a rate that it has used up itself does not end it.
#[test]
fn a_question_outlives_a_change_that_still_asks_it() {
    let policy =
        "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\nrate = \"1/day\"\naction = \"ask\"\n";
    let scene = Scene::under(policy);
    let signed = thread::scope(|scope| {
        let asking = scope.spawn(|| scene.signs_a_commit());
        wait_for_question(&scene);
        scene.change_policy(&format!("{policy}# the same\n"));
        scene.vault.answer("allow");
        asking.join().expect("what asks does not fail")
    });
    assert!(signed);
}

/// A yes is for what was known when it was asked; what the vault has learned of the host since then holds.
#[test]
fn a_host_that_is_revoked_while_the_question_waits_is_refused() {
    for (line, expected) in [("other", true), ("@revoked *", false)] {
        let scene = Scene::under("default = \"ask\"\n");
        let known_hosts = format!("server {0}\n{line} {0}\n", scene.host.line());
        let signed = thread::scope(|scope| {
            let asking = scope.spawn(|| scene.logs_in());
            wait_for_question(&scene);
            scene.world.file("vault/.ssh/known_hosts", &known_hosts);
            scene.change_policy("default = \"ask\" # and that the files were read can be seen\n");
            scene.vault.answer("allow");
            asking.join().expect("what asks does not fail")
        });
        assert_eq!(signed, expected, "{line}");
    }
}

fn wait_for_question(scene: &Scene) {
    wait_for("a question", || {
        let pending = finish(&mut scene.vault.control(&["pending", "--json"])).stdout;
        (pending.len() > 4).then_some(())
    });
}
