//! Clients that are not OpenSSH: commands that log in to a server with whatever the agent offers and print what
//! `echo inside` says. None of them binds, and none names the host in what is signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::children::run;
use crate::lab::Lab;
use crate::programs::insist_on;
use crate::world::user_name;

fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets")
        .join(name)
}

/// Signs with each listed key in turn until one is taken.
pub fn paramiko(lab: &Lab, socket: &Path) -> Command {
    insist_on("/usr/lib/python3/dist-packages/paramiko");
    let mut python = lab.client(socket).with_agent("/usr/bin/python3");
    python
        .arg(asset("paramiko_login.py"))
        .arg(lab.server.port.to_string())
        .arg(known_hosts(lab))
        .arg(user_name());
    python
}

/// PuTTY's; opens a new connection for each message.
pub fn plink(lab: &Lab, socket: &Path) -> Command {
    insist_on("/usr/bin/plink");
    let fingerprint = lab.server.host_key.fingerprint(&lab.world);
    let port = lab.server.port.to_string();
    let mut plink = lab.client(socket).with_agent("plink");
    plink.args(["-ssh", "-batch", "-agent", "-hostkey", &fingerprint]);
    plink.args(["-P", &port, "-l", &user_name()]);
    plink.args(["127.0.0.1", "echo inside"]);
    plink
}

pub fn libssh(lab: &Lab, socket: &Path) -> Command {
    insist_on("/usr/include/libssh/libssh.h");
    let program = lab.world.path("libssh_login");
    let source = asset("libssh_login.c");
    run(Command::new("cc")
        .args(["-Wall", "-o"])
        .args([&program, &source])
        .arg("-lssh"));
    with_arguments(lab, socket, &program)
}

/// `cache` keeps what Go compiles of its libraries from one run to the next.
pub fn go(lab: &Lab, socket: &Path, cache: &Path) -> Command {
    insist_on("/usr/bin/go");
    insist_on("/usr/share/gocode/src/golang.org/x/crypto/ssh");
    let program = lab.world.path("go_login");
    // Debian's copies of the libraries, and nothing from the network.
    let mut build = lab.world.command("/usr/bin/go");
    build
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", cache)
        .env("CGO_ENABLED", "0");
    let source = asset("go_login.go");
    run(build.args(["build", "-o"]).args([&program, &source]));
    with_arguments(lab, socket, &program)
}

fn with_arguments(lab: &Lab, socket: &Path, program: &Path) -> Command {
    let mut command = lab.client(socket).with_agent(&program.to_string_lossy());
    command
        .arg(lab.server.port.to_string())
        .arg(user_name())
        .arg(known_hosts(lab));
    command
}

/// The server by its address, for clients that know no aliases.
fn known_hosts(lab: &Lab) -> PathBuf {
    let (port, key) = (lab.server.port, lab.server.host_key.line());
    let line = format!("[127.0.0.1]:{port} {key}\n");
    lab.world.file("others_known_hosts", line)
}
