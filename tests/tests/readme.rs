//! README's first walk, word for word: from a vault without a key to a rule and the day's summary, with real ssh and a
//! server that nobody has met.

use std::path::Path;
use std::process::Command;

use testbed::children::{Running, run};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::programs;
use testbed::sshd::{Options, Sshd};
use testbed::wait::{wait_for_listener, wait_for_socket};
use testbed::world::{World, user_name};

/// A line of shell in a qube, as its user types it.
fn shell(world: &World, home: &str) -> Command {
    let mut command = world.command("env");
    let folder = programs::split_ssh().parent().expect("a folder").to_owned();
    let home = world.path(home);
    command
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env(
            "PATH",
            format!("{}/bin:{}:/usr/bin:/bin", home.display(), folder.display()),
        )
        .env("SSH_AUTH_SOCK", home.join("agent.sock"));
    command
}

/// The same as words for another program.
fn words(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?)));
    let set: Vec<String> = set.collect();
    format!("env -i {} sh -c", set.join(" "))
}

#[test]
fn the_first_ten_minutes_go_as_written() {
    let world = World::new();
    for folder in ["vault", "vault/run", "work", "work/run"] {
        world.directory(folder);
    }
    let server = Sshd::start_with(
        &world,
        &Options {
            name: "build.example",
            ..Options::default()
        },
    );
    let mut vault = shell(&world, "vault");
    vault.args(["split-ssh", "vault"]);
    let _vault = Running::start(vault, &world.path("vault/output"));
    let qrexec_socket = world.path("vault/run/split-ssh-vault/qrexec.sock");
    wait_for_socket(&qrexec_socket);

    let qrexec = stand_in(&world, "qrexec", "work");
    serve_socket(&qrexec, &qrexec_socket);
    let config = format!(
        "[[vault]]\nqube = \"vault\"\nkeyring = \"work\"\nsocket = \"{}\"\nqrexec = \"{}\"\n",
        world.path("work/agent.sock").display(),
        programs::qrexec_client_vm().display()
    );
    world.file("work/.config/split-ssh/client.toml", config);
    let mut client = shell(&world, "work");
    client
        .args(["split-ssh", "client"])
        .env("QREXEC_STAND_IN", &qrexec);
    let _client = Running::start(client, &world.path("work/output"));
    wait_for_listener(&world.path("work/agent.sock"));

    // The name leads to a server here; a person would say yes to its key.
    let ssh_config = world.file(
        "work/ssh_config",
        format!(
            "Host build.example\nHostName 127.0.0.1\nPort {}\nHostKeyAlias build.example\nUser {}\n\
             StrictHostKeyChecking accept-new\nUserKnownHostsFile {}\nIdentityFile none\n",
            server.port,
            user_name(),
            world.path("work/known_hosts").display()
        ),
    );
    world.script(
        "work/bin/ssh",
        format!(
            "#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n",
            ssh_config.display()
        ),
    );
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/readme_walk.py");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let mut walk = world.command("python3");
    walk.args(["-B".as_ref(), assets.as_os_str(), readme.as_os_str()])
        .arg(words(&shell(&world, "vault")))
        .arg(words(&shell(&world, "work")))
        .arg(world.path("build.example/authorized_keys"))
        .arg(world.path("vault"))
        .arg(user_name());
    run(&mut walk);
    assert_eq!(server.logins(), 3);
}
