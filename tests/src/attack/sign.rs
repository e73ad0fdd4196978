//! Attacks f and g: signatures that nobody meant to give.

use std::fs::File;
use std::path::Path;

use super::{Outcome, Scene, Target};
use crate::agent::Agent;
use crate::children::finish;
use crate::keys::Key;
use crate::message::{self, Message, login, session_bind, sign, sign_flags};
use crate::raw::Connection;
use crate::world::user_name;

const SESSION_LEN: usize = 32;
const SHA512_LEN: usize = 64;

/// A thousand logins on the one connection that was let in; two are too many.
pub fn sign_a_thousand_times(target: &mut Target) -> Outcome {
    const LOGINS: u32 = 1000;
    let (key, host) = (target.granted.blob(), target.server.host_key.blob());
    let mut connection = target.connect();
    let signatures = (0..LOGINS).filter(|round| {
        let mut session = [0; SESSION_LEN];
        session[..4].copy_from_slice(&round.to_be_bytes());
        let data = login(
            &session,
            &user_name(),
            &target.granted.algorithm(),
            &key,
            Some(&host),
        );
        connection.ask(&sign(&key, &data)).signature().is_some()
    });
    match signatures.count() {
        0 => panic!("not even the granted login was signed"),
        1 => Outcome::Missed(format!("1 signed, {} refused", LOGINS - 1)),
        count => Outcome::Reached(format!("{count} signed")),
    }
}

/// A commit of the attacker's, signed by the user.
pub fn sign_a_commit(target: &mut Target) -> Outcome {
    let text = "tree 0\nauthor evil\n\nmalicious commit\n";
    let commit = target.file("commit", text);
    sign_a_file(target, "git", &commit)
}

/// A file that whoever trusts the user's key takes for the user's.
pub fn sign_a_release(target: &mut Target) -> Outcome {
    let release = target.file("release", "evil\n");
    sign_a_file(target, "file", &release)
}

fn sign_a_file(target: &Target, namespace: &str, file: &Path) -> Outcome {
    let signature = file.with_extension("sig");
    let mut keygen = target.keygen();
    keygen
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(&target.granted.public);
    finish(keygen.arg(file));
    let mut check = target.keygen();
    check
        .args(["-Y", "check-novalidate", "-n", namespace, "-s"])
        .arg(&signature)
        .stdin(File::open(file).expect("our own file"));
    let verifies = check.output().expect("ssh-keygen").status.success();
    Outcome::of(verifies, "signed, and verifies")
}

/// A certificate for the attacker's key, valid for ever, used to log in.
pub fn issue_a_certificate(target: &mut Target) -> Outcome {
    let evil = Key::ed25519(&target.world, &format!("{}-evil", target.place));
    // The CA's private half is in the vault only.
    let authority = target.file("ca.pub", target.authority.line());
    let mut keygen = target.keygen();
    keygen
        .args(["-q", "-I", "evil", "-n", &user_name(), "-Us"])
        .arg(authority)
        .arg(&evil.public);
    finish(&mut keygen);
    let identity = format!("IdentityFile={}", evil.private.display());
    let login = finish(&mut target.client().ssh(&[
        "-o",
        "IdentityAgent=none",
        "-o",
        &identity,
        &target.server.name,
        "echo inside",
    ]));
    Outcome::of(login.stdout == b"inside\n", "made, and logged in")
}

/// Bytes that look like a key exchange's hash.
pub fn sign_raw_bytes(target: &mut Target) -> Outcome {
    let request = sign(&target.granted.blob(), &[7; SHA512_LEN]);
    let signature = target.connect().ask(&request).signature();
    Outcome::of(signature.is_some(), "signed")
}

/// With such a signature, the user's key poses as a host key.
pub fn forge_a_bind(target: &mut Target) -> Outcome {
    let (key, session) = (target.granted.blob(), [7; SHA512_LEN]);
    let signature = target.connect().ask(&sign(&key, &session)).signature();
    let believed = signature.is_some_and(|signature| {
        let bystander = Agent::start_named(&target.world, "bystander");
        let bind = session_bind(&key, &session, &signature, false);
        Connection::open(&bystander.socket).ask(&bind).number() == Some(message::SUCCESS)
    });
    Outcome::of(believed, "forged, and believed")
}

/// Whoever holds the private host key of a trusted server passes a login to any other server off as one
/// to that, also where the key was added with `ssh-add -h`: a plain `publickey` login does not name its host,
/// and the bind is of the attacker's making.
pub fn borrow_destination(scene: &mut Scene) -> Outcome {
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
    let signature = connection.ask(&sign(&key, &data)).signature();
    Outcome::of(signature.is_some(), "signed")
}

/// An RSA signature over SHA-1, which flags of zero ask for.
pub fn sign_with_sha1(scene: &mut Scene) -> Outcome {
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
    let sha1 = Message::new().string("ssh-rsa").0;
    let signed = sign_as("ssh-rsa", 0).is_some_and(|blob| blob.starts_with(&sha1));
    Outcome::of(signed, "signed")
}
