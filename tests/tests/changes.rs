//! The policy or the known hosts change while something is under way.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use testbed::agent::Agent;
use testbed::children::{finish, run};
use testbed::impostor::Impostor;
use testbed::keys::Key;
use testbed::message::{login, sign, sshsig};
use testbed::raw::Connection;
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::World;

const SESSION: [u8; 32] = [7; 32];
/// The number of a sign request.
const SIGN_REQUEST: u8 = 13;

struct Scene {
    vault: Vault,
    key: Key,
    host: Key,
    world: World,
    _agent: Agent,
}

/// Keeps sign requests from the agent until it is opened.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    waiting: usize,
    is_open: bool,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().expect("no panic within");
        state.waiting += usize::from(!state.is_open);
        drop(self.changed.wait_while(state, |state| !state.is_open));
    }

    fn close(&self) {
        self.state.lock().expect("no panic within").is_open = false;
    }

    fn waiting(&self) -> usize {
        self.state.lock().expect("no panic within").waiting
    }

    fn open(&self) {
        self.state.lock().expect("no panic within").is_open = true;
        self.changed.notify_all();
    }
}

impl Scene {
    /// A vault that knows one host, `server`.
    fn under(policy: &str) -> Self {
        Self::over(policy, |_, agent| agent.socket.clone())
    }

    /// The same with an agent whose signatures wait for the gate.
    fn behind_a_gate(policy: &str) -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        let scene = Self::over(policy, |world, agent| {
            let gate = Arc::clone(&gate);
            let socket = world.path("gate.sock");
            Impostor::start(socket, &agent.socket, move |request, honest| {
                if request.first() == Some(&SIGN_REQUEST) {
                    gate.pass();
                }
                let mut reply = u32::try_from(honest.len())
                    .expect("short")
                    .to_be_bytes()
                    .to_vec();
                reply.extend(honest);
                reply
            })
            .socket
        });
        (scene, gate)
    }

    fn over(policy: &str, socket: impl FnOnce(&World, &Agent) -> std::path::PathBuf) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let host = Key::ed25519(&world, "host");
        let known_hosts = format!("server {}\n", host.line());
        let socket = socket(&world, &agent);
        Self {
            vault: Vault::start_on(&world, &socket, policy, &known_hosts),
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

    /// How often the one approval was used.
    fn uses(&self) -> u64 {
        let listed = finish(&mut self.vault.control(&["approvals", "--json"])).stdout;
        let listed: serde_json::Value = serde_json::from_slice(&listed).expect("JSON");
        listed[0]["uses"].as_u64().unwrap_or_default()
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
        wait_for("a reload", || (self.reloads() > before).then_some(()));
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
        let records = scene.vault.records();
        let record = records.iter().rfind(|record| record["event"] == "sign");
        let by = record.map(|record| record["decided_by"].clone());
        let expected = if expected { "terminal" } else { "policy" };
        assert_eq!(by, Some(expected.into()), "who decided: {line}");
    }
}

/// What ends an approval, or mutes a qube, while a request that was allowed waits for its turn.
#[test]
fn an_approval_that_ends_before_the_request_leaves_signs_nothing() {
    let ask = "default = \"ask\"\n[[rule]]\nkind = \"sshsig\"\nnamespace = \"git\"\naction = \"ask\"\nremember = \"15m\"\n";
    let nothing: fn(&Scene, &mut Connection) = |_, _| {};
    let revoke: fn(&Scene, &mut Connection) = |scene, _| {
        run(&mut scene.vault.control(&["approvals", "revoke", "all"]));
    };
    // Of another question, by which the person has enough of this qube.
    let mute: fn(&Scene, &mut Connection) = |scene, other| {
        other.send(&sign(&scene.key.blob(), &sshsig("file", &[2; 64])));
        scene.vault.answer_with("deny", &["--mute"]);
    };
    for (end, expected, reason) in [
        (nothing, 5, None),
        (revoke, 4, Some("the approval was revoked meanwhile")),
        (mute, 4, Some("you muted this caller")),
    ] {
        let (scene, gate) = Scene::behind_a_gate(ask);
        let request = sign(&scene.key.blob(), &sshsig("git", &[1; 64]));
        gate.open();
        let mut first = scene.call();
        first.send(&request);
        scene.vault.answer_with("allow", &["--for", "15m"]);
        assert!(
            first.answer().signature().is_some(),
            "allowed by the answer"
        );
        let mut other = scene.call();
        other.ask(&testbed::message::Message::of(testbed::message::LIST));
        gate.close();
        let mut calls: Vec<Connection> = (0..5).map(|_| scene.call()).collect();
        // A key that was listed needs no turn to be found.
        for call in &mut calls {
            call.ask(&testbed::message::Message::of(testbed::message::LIST));
        }
        for call in &mut calls {
            call.send(&request);
        }
        wait_for("four requests at the upstream", || {
            (gate.waiting() == 4).then_some(())
        });
        wait_for("all requests to be allowed", || {
            (scene.uses() == 5).then_some(())
        });
        end(&scene, &mut other);
        gate.open();
        let answers = calls
            .iter_mut()
            .map(|call| call.answer().signature().is_some());
        assert_eq!(
            answers.filter(|signed| *signed).count(),
            expected,
            "{reason:?}"
        );
        let records = scene.vault.records();
        let is_told = |reason: &str| records.iter().any(|record| record["reason"] == reason);
        assert!(reason.is_none_or(is_told), "{reason:?}");
    }
}

/// Four requests of one qube may be at an upstream that takes its time; the fifth waits for its turn. What is saved
/// meanwhile holds for it.
#[test]
fn a_request_that_waits_for_its_turn_is_held_against_what_is_saved_meanwhile() {
    let allow = "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\nnamespace = \"git\"\naction = \"allow\"\n";
    let same = format!("{allow}# the same\n");
    for (policy, expected) in [(same.as_str(), 5), ("default = \"deny\"\n", 4)] {
        let (scene, gate) = Scene::behind_a_gate(allow);
        let mut calls: Vec<Connection> = (0..5).map(|_| scene.call()).collect();
        let request = sign(&scene.key.blob(), &sshsig("git", &[1; 64]));
        // A key that was listed needs no turn to be found.
        for call in &mut calls {
            call.ask(&testbed::message::Message::of(testbed::message::LIST));
        }
        for call in &mut calls {
            call.send(&request);
        }
        wait_for("four requests at the upstream", || {
            (gate.waiting() == 4).then_some(())
        });
        scene.change_policy(policy);
        gate.open();
        let answers = calls
            .iter_mut()
            .map(|call| call.answer().signature().is_some());
        assert_eq!(
            answers.filter(|signed| *signed).count(),
            expected,
            "{policy}"
        );
    }
}

fn wait_for_question(scene: &Scene) {
    wait_for("a question", || {
        let pending = finish(&mut scene.vault.control(&["pending", "--json"])).stdout;
        (pending.len() > 4).then_some(())
    });
}

/// A client that gave up while the upstream took its time: the log says that nobody took the signature.
#[test]
fn a_signature_that_nobody_took_is_told() {
    let allow = "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\nnamespace = \"git\"\naction = \"allow\"\n";
    let (scene, gate) = Scene::behind_a_gate(allow);
    let mut call = scene.call();
    call.send(&sign(&scene.key.blob(), &sshsig("git", &[1; 64])));
    wait_for("the request at the upstream", || {
        (gate.waiting() == 1).then_some(())
    });
    drop(call);
    gate.open();
    let record = wait_for("a record", || {
        let records = scene.vault.records();
        records
            .into_iter()
            .find(|record| record["event"] == "undelivered")
    });
    assert_eq!(record["reason"], "signed, and nobody took it");
    assert_eq!(record["qube"], "work");
}
