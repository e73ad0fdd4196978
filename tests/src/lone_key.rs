//! One key behind a vault, with its upstream recorded: for requests that are put together by hand.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::agent::Agent;
use crate::keys::Key;
use crate::message;
use crate::raw::{Answer, Connection};
use crate::recorder::Recorder;
use crate::split_ssh::Vault;
use crate::world::World;

#[derive(Debug)]
pub struct LoneKey {
    pub vault: Vault,
    pub upstream: Recorder,
    pub key: Key,
    calls: AtomicUsize,
    _agent: Agent,
    /// Last: its folder outlives all that writes there.
    pub world: World,
}

/// Asks nobody, says no, and leaves behind that it was asked.
const NAYSAYER: &str = r#"#!/bin/sh
read -r question
echo '{"shown":true}'
id=${question#*'"id":"'}
id=${id%%'"'*}
echo "{\"id\":\"$id\",\"answer\":{\"decision\":\"deny\"}}"
"#;

impl LoneKey {
    /// A vault whose questions are all answered with no.
    pub fn behind(policy: &str, known_hosts: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let upstream = Recorder::start(world.path("upstream.sock"), &agent.socket);
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n[prompt]\nprogram = \"{}\"\n",
            upstream.socket.display(),
            world.script("naysayer", NAYSAYER).display()
        );
        let vault = Vault::start_in_session(&world, &config, policy, known_hosts);
        Self {
            vault,
            upstream,
            key,
            calls: AtomicUsize::new(0),
            _agent: agent,
            world,
        }
    }

    /// A call of a qube of its own: the log counts alike refusals of one qube together.
    pub fn call(&self) -> Connection {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        Connection::call(&self.vault.qrexec_socket, &format!("work-{number}"))
    }

    /// Asks for the signature of a login as `git`, hostbound where `host_key` is given.
    pub fn log_in(
        &self,
        connection: &mut Connection,
        session: &[u8],
        host_key: Option<&[u8]>,
    ) -> Answer {
        let key = self.key.blob();
        let data = message::login(session, "git", "ssh-ed25519", &key, host_key);
        connection.ask(&message::sign(&key, &data))
    }

    /// The audit log's last record.
    pub fn last_record(&self) -> serde_json::Value {
        self.vault.records().pop().expect("a record")
    }
}
