//! Attacks a to d: look at, delete, lock, kill, add, spoil.

use wire::writer::Writer;

use super::{Outcome, Target, refused};
use crate::demo::agent::{Key, SOON, keys_at, ssh_add};
use crate::demo::running::wait_for;
use common::error::Error;

pub(super) fn list_every_key(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let seen = keys_at(&target.socket).unwrap_or_default().len();
    let all = target.agent.keys().unwrap_or_default().len();
    Ok(if seen == all {
        Outcome::Reached(format!("all {all} keys listed"))
    } else {
        Outcome::Missed(format!("{seen} of {all}, as allowed"))
    })
}

pub(super) fn delete_all_keys(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let before = target.agent.keys().unwrap_or_default().len();
    let mut delete = ssh_add(target.world, &target.socket);
    delete.arg("-D");
    target.world.finish(delete)?;
    let after = target.agent.keys().unwrap_or_default().len();
    Ok(match before - after.min(before) {
        0 => refused(&target.keys_left()),
        gone => Outcome::Reached(format!("{gone} of {before} keys deleted")),
    })
}

/// Locks the agent with a passphrase that only the attacker knows.
pub(super) fn lock_the_agent(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let askpass = target
        .world
        .script("attacker/askpass", "#!/bin/sh\necho mine\n")?;
    let mut lock = ssh_add(target.world, &target.socket);
    lock.arg("-x")
        .env("SSH_ASKPASS", askpass)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("DISPLAY", ":none");
    target.world.finish(lock)?;
    let left = target.agent.keys().unwrap_or_default().len();
    Ok(if left == 0 {
        Outcome::Reached("locked for its owner".to_owned())
    } else {
        refused(&target.keys_left())
    })
}

/// A lock request without a passphrase: ssh-agent ends at once, and all keys with it.
pub(super) fn kill_the_agent(target: &mut Target<'_>) -> Result<Outcome, Error> {
    const LOCK: u8 = 22;
    let mut connection = target.connect()?;
    let sent = connection.send(&wire::frame::encode(&[LOCK]));
    sent.map_err(|error| Error::io("write to", &target.socket, &error))?;
    // Either the agent ends, or an answer comes: a pipe may stay open without a word.
    let agent = &mut *target.agent;
    let ended = wait_for("the agent's end, or its answer", SOON, || {
        match agent.runs() {
            true if connection.has_answer() && connection.answer().is_some() => Some(false),
            true => None,
            false => Some(true),
        }
    });
    Ok(if ended.unwrap_or(false) {
        Outcome::Reached("dead, all keys gone".to_owned())
    } else {
        refused(&target.keys_left())
    })
}

pub(super) fn add_a_key(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let evil = Key::make(target.world, "attacker/added", target.name)?;
    let mut add = ssh_add(target.world, &target.socket);
    add.arg("-q").arg(&evil.private);
    target.world.finish(add)?;
    let keys = target.agent.keys().unwrap_or_default();
    Ok(if keys.contains(&evil.blob) {
        Outcome::Reached(format!("added, {} keys now", keys.len()))
    } else {
        refused(&target.keys_left())
    })
}

/// Replaces a key by one with the same public half and a private half of zeros: listed as before, useless.
pub(super) fn poison_a_key(target: &mut Target<'_>) -> Result<Outcome, Error> {
    const ADD_IDENTITY: u8 = 17;
    const PUBLIC_LEN: usize = 32;
    let data = b"the same data twice";
    let key = &target.keys.work;
    let before = target.agent.sign(key, data);
    let public = key.blob.last_chunk::<PUBLIC_LEN>().copied();
    let public = public.ok_or_else(|| Error::new("no Ed25519 key"))?;
    let add = Writer::build(|message| {
        message
            .u8(ADD_IDENTITY)
            .string("ssh-ed25519")
            .string(public)
            .string([[0; PUBLIC_LEN], public].concat())
            .string("work");
    });
    target.connect()?.ask(&add);
    let keys = target.agent.keys().unwrap_or_default();
    // Ed25519 signs the same data alike each time, so a difference is damage.
    let after = target.agent.sign(key, data);
    Ok(if before.is_some() && after == before {
        Outcome::Missed("refused, signs as before".to_owned())
    } else if keys.contains(&key.blob) {
        Outcome::Reached("signs wrongly now".to_owned())
    } else {
        Outcome::Reached("the key is gone".to_owned())
    })
}
