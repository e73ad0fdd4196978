//! Attacks a to d: look at, delete, lock, kill, add.

use super::Scene;
use crate::children::finish;
use crate::keys::Key;
use crate::message::{self, Message};
use crate::raw;

/// Sees keys that this qube has no use for.
pub fn list_every_key(scene: &mut Scene) -> bool {
    let listed = String::from_utf8_lossy(&finish(scene.ssh_add().arg("-L")).stdout).into_owned();
    assert!(
        listed.contains(&scene.granted.line()),
        "the qube's own key is not listed: {listed:?}"
    );
    listed.contains(&scene.other.line())
}

pub fn delete_all_keys(scene: &mut Scene) -> bool {
    finish(scene.ssh_add().arg("-D"));
    scene.agent.keys().is_empty()
}

/// The request of protocol version 1, which ssh-agent still obeys.
pub fn delete_all_keys_by_version_1(scene: &mut Scene) -> bool {
    scene.connect().ask(&Message::of(message::REMOVE_ALL_V1));
    scene.agent.keys().is_empty()
}

pub fn delete_one_key(scene: &mut Scene) -> bool {
    finish(scene.ssh_add().arg("-d").arg(&scene.granted.public));
    !scene.agent.keys().contains(&scene.granted.blob())
}

/// Locks the agent with a passphrase of the attacker's.
pub fn lock_the_agent(scene: &mut Scene) -> bool {
    finish(scene.ssh_add().arg("-x"));
    scene.agent.keys().is_empty()
}

/// A lock request without a body: ssh-agent calls that fatal and takes all keys with it.
pub fn kill_the_agent(scene: &mut Scene) -> bool {
    let mut connection = scene.connect();
    connection.send(&Message::of(message::LOCK));
    // Either an answer comes or the agent ends; the pipe itself may stay open without a word.
    let patience = std::time::Duration::from_secs(5);
    connection
        .stream
        .set_read_timeout(Some(patience))
        .expect("a time-out");
    connection.answer();
    !scene.agent.is_running()
}

/// Adds a key of the attacker's under the comment of the user's.
pub fn add_a_key(scene: &mut Scene) -> bool {
    let evil = Key::ed25519(&scene.world, "evil");
    finish(scene.ssh_add().arg("-q").arg(&evil.private));
    scene.agent.keys().contains(&evil.blob())
}

/// Replaces a key by one with the same public half and a private half of zeros: listed as before, useless.
pub fn poison_a_key(scene: &mut Scene) -> bool {
    const PRIVATE_LEN: usize = 64;
    let data = b"the same data twice";
    let before = scene.vaults_signature(&scene.granted, data);
    let blob = scene.granted.blob();
    let public = message::strings(&blob)[1].to_vec();
    let zeros = [vec![0; PRIVATE_LEN - public.len()], public.clone()].concat();
    let add = Message::of(message::ADD)
        .string("ssh-ed25519")
        .string(&public)
        .string(zeros)
        .string("granted");
    scene.connect().ask(&add);
    let listed = raw::list(&scene.agent.socket).is_some_and(|keys| keys.contains(&blob));
    // Ed25519 signs the same data alike each time, so a difference is damage.
    listed && before.is_some() && scene.vaults_signature(&scene.granted, data) != before
}
