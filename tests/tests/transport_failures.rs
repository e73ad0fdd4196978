//! Whatever goes wrong between client and vault, the program that asked gets an answer, the client goes on,
//! nothing is left running, and `split-ssh status` knows why.

use std::fs;
use std::path::{Path, PathBuf};

use testbed::agent::{Agent, ssh_add};
use testbed::children::finish;
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::raw::{Answer, Connection};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::wait_for;
use testbed::world::World;

const POLICY: &str = "default = \"ask\"\n";

struct Route {
    client: ClientQube,
    vault: Vault,
    agent: Agent,
    world: World,
}

impl Route {
    /// A working path whose client's `[[vault]]` has these further lines.
    fn new(lines: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        agent.add(&world, &Key::ed25519(&world, "key"));
        let vault = Vault::start(&world, &agent, POLICY, "");
        let qrexec = stand_in(&world, "work/qrexec", "work");
        serve_socket(&qrexec, &vault.qrexec_socket);
        let client = ClientQube::start_configured(&world, "work", qrexec, lines);
        Self {
            client,
            vault,
            agent,
            world,
        }
    }

    fn policy(&self, line: &str) {
        fs::write(self.client.qrexec.join("policy"), line).unwrap();
    }

    fn service(&self) -> PathBuf {
        self.client
            .qrexec
            .join("qubes/vault/services/qubes.SshAgent")
    }

    fn serve(&self, socket: &Path) {
        serve_socket(&self.client.qrexec, socket);
    }

    fn lists(&self) -> bool {
        finish(ssh_add(&self.world, &self.client.socket).arg("-l"))
            .status
            .success()
    }

    /// A connection that asks for a signature about which the vault asks somebody.
    fn ask_for_a_signature(&self) -> Connection {
        let mut connection = Connection::open(&self.client.socket);
        let listed = testbed::raw::identities(&connection.ask(&Message::of(message::LIST)));
        let request = message::sshsig("file", &[0; 64]);
        connection.send(&message::sign(&listed.unwrap()[0], &request));
        connection
    }

    /// Waits until the vault asks.
    fn wait_for_a_question(&self) {
        wait_for("a question", || {
            finish(&mut self.vault.control(&["pending"]))
                .status
                .success()
                .then_some(())
        });
    }

    /// Waits until the vault has taken its question back, as its log tells: nobody looks at the question.
    fn wait_until_taken_back(&self) {
        wait_for("the end of the question", || {
            let mut records = self.vault.records().into_iter();
            records.find(|record| record["reason"] == "the client hung up")
        });
    }

    /// Insists that a list ends in a close, any other request in FAILURE and that the client keeps the reason and nothing else.
    fn assert_fails(&self, reason: &str) {
        let answer = Connection::open(&self.client.socket).ask(&Message::of(message::LIST));
        assert_eq!(answer, Answer::Closed, "{reason}");
        let sign = message::sign(b"key", b"data");
        let answer = Connection::open(&self.client.socket).ask(&sign);
        assert_eq!(answer, Answer::Reply(vec![message::FAILURE]), "{reason}");
        self.client.wait_until_alone();
        wait_for(&format!("{reason:?} in split-ssh status"), || {
            self.client.status().contains(reason).then_some(())
        });
    }
}

const ALLOW: &str = "qubes.SshAgent * work vault allow\n";

#[test]
fn refused_by_dom0_and_then_allowed() {
    let route = Route::new("");
    route.policy("qubes.SshAgent * work vault deny\n");
    route.assert_fails("refused by dom0");
    route.policy(ALLOW);
    assert!(route.lists());
}

#[test]
fn no_such_service() {
    let route = Route::new("");
    fs::remove_file(route.service()).unwrap();
    route.assert_fails("the vault has no such service");
    route.serve(&route.vault.qrexec_socket);
    assert!(route.lists());
}

#[test]
fn a_vault_that_is_not_there() {
    let route = Route::new("");
    let dead = route.world.path("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    route.serve(&dead);
    route.assert_fails("qrexec failed in the vault");
}

#[test]
fn a_call_that_never_comes_through() {
    let route = Route::new("setup-seconds = 1\n");
    route.policy("qubes.SshAgent * work vault allow hang=yes\n");
    route.assert_fails("nobody took the request in time");
    route.policy(ALLOW);
    assert!(route.lists());
}

#[test]
fn a_slow_answer_of_dom0_is_waited_for() {
    let route = Route::new("");
    route.policy("qubes.SshAgent * work vault ask answer=yes delay=1500\n");
    assert!(route.lists());
}

#[test]
fn an_older_qubes_without_the_stdin_socket() {
    let route = Route::new("");
    fs::write(route.client.qrexec.join("release-4.1"), "").unwrap();
    assert!(route.lists());
    route.client.wait_until_alone();
}

#[test]
fn every_arrival_of_the_header() {
    let route = Route::new("");
    for header in ["alone", "joined", "split"] {
        route.policy(&format!(
            "qubes.SshAgent * work vault allow header={header}\n"
        ));
        assert!(route.lists(), "{header}");
    }
}

#[test]
fn a_vault_killed_while_it_is_asked() {
    let mut route = Route::new("");
    assert!(route.lists());
    let mut connection = route.ask_for_a_signature();
    route.wait_for_a_question();
    route
        .vault
        .process
        .signal(nix::sys::signal::Signal::SIGKILL);
    route.vault.process.wait();
    assert_ne!(connection.answer(), Answer::Silence);
    drop(connection);
    route.client.wait_until_alone();
    // qrexec calls the end of a socket service a success.
    let status = route.client.status();
    assert!(
        status.contains(": 1 served") && status.contains("1 failed"),
        "{status}"
    );
}

/// Ctrl-C in ssh, or its own time-out: nothing failed, and the question goes.
#[test]
fn a_client_that_leaves_while_the_vault_asks() {
    let route = Route::new("");
    let connection = route.ask_for_a_signature();
    route.wait_for_a_question();
    drop(connection);
    route.wait_until_taken_back();
    route.client.wait_until_alone();
    let status = route.client.status();
    assert!(status.contains("0 failed"), "{status}");
}

#[test]
fn a_client_killed_while_the_vault_asks() {
    let mut route = Route::new("");
    let mut connection = route.ask_for_a_signature();
    route.wait_for_a_question();
    route
        .client
        .process
        .signal(nix::sys::signal::Signal::SIGKILL);
    route.client.process.wait();
    assert_eq!(connection.answer(), Answer::Closed);
    route.wait_until_taken_back();
}

/// A person reads it in a terminal of 80 columns, and each advice once.
#[test]
fn what_status_says_of_failures_fits_a_terminal() {
    let route = Route::new("");
    route.policy("qubes.SshAgent * work vault deny\n");
    for _ in 0..3 {
        assert!(!route.lists());
    }
    let status = wait_for("three failures", || {
        let status = route.client.status();
        status.contains("3 failed").then_some(status)
    });
    let wide: Vec<_> = status.lines().filter(|line| line.len() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(
        status.contains("refused by dom0 (exit 126) (3 times)"),
        "{status}"
    );
    assert_eq!(status.matches("hint:").count(), 1, "{status}");
}

/// The vault knows nothing of keys that it never saw. A key that it saw stays listed, for a signature waits for its agent.
#[test]
fn an_agent_that_is_gone() {
    let mut unseen = Route::new("");
    unseen.agent.stop();
    let answer = Connection::open(&unseen.client.socket).ask(&Message::of(message::LIST));
    let empty = Message::of(message::IDENTITIES).int(0).0;
    assert!(
        answer == Answer::Reply(vec![message::FAILURE]) || answer == Answer::Reply(empty),
        "{answer:?}"
    );

    let mut seen = Route::new("");
    assert!(seen.lists());
    seen.agent.stop();
    assert!(seen.lists());
}

/// Request and end of input together: the answer must not be lost.
#[test]
fn a_client_that_stops_talking_hears_the_answer() {
    let route = Route::new("");
    let mut connection = Connection::open(&route.client.socket);
    connection.send(&Message::of(message::LIST));
    connection
        .stream
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    assert!(testbed::raw::identities(&connection.answer()).is_some());
    drop(connection);
    route.client.wait_until_alone();
}

#[test]
fn many_at_once() {
    let route = Route::new("");
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..30).map(|_| scope.spawn(|| route.lists())).collect();
        assert!(runs.into_iter().all(|run| run.join().unwrap()));
    });
    route.client.wait_until_alone();
}

/// R4.3's RemoteVM: the name of the service, with its keyring, is nested in the argument of the relay's service.
#[test]
fn a_vault_on_another_machine_through_its_relay() {
    let world = World::new();
    let agent = Agent::start(&world);
    let key = Key::ed25519(&world, "key");
    agent.add(&world, &key);
    let config = format!("[keyring.work]\nagent = \"{}\"\n", agent.socket.display());
    let vault = Vault::start_configured(&world, &config, POLICY, "");
    let there = stand_in(&world, "there", "relay");
    serve_socket(&there, &vault.qrexec_socket);
    let here = stand_in(&world, "here", "work");
    world.file("here/qubes/vault/relay", "relay ssh.Proxy\n");
    let relay = format!(
        "#!/bin/sh\nQREXEC_STAND_IN={} exec {} vault \"${{1#*+}}\"\n",
        there.display(),
        testbed::programs::qrexec_client_vm().display()
    );
    world.script("here/qubes/relay/services/ssh.Proxy", relay);
    let client = ClientQube::start_configured(&world, "work", here, "keyring = \"work\"\n");
    let listed = finish(ssh_add(&world, &client.socket).arg("-L"));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains(&key.line()), "{listed} {}", client.status());
}
