//! What people do with an agent, done by the programs that they use. Each insists that it worked.

use std::fs;
use std::path::Path;

use crate::children::{Running, finish, run, text};
use crate::lab::Lab;
use crate::other_clients;
use crate::wait::wait_for;

/// A flow: the lab, and the socket of the agent to use.
pub type Flow = fn(&Lab, &Path);

pub fn login(lab: &Lab, socket: &Path) {
    assert_eq!(
        run(&mut lab.client(socket).ssh(&["server", "echo inside"])),
        "inside\n"
    );
}

/// `ssh -A`, where nobody uses the agent at the other end: one connection is opened and closed in silence.
pub fn login_with_unused_forwarding(lab: &Lab, socket: &Path) {
    assert_eq!(
        run(&mut lab.client(socket).ssh(&["-A", "server", "echo inside"])),
        "inside\n"
    );
}

/// `ssh-add -L` on the server sees the forwarded agent's keys.
pub fn list_from_the_server(lab: &Lab, socket: &Path) {
    let listed = run(&mut lab.client(socket).ssh(&["-A", "server", "ssh-add -L"]));
    assert!(listed.contains(&lab.key.line()), "{listed}");
}

/// From the server on to the second one, with the forwarded agent.
pub fn login_from_the_server(lab: &Lab, socket: &Path) {
    let client = lab.client(socket);
    let onward = format!("ssh -F {} second echo inside", client.config.display());
    assert_eq!(run(&mut client.ssh(&["-A", "server", &onward])), "inside\n");
}

/// `ssh -J`: two logins, both from here.
pub fn login_through_a_jump_host(lab: &Lab, socket: &Path) {
    assert_eq!(
        run(&mut lab
            .client(socket)
            .ssh(&["-J", "server", "second", "echo inside"])),
        "inside\n"
    );
}

/// One login, then sessions over its connection.
pub fn share_a_connection(lab: &Lab, socket: &Path) {
    let client = lab.client(socket);
    let control = lab.world.path("control");
    let path = format!("ControlPath={}", control.display());
    let mut master = client.ssh(&["-o", &path, "-MN", "server"]);
    master.env("SSH_AUTH_SOCK", socket);
    let master = Running::start(master, &lab.world.path("master.log"));
    wait_for("the shared connection", || control.exists().then_some(()));
    for _ in 0..2 {
        let mut session = client.ssh(&["-o", &path, "server", "echo inside"]);
        assert_eq!(run(session.env_remove("SSH_AUTH_SOCK")), "inside\n");
    }
    run(&mut client.ssh(&["-o", &path, "-q", "-O", "exit", "server"]));
    drop(master);
}

pub fn copy_a_file(lab: &Lab, socket: &Path) {
    let source = lab.world.file("source", "content");
    let target = lab.world.path("target");
    let mut scp = lab.client(socket).program("scp");
    run(scp
        .arg("-q")
        .arg(&source)
        .arg(format!("server:{}", target.display())));
    assert_eq!(fs::read(&target).expect("a copy"), b"content");
}

/// Clone and push, each a login.
pub fn git_over_ssh(lab: &Lab, socket: &Path) {
    let client = lab.client(socket);
    run(&mut client.git(&["init", "-q", "--bare", "remote.git"]));
    let remote = format!("server:{}", lab.world.path("remote.git").display());
    run(&mut client.git(&["clone", "-q", &remote, "clone"]));
    run(&mut client.git(&["-C", "clone", "commit", "-q", "--allow-empty", "-m", "one"]));
    run(&mut client.git(&["-C", "clone", "push", "-q", "origin", "main"]));
    assert_eq!(
        run(&mut client.git(&["-C", "remote.git", "log", "--format=%s", "main"])),
        "one\n"
    );
}

/// `git commit -S`, and git's own check of the signature.
pub fn sign_a_commit(lab: &Lab, socket: &Path) {
    let client = lab.client(socket);
    let signing = format!("user.signingkey={}", lab.key.public.display());
    let signers = lab
        .world
        .file("signers", format!("a@example.org {}\n", lab.key.line()));
    let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    run(&mut client.git(&["init", "-q", "signed"]));
    run(&mut client.git(&[
        "-C",
        "signed",
        "-c",
        &signing,
        "commit",
        "-q",
        "-S",
        "--allow-empty",
        "-m",
        "one",
    ]));
    let verified =
        finish(&mut client.git(&["-C", "signed", "-c", &signers, "verify-commit", "HEAD"]));
    assert!(
        text(&verified).contains("Good \"git\" signature"),
        "{}",
        text(&verified)
    );
}

pub fn list_keys(lab: &Lab, socket: &Path) {
    let listed = run(lab.client(socket).with_agent("ssh-add").arg("-L"));
    assert!(listed.contains(&lab.key.line()), "{listed}");
    let short = run(lab.client(socket).with_agent("ssh-add").arg("-l"));
    assert!(short.contains(&lab.key.fingerprint(&lab.world)), "{short}");
}

/// `ssh-add -T` has 1024 random bytes signed.
pub fn test_a_key(lab: &Lab, socket: &Path) {
    run(lab
        .client(socket)
        .with_agent("ssh-add")
        .arg("-T")
        .arg(&lab.key.public));
}

pub fn sign_a_file(lab: &Lab, socket: &Path) {
    sign_files(lab, socket, &["one"]);
}

/// One list and three signatures on one connection.
pub fn sign_several_files(lab: &Lab, socket: &Path) {
    sign_files(lab, socket, &["one", "two", "three"]);
}

fn sign_files(lab: &Lab, socket: &Path, names: &[&str]) {
    let client = lab.client(socket);
    let mut sign = client.with_agent("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", "file", "-f"])
        .arg(&lab.key.public);
    for name in names {
        sign.arg(lab.world.file(name, format!("content of {name}\n")));
    }
    run(&mut sign);
    for name in names {
        let check = format!("ssh-keygen -Y check-novalidate -n file -s {name}.sig < {name}");
        assert!(
            run(lab.world.command("sh").args(["-c", &check])).contains("Good \"file\" signature")
        );
    }
}

pub fn login_by_paramiko(lab: &Lab, socket: &Path) {
    assert_eq!(run(&mut other_clients::paramiko(lab, socket)), "inside\n");
}

pub fn login_by_plink(lab: &Lab, socket: &Path) {
    assert_eq!(run(&mut other_clients::plink(lab, socket)), "inside\n");
}

/// An older client's login: plain `publickey`, which does not name the host.
pub fn login_without_hostbound(lab: &Lab, socket: &Path) {
    let words = [
        "-o",
        "PubkeyAuthentication=unbound",
        "server",
        "echo inside",
    ];
    assert_eq!(run(&mut lab.client(socket).ssh(&words)), "inside\n");
}
