//! Attacks a to d: look at, delete, lock, kill, add, spoil.

use super::{Outcome, Target};
use crate::children::finish;
use crate::keys::Key;
use crate::message::{self, Message};
use crate::raw::{self, Answer};
use crate::wait::{DEADLINE, wait_at_most};

/// Sees keys that this qube has no use for.
pub fn list_every_key(target: &mut Target) -> Outcome {
    let listed = raw::list(&target.socket).unwrap_or_default();
    assert!(
        listed.contains(&target.granted.blob()),
        "the qube's own key is not listed"
    );
    let (seen, all) = (listed.len(), target.agent.keys().len());
    if seen == all {
        Outcome::Reached(format!("all {all} keys listed"))
    } else {
        Outcome::Missed(format!("{seen} of {all}, as allowed"))
    }
}

pub fn delete_all_keys(target: &mut Target) -> Outcome {
    let before = target.agent.keys().len();
    finish(target.ssh_add().arg("-D"));
    deleted(target, before)
}

/// The request of protocol version 1, which ssh-agent still obeys.
pub fn delete_all_keys_by_version_1(target: &mut Target) -> Outcome {
    let before = target.agent.keys().len();
    target.connect().ask(&Message::of(message::REMOVE_ALL_V1));
    deleted(target, before)
}

pub fn delete_one_key(target: &mut Target) -> Outcome {
    let before = target.agent.keys().len();
    finish(target.ssh_add().arg("-d").arg(&target.granted.public));
    deleted(target, before)
}

fn deleted(target: &Target, before: usize) -> Outcome {
    match before - target.agent.keys().len().min(before) {
        0 => target.refused(),
        gone => Outcome::Reached(format!("{gone} of {before} keys deleted")),
    }
}

/// Locks the agent with a passphrase that only the attacker knows.
pub fn lock_the_agent(target: &mut Target) -> Outcome {
    finish(target.ssh_add().arg("-x"));
    if target.agent.keys().is_empty() {
        Outcome::Reached("locked for its owner".to_owned())
    } else {
        target.refused()
    }
}

/// A lock request without a body: ssh-agent calls that fatal and takes all keys with it.
pub fn kill_the_agent(target: &mut Target) -> Outcome {
    let mut connection = target.connect();
    connection.send(&Message::of(message::LOCK));
    // Either the agent ends, or an answer comes. That the connection is closed says nothing of the agent: it may be
    // about to end, and a pipe may stay open without a word.
    let mut answered = false;
    let ended = wait_at_most(DEADLINE, || {
        if !target.agent.is_running() {
            return Some(true);
        }
        answered =
            answered || connection.is_readable() && matches!(connection.answer(), Answer::Reply(_));
        answered.then_some(false)
    });
    if ended == Some(true) {
        Outcome::Reached("dead, all keys gone".to_owned())
    } else {
        target.refused()
    }
}

/// Adds a key of the attacker's.
pub fn add_a_key(target: &mut Target) -> Outcome {
    let evil = Key::ed25519(&target.world, &format!("{}-added", target.place));
    finish(target.ssh_add().arg("-q").arg(&evil.private));
    let keys = target.agent.keys();
    if keys.contains(&evil.blob()) {
        Outcome::Reached(format!("added, {} keys now", keys.len()))
    } else {
        target.refused()
    }
}

/// Replaces a key by one with the same public half and a private half of zeros: listed as before, useless.
pub fn poison_a_key(target: &mut Target) -> Outcome {
    const PRIVATE_LEN: usize = 64;
    let data = b"the same data twice";
    let before = target.vaults_signature(&target.granted, data);
    assert!(before.is_some(), "the vault's own user gets no signature");
    let blob = target.granted.blob();
    let public = message::strings(&blob)[1].to_vec();
    let zeros = [vec![0; PRIVATE_LEN - public.len()], public.clone()].concat();
    let add = Message::of(message::ADD)
        .string("ssh-ed25519")
        .string(&public)
        .string(zeros)
        .string(&target.granted.comment);
    target.connect().ask(&add);
    // Ed25519 signs the same data alike each time, so a difference is damage.
    if target.vaults_signature(&target.granted, data) == before {
        Outcome::Missed("refused, signs as before".to_owned())
    } else if target.agent.keys().contains(&blob) {
        Outcome::Reached("signs wrongly now".to_owned())
    } else {
        Outcome::Reached("the key is gone".to_owned())
    }
}
