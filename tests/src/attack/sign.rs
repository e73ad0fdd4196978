//! Attacks f and g: signatures that nobody meant to give.

use std::fs;

use super::Scene;
use crate::agent::Agent;
use crate::children::{finish, run};
use crate::keys::Key;
use crate::message::{self, Message, login, session_bind, sign, sign_flags};
use crate::raw::Connection;
use crate::ssh::Client;
use crate::world::user_name;

const SESSION_LEN: usize = 32;

/// A thousand logins on the one connection that was let in; two are too many.
pub fn sign_a_thousand_times(scene: &mut Scene) -> bool {
    let (key, host) = (scene.granted.blob(), scene.server.host_key.blob());
    let mut connection = scene.connect();
    let signatures = (0..1000_u32).filter(|round| {
        let mut session = [0; SESSION_LEN];
        session[..4].copy_from_slice(&round.to_be_bytes());
        let data = login(
            &session,
            &user_name(),
            &scene.granted.algorithm(),
            &key,
            Some(&host),
        );
        connection.ask(&sign(&key, &data)).signature().is_some()
    });
    let signatures = signatures.count();
    assert!(signatures >= 1, "not even the granted login was signed");
    signatures > 1
}

/// A commit of the attacker's, signed by the user.
pub fn sign_a_commit(scene: &mut Scene) -> bool {
    let commit = scene
        .world
        .file("commit", "tree 0\nauthor evil\n\nmalicious commit\n");
    let mut keygen = scene.world.command("ssh-keygen");
    keygen
        .args(["-Y", "sign", "-n", "git", "-f"])
        .arg(&scene.granted.public)
        .arg(&commit);
    finish(keygen.env("SSH_AUTH_SOCK", &scene.socket));
    let signature = scene.world.path("commit.sig");
    if !signature.exists() {
        return false;
    }
    let mut check = scene.world.command("sh");
    check
        .arg("-c")
        .arg("ssh-keygen -Y check-novalidate -n git -s commit.sig < commit");
    run(&mut check).contains("Good \"git\" signature")
}

/// A certificate for the attacker's key, valid for ever, used to log in.
pub fn issue_a_certificate(scene: &mut Scene) -> bool {
    // The CA's private half is in the vault only.
    fs::remove_file(&scene.authority.private).expect("the CA's file is ours");
    let evil = Key::ed25519(&scene.world, "evil");
    let mut keygen = scene.world.command("ssh-keygen");
    keygen
        .args(["-q", "-I", "evil", "-n", &user_name(), "-Us"])
        .arg(&scene.authority.public)
        .arg(&evil.public);
    finish(keygen.env("SSH_AUTH_SOCK", &scene.socket));
    let client = Client::new(&scene.world, &scene.socket, &[&scene.server]);
    let identity = format!("IdentityFile={}", evil.private.display());
    let login = finish(&mut client.ssh(&[
        "-o",
        "IdentityAgent=none",
        "-o",
        &identity,
        "server",
        "echo inside",
    ]));
    login.stdout == b"inside\n"
}

/// Raw data that looks like a key exchange's hash: with the signature, the user's key poses as a host key.
pub fn forge_a_bind(scene: &mut Scene) -> bool {
    const SHA512_LEN: usize = 64;
    let (key, session) = (scene.granted.blob(), [7; SHA512_LEN]);
    let Some(signature) = scene.connect().ask(&sign(&key, &session)).signature() else {
        return false;
    };
    let bystander = Agent::start_named(&scene.world, "bystander");
    let bind = session_bind(&key, &session, &signature, false);
    Connection::open(&bystander.socket).ask(&bind).number() == Some(message::SUCCESS)
}

/// Whoever holds the private host key of a trusted server passes a login to any other server off as one
/// to that, also where the key was added with `ssh-add -h`: a plain `publickey` login does not name its host,
/// and the bind is of the attacker's making.
pub fn borrow_destination(scene: &mut Scene) -> bool {
    let (key, session) = (scene.constrained.blob(), [9; SESSION_LEN]);
    let attackers = Agent::start_named(&scene.world, "attackers");
    attackers.add(&scene.world, &scene.server.host_key);
    let host = scene.server.host_key.blob();
    let stolen = Connection::open(&attackers.socket).ask(&sign(&host, &session));
    let stolen = stolen.signature().expect("the attacker's own agent signs");
    let mut connection = scene.connect();
    connection.ask(&session_bind(&host, &session, &stolen, false));
    let data = login(
        &session,
        &user_name(),
        &scene.constrained.algorithm(),
        &key,
        None,
    );
    connection.ask(&sign(&key, &data)).signature().is_some()
}

/// An RSA signature over SHA-1, which flags of zero ask for.
pub fn sign_with_sha1(scene: &mut Scene) -> bool {
    const SHA256_FLAG: u32 = 2;
    let (key, host) = (scene.old.blob(), scene.server.host_key.blob());
    let sign_as = |algorithm: &str, flags| {
        let data = login(
            &[3; SESSION_LEN],
            &user_name(),
            algorithm,
            &key,
            Some(&host),
        );
        scene
            .connect()
            .ask(&sign_flags(&key, &data, flags))
            .signature()
    };
    assert!(
        sign_as("rsa-sha2-256", SHA256_FLAG).is_some(),
        "the granted login was not signed"
    );
    sign_as("ssh-rsa", 0).is_some_and(|blob| blob.starts_with(&Message::new().string("ssh-rsa").0))
}
